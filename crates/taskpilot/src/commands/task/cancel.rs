//! `task cancel`: the verdict, and with `--wait` the proof.

use taskpilot_api::executions::{CancelBody, ExecutionView, StopRecord};
use taskpilot_domain::ids::TaskId;

use super::arguments::CancelArgs;
use crate::commands::wait::{self, Patience};
use crate::commands::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(super) async fn run(arguments: CancelArgs, session: &Session) -> Result<Code, Failure> {
    let id = arguments.id;
    let body = CancelBody {
        reason: arguments.reason,
    };
    let Some(wait) = arguments.wait.wait else {
        let canceled = cancel(id, &body, session).await?;
        return told(id, canceled, session).await;
    };
    // A cancel is repeatable: the first one that arrives is the verdict.
    let mut patience = Patience::new(session, Some(wait));
    match patience.answer(|| cancel(id, &body, session)).await? {
        Canceled::Execution => proven(id, patience, session).await,
        Canceled::Task => told(id, Canceled::Task, session).await,
    }
}

/// What was canceled.
enum Canceled {
    /// The execution of the task.
    Execution,
    /// The task itself, which had none.
    Task,
}

async fn cancel(id: TaskId, body: &CancelBody, session: &Session) -> Result<Canceled, Failure> {
    match session.client.cancel(id.get(), body, None).await {
        Ok(_) => Ok(Canceled::Execution),
        Err(error) if wait::is_not_bound(&error) => {
            session.client.withdraw(id.get()).await?;
            Ok(Canceled::Task)
        }
        Err(error) => Err(error.into()),
    }
}

async fn told(id: TaskId, canceled: Canceled, session: &Session) -> Result<Code, Failure> {
    match (session.format, canceled) {
        (Format::Json, Canceled::Execution) => {
            output::json(&session.client.execution(id.get()).await?)?;
        }
        (Format::Json, Canceled::Task) => output::json(&session.client.get(id.get()).await?)?,
        (Format::Text, Canceled::Execution) => {
            output::line(&format!("task {id} canceled"));
            output::hint(&format!("the stop: taskpilot execution get {id}"));
        }
        (Format::Text, Canceled::Task) => {
            output::line(&format!("task {id} withdrawn: it was not bound yet"));
        }
    }
    Ok(Code::Ok)
}

/// Waits for the end of the work and tells each stage as it is seen.
async fn proven(id: TaskId, mut patience: Patience, session: &Session) -> Result<Code, Failure> {
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
        &mut patience,
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
