//! The cleanup that is owed for what was canceled: how it stands, and with `--cleanup` its end.

use taskpilot_api::executions::ExecutionView;
use taskpilot_domain::ids::TaskId;

use crate::commands::wait::{self, Patience};
use crate::commands::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// The cleanup, told in a line whenever it stands otherwise.
pub(super) struct Cleanup {
    is_told: bool,
    last: String,
}

impl Cleanup {
    /// For programs there is only the view at the end.
    pub(super) fn of(format: Format) -> Self {
        Self {
            is_told: format == Format::Text,
            last: String::new(),
        }
    }

    pub(super) fn tell(&mut self, view: &ExecutionView) {
        let Some(owed) = view.cleanup.as_ref().filter(|_| self.is_told) else {
            return;
        };
        let now = line(owed);
        if now != self.last {
            output::state(&now);
            self.last = now;
        }
    }

    /// Waits for its end, and gives the last look at the execution that it is owed for.
    pub(super) async fn ended(
        &mut self,
        (id, view): (TaskId, ExecutionView),
        patience: &mut Patience,
        session: &Session,
    ) -> Result<ExecutionView, Failure> {
        if wait::cleanup_is_over(&view) {
            return Ok(view);
        }
        let is_over = wait::cleanup_is_over;
        let mut tell = |view: &ExecutionView| self.tell(view);
        match wait::until(&session.client, id.get(), patience, is_over, &mut tell).await {
            Ok((last, _)) => Ok(last),
            // It was over before.
            Err(Failure::Coded(Code::TimedOut, _)) => Ok(view),
            Err(failure) => Err(failure),
        }
    }
}

/// How a cleanup stands, and why it failed.
pub(super) fn line(owed: &ExecutionView) -> String {
    let state = describe::cleanup(owed);
    let error = owed.last_error.as_ref().filter(|_| wait::is_final(owed));
    let error = error.map_or_else(String::new, |error| format!(": {error}"));
    format!("cleanup {state}{error}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_cleanup_says_which_execution_it_is_and_why_it_failed() {
        let told = |cleanup: Value| line(&serde_json::from_value(cleanup).unwrap());
        let failed = json!({"schedulerTaskId": 12, "status": "FAILED", "lastError": "exit code 4"});
        assert_eq!(told(failed), "cleanup FAILED (execution 12): exit code 4");
        let again = json!({"schedulerTaskId": 12, "status": "PENDING", "phase": "BACKING_OFF",
            "lastError": "exit code 4"});
        assert_eq!(told(again), "cleanup PENDING BACKING_OFF (execution 12)");
    }
}
