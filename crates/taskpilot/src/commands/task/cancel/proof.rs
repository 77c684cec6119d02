//! The proof of a stop that is waited for: its stages as they happen, and what its end means.

use serde::Serialize;
use taskpilot_api::executions::{ExecutionView, StopRecord};
use taskpilot_api::open::HowWord;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::stop::{How, StopStatus};

use super::below;
use super::cleanup::Cleanup;
use crate::commands::describe::Stage;
use crate::commands::wait::{self, Patience};
use crate::commands::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// What is waited for.
pub(super) struct Asked {
    pub(super) id: TaskId,
    /// With all that is below it.
    pub(super) cascade: bool,
    /// With the cleanups that are owed.
    pub(super) cleanup: bool,
}

/// Waits for the end of the work and tells each stage as it is seen: in a line that grows, or as JSON
/// lines.
pub(super) async fn proven(
    asked: &Asked,
    mut patience: Patience,
    session: &Session,
) -> Result<Code, Failure> {
    let id = asked.id;
    let mut stages = Stages::of(id, session.format);
    let mut tell = |view: &ExecutionView| {
        if !lacks_stamps(view) {
            stages.tell(view);
        }
    };
    let settled = wait::stop_is_settled;
    let waited = wait::until(&session.client, id.get(), &mut patience, settled, &mut tell);
    let (view, settled) = waited.await?;
    let view = with_late_stamps(view, &mut patience, session, id).await;
    stages.tell(&view);
    let is_text = session.format == Format::Text;
    if is_text {
        output::state(&summary(id, &view));
    }
    let mut code = if settled {
        wait::stop_code(&view)
    } else {
        Code::TimedOut
    };
    let mut cleanup = Cleanup::of(session.format);
    cleanup.tell(&view);
    let view = if asked.cleanup {
        let view = cleanup.ended((id, view), &mut patience, session).await?;
        code = below::worst(code, wait::cleanup_code(&view));
        view
    } else {
        view
    };
    if asked.cascade {
        let below = below::ended(asked, &mut patience, session).await?;
        code = below::worst(code, below.code());
        match session.format {
            Format::Json => output::line(&below.json()),
            Format::Text => {
                for line in below.lines() {
                    output::state(&line);
                }
            }
        }
    }
    // For programs the view is the last line.
    if !is_text {
        output::json(&view)?;
    }
    Ok(code)
}

/// The stages of a stop that were told.
struct Stages {
    task: TaskId,
    format: Format,
    told: Vec<Stage>,
}

/// A stage as programs are told of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'s> {
    task_id: TaskId,
    #[serde(flatten)]
    stage: &'s Stage,
}

impl Stages {
    fn of(task: TaskId, format: Format) -> Self {
        Self {
            task,
            format,
            told: Vec::new(),
        }
    }

    /// Tells what a look has to tell beyond that.
    fn tell(&mut self, view: &ExecutionView) {
        for stage in self.next(view) {
            match self.format {
                Format::Json => output::line(&self.line(&stage)),
                Format::Text => output::grow(&stage.to_string()),
            }
        }
    }

    fn line(&self, stage: &Stage) -> String {
        let task_id = self.task;
        let line = serde_json::to_string(&Line { task_id, stage });
        line.expect("invariant: words and numbers are JSON")
    }

    fn next(&mut self, view: &ExecutionView) -> Vec<Stage> {
        let stages = view.stop.as_ref().map(describe::stop_stages);
        let stages = stages.into_iter().flatten();
        let new: Vec<Stage> = stages.filter(|stage| !self.told.contains(stage)).collect();
        self.told.extend(new.iter().cloned());
        new
    }
}

/// Whether work was ended, and the word that it was signaled is still on its way: it may come after
/// the proof.
fn lacks_stamps(view: &ExecutionView) -> bool {
    let stop = view.stop.as_ref();
    stop.is_some_and(|stop| {
        let how = stop.how.as_ref().and_then(HowWord::known);
        let was_signaled = match how {
            Some(How::Terminated | How::Killed | How::Cooperative) => true,
            Some(How::Finished | How::NeverStarted) | None => false,
        };
        was_signaled && (stop.delivered_at.is_none() || stop.acknowledged_at.is_none())
    })
}

/// Gives such a word a moment, so that the stages are told in their order.
async fn with_late_stamps(
    view: ExecutionView,
    patience: &mut Patience,
    session: &Session,
    id: TaskId,
) -> ExecutionView {
    if !lacks_stamps(&view) || patience.pause().await.is_err() {
        return view;
    }
    session.client.execution(id.get()).await.unwrap_or(view)
}

