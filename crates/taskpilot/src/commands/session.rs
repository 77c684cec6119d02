//! One call of a command: the client and the format it works with, and what becomes of a failure.

use std::future::Future;

use taskpilot_client::ClientError;
use taskpilot_client::tasks::TasksClient;
use taskpilot_client::transport::NoAnswerKind;

use crate::arguments::ClientArgs;
use crate::config::{CONTROL_ADDRESS, File};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// What a command works with.
pub(crate) struct Session {
    pub(crate) client: TasksClient,
    pub(crate) format: Format,
}

/// Runs one command; Ctrl-C ends it at once.
pub(crate) fn run<F>(
    arguments: ClientArgs,
    file: &File,
    command: impl FnOnce(Session) -> F,
) -> Result<Code, Failure>
where
    F: Future<Output = Result<Code, Failure>>,
{
    let url = arguments.url.or_else(|| file.url.clone());
    let url = url.unwrap_or_else(|| format!("http://{CONTROL_ADDRESS}"));
    let client = TasksClient::new(url.trim_end_matches('/'))
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let format = if arguments.json {
        Format::Json
    } else {
        Format::Text
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    runtime.block_on(async {
        tokio::select! {
            outcome = command(Session { client, format }) => {
                outcome.map_err(|failure| explained(failure, &url, format))
            }
            _ = tokio::signal::ctrl_c() => {
                output::end_growing();
                Ok(Code::Interrupted)
            }
        }
    })
}

/// Says what to do about a server that cannot be reached, and tells programs what the server said.
fn explained(failure: Failure, url: &str, format: Format) -> Failure {
    let code = failure.code();
    let document = match (&failure, format) {
        (_, Format::Text) => return advised(failure, url),
        (Failure::Call(ClientError::Refused { problem, .. }), Format::Json)
            if !problem.code.is_empty() =>
        {
            serde_json::to_value(problem)
        }
        (Failure::Call(ClientError::NoAnswer(_)), Format::Json) => {
            let detail = advised(failure, url).detail();
            Ok(serde_json::json!({"code": "no_answer", "detail": detail}))
        }
        (_, Format::Json) => return failure,
    };
    match document {
        Ok(document) => Failure::Problem(code, document.to_string()),
        Err(error) => Failure::Other(error.into()),
    }
}

fn advised(failure: Failure, url: &str) -> Failure {
    let Failure::Call(ClientError::NoAnswer(no_answer)) = failure else {
        return failure;
    };
    let advice = match no_answer.kind {
        NoAnswerKind::Unreachable => ": is `taskpilot up` running?",
        NoAnswerKind::TimedOut | NoAnswerKind::Broken => "",
    };
    Failure::Coded(Code::Error, format!("{url}: {no_answer}{advice}"))
}
