//! `task cancel`: the verdict, and with `--wait` the proof.

use std::time::Duration;

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::executions::{CancelBody, ExecutionView, StopRecord};
use taskpilot_client::ClientError;
use taskpilot_domain::ids::TaskId;

use super::arguments::CancelArgs;
use crate::commands::{Session, describe, wait};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(super) async fn run(arguments: CancelArgs, session: &Session) -> Result<Code, Failure> {
    let id = arguments.id;
    let body = CancelBody {
        reason: arguments.reason,
    };
    match session.client.cancel(id.get(), &body, None).await {
        Ok(_) => {}
        Err(ClientError::Refused { problem, .. })
            if problem.error_code() == Some(ErrorCode::TaskNotBound) =>
        {
            return withdraw(id, session).await;
        }
        Err(error) => return Err(error.into()),
    }
    if let Some(timeout) = arguments.wait.wait {
        return proven(id, timeout, session).await;
    }
    match session.format {
        Format::Json => output::json(&session.client.execution(id.get()).await?)?,
        Format::Text => {
            output::line(&format!("task {id} canceled"));
            output::hint(&format!("the stop: taskpilot execution get {id}"));
        }
    }
    Ok(Code::Ok)
}

async fn withdraw(id: TaskId, session: &Session) -> Result<Code, Failure> {
    session.client.withdraw(id.get()).await?;
    match session.format {
        Format::Json => output::json(&session.client.get(id.get()).await?)?,
        Format::Text => output::line(&format!("task {id} withdrawn: it was not bound yet")),
    }
    Ok(Code::Ok)
}

/// Waits for the end of the work and tells each stage as it is seen.
async fn proven(id: TaskId, timeout: Duration, session: &Session) -> Result<Code, Failure> {
    // A stamp may be filled in after a later one: each stage is told when it is first seen.
    let mut told = Vec::new();
    let mut tell = |view: &ExecutionView| {
        let stages = view.stop.as_ref().map(describe::stop_stages);
        for stage in stages.into_iter().flatten() {
            if session.format == Format::Text && !told.contains(&stage) {
                output::line(&stage);
                told.push(stage);
            }
        }
    };
    let client = &session.client;
    let (view, _) = wait::until(
        client,
        id.get(),
        Some(timeout),
        wait::stop_is_settled,
        &mut tell,
    )
    .await?;
    match session.format {
        Format::Json => output::json(&view)?,
        Format::Text => output::line(&summary(id, view.stop.as_ref())),
    }
    Ok(wait::stop_code(&view))
}

fn summary(id: TaskId, stop: Option<&StopRecord>) -> String {
    match stop {
        Some(stop) => format!("task {id} canceled, stop {}", describe::stop_status(stop)),
        None => format!("task {id} canceled; this scheduler tells nothing of the stop"),
    }
}