/// What the end of a wait means.
pub(super) fn summary(id: TaskId, view: &ExecutionView) -> String {
    let verdict = match view.status.known() {
        Some(State::Succeeded | State::Failed) => view.status.to_string(),
        Some(State::Canceled | State::Pending | State::Running) | None => "canceled".to_owned(),
    };
    let Some(stop) = &view.stop else {
        return format!("task {id} {verdict}; this scheduler tells nothing of the stop");
    };
    let status = describe::stop_status(stop);
    match meaning(stop) {
        Some(meaning) => format!("task {id} {verdict}, stop {status}: {meaning}"),
        None => format!("task {id} {verdict}, stop {status}"),
    }
}

/// What a stop that is not proven means for who waited for it.
fn meaning(stop: &StopRecord) -> Option<String> {
    match stop.status.known()? {
        StopStatus::Stopped => None,
        StopStatus::NotNeeded => Some("nothing ran".to_owned()),
        StopStatus::Presumed => {
            Some("its worker is gone, and nobody can prove that the work has ended".to_owned())
        }
        StopStatus::Abandoned => Some("its code does not heed the stop and may still run".into()),
        StopStatus::Stuck => Some("it could not be ended in time and may still run".into()),
        StopStatus::Requested | StopStatus::Delivered | StopStatus::Acknowledged => {
            Some(match stop.stops_by {
                Some(by) => format!("the wait ran out; the work ends by {by}"),
                None => "the wait ran out".to_owned(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn view(stop: &Value) -> ExecutionView {
        let mut view = json!({"schedulerTaskId": 1, "status": "CANCELED"});
        view["stop"] = stop.clone();
        serde_json::from_value(view).unwrap()
    }

    fn stop(more: &Value) -> Value {
        let mut stop = json!({"status": "REQUESTED", "requestedAt": "2026-03-01T00:00:00.000Z"});
        stop.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        stop
    }

    const STOPPED: &str = "2026-03-01T00:00:00.231Z";

    #[test]
    fn a_signal_that_is_known_after_the_end_is_told_before_it() {
        let delivered =
            stop(&json!({"status": "DELIVERED", "deliveredAt": "2026-03-01T00:00:00.003Z"}));
        let mut ended = delivered.clone();
        ended["status"] = json!("STOPPED");
        ended["how"] = json!("terminated");
        ended["endedAt"] = json!(STOPPED);
        let mut whole = ended.clone();
        whole["acknowledgedAt"] = json!("2026-03-01T00:00:00.004Z");
        assert!(lacks_stamps(&view(&ended)), "it waits a moment");
        assert!(!lacks_stamps(&view(&delivered)) && !lacks_stamps(&view(&whole)));
        let id = TaskId::new(4).unwrap();
        let mut stages = Stages::of(id, Format::Json);
        let told: Vec<Stage> = [stop(&json!({})), delivered, whole]
            .iter()
            .flat_map(|stop| stages.next(&view(stop)))
            .collect();
        assert_eq!(
            stages.line(&told[1]),
            r#"{"taskId":4,"stage":"delivered","at":"2026-03-01T00:00:00.003Z","afterMs":3}"#
        );
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        let expected = [
            "requested 0 ms",
            "delivered 3 ms",
            "signaled 4 ms",
            "stopped 231 ms",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn nobody_waits_for_a_signal_that_never_was() {
        for how in ["finished", "never_started"] {
            let ended = stop(&json!({"status": "STOPPED", "how": how, "endedAt": STOPPED}));
            assert!(!lacks_stamps(&view(&ended)), "{how}");
        }
        let presumed = stop(&json!({"status": "PRESUMED", "endedAt": STOPPED}));
        assert!(!lacks_stamps(&view(&presumed)));
    }

    #[test]
    fn a_summary_says_what_a_stop_without_proof_means() {
        let id = TaskId::new(4).unwrap();
        let said = |stop: Value| summary(id, &view(&stop));
        assert_eq!(
            said(stop(&json!({"status": "STOPPED", "how": "killed"}))),
            "task 4 canceled, stop STOPPED (killed)"
        );
        let by = "2026-03-01T00:00:15.000Z";
        assert_eq!(
            said(stop(&json!({"status": "DELIVERED", "stopsBy": by}))),
            "task 4 canceled, stop DELIVERED: the wait ran out; the work ends by 2026-03-01T00:00:15.000Z"
        );
        assert_eq!(
            said(Value::Null),
            "task 4 canceled; this scheduler tells nothing of the stop"
        );
    }
}
