//! `task watch`: an execution as it changes, until it ends.

use taskpilot_api::executions::ExecutionView;
use taskpilot_domain::ids::TaskId;

use crate::commands::wait::{self, Patience};
use crate::commands::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(super) async fn run(
    id: TaskId,
    mut patience: Patience,
    session: &Session,
) -> Result<Code, Failure> {
    let mut last = String::new();
    let mut tell = |view: &ExecutionView| {
        let now = describe::state(view);
        if session.format == Format::Text && now != last {
            output::state(&moment(view, &now));
            last = now;
        }
    };
    let (view, settled) = wait::until(
        &session.client,
        id.get(),
        &mut patience,
        wait::is_final,
        &mut tell,
    )
    .await?;
    match session.format {
        Format::Json => output::json(&view)?,
        Format::Text => output::facts(&describe::execution(&view)[1..]),
    }
    Ok(wait::end_code(&view, settled))
}

/// A line for a state that was just seen, with who runs it.
fn moment(view: &ExecutionView, state: &str) -> String {
    let attempt = view.attempts.iter().flatten().last();
    let worker = attempt.and_then(|attempt| attempt.worker_name.as_deref());
    match (view.phase.is_none(), worker) {
        (true, Some(worker)) => format!("{state}  on {worker}"),
        _ => state.to_owned(),
    }
}
