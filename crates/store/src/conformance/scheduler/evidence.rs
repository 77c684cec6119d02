//! What is kept of a stopped attempt beside its end: how its program ended, what it printed, and what
//! it reported too late.

use std::sync::Arc;

use taskpilot_domain::execution::{AttemptEnd, State};
use taskpilot_domain::limits::LATE_RESULT_BYTES_MAX;
use taskpilot_domain::stop::{How, StopEvent, StopStatus};

use super::scene::{Scene, Worker};
use super::words::{
    assert_same, at, broken, failed, failed_for_good, hasty, interrupted, stage, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::attempts::{AttemptRecord, Exit, LateReport, OutputTail};
use crate::rows::executions::Grant;
use crate::rows::sessions::{HandIn, HandInOutcome, HandInVerdict};
use crate::rows::stops::StopReport;

/// An attempt of one second that ran longer, and the next one, which runs.
async fn timed_out_and_tried_again(
    scene: &Scene,
    begun: u64,
    proven_first: bool,
) -> (Worker, Grant) {
    let at = |ms: u64| at(begun + ms);
    let mut new = hasty(3);
    new.options.attempt_timeout_ms = Some(1_000);
    let (worker, grant) = scene.running(at(0), new).await;
    assert_eq!(scene.time_out(at(1_001)).await, 1);
    if proven_first {
        let proof = StopReport {
            evidence: Some(Arc::from(r#"{"proof":"waitpid","swept":2}"#)),
            ..stage(grant.fence, StopEvent::Ended(How::Killed))
        };
        scene.report(&worker, at(1_100), proof).await;
        scene.promote(at(1_100)).await;
        scene.claim_one(&worker, at(1_100)).await;
    }
    (worker, grant)
}

fn telling(item: HandIn) -> HandIn {
    HandIn {
        exit: Exit {
            code: Some(7),
            signal: None,
        },
        output: Some(Arc::new(OutputTail {
            stdout: "what it had done".into(),
            ..OutputTail::default()
        })),
        ..item
    }
}

async fn first(scene: &Scene, grant: &Grant) -> AttemptRecord {
    let record = scene.record(grant.fence.execution).await;
    record.attempts[0].clone()
}

pub async fn what_a_stopped_attempt_reports_is_kept_whatever_was_the_proof(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    for (begun, proven_first) in [(0, false), (10_000, true)] {
        let at = |ms: u64| at(begun + ms);
        let (worker, grant) = timed_out_and_tried_again(&scene, begun, proven_first).await;
        let before = scene.record(grant.fence.execution).await;
        let item = telling(succeeded(grant.fence));
        let verdict = scene.finish(&worker, at(1_200), item).await;
        assert_eq!(verdict, HandInVerdict::Stale, "it is nobody's outcome");
        let late = LateReport {
            at: at(1_200),
            outcome: AttemptEnd::Succeeded,
            result_bytes: Some(11),
            result: Some(Arc::from(r#"{"ok":true}"#)),
            error: None,
        };
        let told = first(&scene, &grant).await;
        let output = told.output.as_ref().map(|output| output.stdout.as_str());
        assert_eq!(
            (told.late.as_ref(), told.exit.code, output),
            (Some(&late), Some(7), Some("what it had done"))
        );
        let stop = told.stop.as_ref().expect("a stop");
        let how = if proven_first {
            How::Killed
        } else {
            How::Finished
        };
        assert_eq!(
            (stop.status, stop.how),
            (StopStatus::Stopped, Some(how)),
            "the first proof stands"
        );
        let after = scene.record(grant.fence.execution).await;
        assert_eq!(after.last_error, before.last_error);
        assert_eq!((after.result.as_ref(), after.cancel.as_ref()), (None, None));

        for item in [interrupted, failed, succeeded] {
            scene.finish(&worker, at(1_300), item(grant.fence)).await;
        }
        assert_same(&first(&scene, &grant).await, &told);
        scene.goodbye(&worker, at(1_400), Vec::new()).await;
        scene.cancel(at(1_500), grant.fence.execution).await;
    }
}

pub async fn a_late_failure_is_kept_and_a_late_result_within_its_limit(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    let verdict = scene
        .finish(&worker, at(200), failed_for_good(grant.fence))
        .await;
    let winner = State::Canceled;
    assert_eq!(verdict, HandInVerdict::Late { winner });
    let late = first(&scene, &grant).await.late.expect("a late report");
    assert_eq!(
        (late.outcome, late.error, late.result_bytes, late.result),
        (AttemptEnd::Failed, Some(broken()), None, None)
    );
    for (begun, over) in [(1_000, false), (2_000, true)] {
        let (worker, grant) = scene.stopping(at(begun), 100).await;
        let bytes = LATE_RESULT_BYTES_MAX + usize::from(over);
        let text = format!("\"{}\"", "x".repeat(bytes - 2));
        let item = HandIn {
            outcome: HandInOutcome::Succeeded(Arc::from(text.as_str())),
            ..succeeded(grant.fence)
        };
        scene.finish(&worker, at(begun + 200), item).await;
        let late = first(&scene, &grant).await.late.expect("a late report");
        assert_eq!(late.result_bytes, Some(bytes as u64));
        let kept = (!over).then_some(text.as_str());
        assert_eq!(late.result.as_deref(), kept);
    }
}

pub async fn what_is_overdue_says_so_beside_what_its_worker_says(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    scene.keep_alive(&worker, at(25_000), &[grant.fence]).await;
    assert_eq!(scene.flag_overdue(at(50_000)).await, 1);
    let evidence = |attempt: AttemptRecord| attempt.stop.expect("a stop").evidence;
    let told = evidence(first(&scene, &grant).await);
    assert_eq!(told.as_deref(), Some(r#"{"overdue":true}"#));
    let stuck = StopReport {
        evidence: Some(Arc::from(r#"{"detail":"still alive: [7]"}"#)),
        ..stage(grant.fence, StopEvent::Ended(How::Killed))
    };
    scene.report(&worker, at(50_100), stuck).await;
    let told = evidence(first(&scene, &grant).await);
    let both = r#"{"detail":"still alive: [7]","overdue":true}"#;
    assert_eq!(told.as_deref(), Some(both));
}
