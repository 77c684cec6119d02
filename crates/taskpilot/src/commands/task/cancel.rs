//! `task cancel`: the verdict, and with `--wait` the proof.

mod below;
mod cleanup;
mod proof;

use taskpilot_api::executions::CancelBody;
use taskpilot_domain::ids::TaskId;

use super::arguments::CancelArgs;
use super::cancel_many;
use crate::commands::Session;
use crate::commands::wait::{self, Patience};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(super) async fn run(arguments: CancelArgs, session: &Session) -> Result<Code, Failure> {
    let is_of_many =
        arguments.dry_run || arguments.key.is_some() || arguments.max_per_second.is_some();
    let only = match arguments.ids[..] {
        [id] if !is_of_many => Some(id),
        _ => None,
    };
    let Some(id) = only else {
        return cancel_many::run(arguments, session).await;
    };
    let body = CancelBody {
        reason: arguments.reason,
        cascade: arguments.reach.cascade,
    };
    let Some(wait) = arguments.wait.wait else {
        let canceled = cancel(id, &body, session).await?;
        return told(id, canceled, session).await;
    };
    // A cancel is repeatable: the first one that arrives is the verdict.
    let mut patience = Patience::new(session, Some(wait));
    match patience.answer(|| cancel(id, &body, session)).await? {
        Canceled::Execution => {
            let asked = proof::Asked {
                id,
                cascade: body.cascade,
                cleanup: arguments.reach.cleanup,
            };
            proof::proven(&asked, patience, session).await
        }
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
