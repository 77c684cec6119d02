//! Hand-ins: each is applied, a duplicate, late or stale, and what it carries is kept.

use std::sync::Arc;

use taskpilot_domain::execution::{AttemptEnd, Standing, State};
use taskpilot_domain::ids::{AttemptNumber, Fence};
use taskpilot_domain::limits::{LEASE_MS, OUTPUTS_TOLD_MAX};
use taskpilot_domain::stop::{Containment, How, StopStatus};

use super::scene::Scene;
use super::words::{
    assert_same, at, broken, failed, failed_for_good, fresh_token, hasty, interrupted, job,
    nobodys_execution, released, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::attempts::{AttemptRecord, Exit, LateReport, OutputTail};
use crate::rows::sessions::{FinishOutcome, HandIn, HandInOutcome, HandInVerdict, SessionRef};

pub async fn a_result_ends_the_execution_and_is_kept_whole(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let verdict = scene
        .finish(&worker, at(700), telling(succeeded(grant.fence)))
        .await;
    assert_eq!(verdict, HandInVerdict::Applied);
    let record = scene.record(grant.fence.execution).await;
    let standing = record.summary.standing;
    assert_eq!(standing.state, State::Succeeded);
    assert_eq!(record.summary.completed_at, Some(at(700)));
    assert_eq!(record.summary.worker, None, "nobody holds it any more");
    assert_eq!(record.result.as_deref(), Some(r#"{"ok":true}"#));
    assert_eq!(record.last_error, None);
    let expected = AttemptRecord {
        number: AttemptNumber(1),
        session: worker.session.id,
        worker: worker.registered.name.clone(),
        claimed_at: at(0),
        confirmed_at: None,
        ended_at: Some(at(700)),
        end: Some(AttemptEnd::Succeeded),
        error: None,
        exit: exit(),
        output: Some(Arc::new(output())),
        late: None,
        stop: None,
    };
    assert_eq!(record.attempts, [expected]);
    assert_eq!(scene.session(&worker).await.running, 0);
}

/// The same hand-in with an exit and an output.
fn telling(item: HandIn) -> HandIn {
    HandIn {
        exit: exit(),
        output: Some(Arc::new(output())),
        ..item
    }
}

fn exit() -> Exit {
    Exit {
        code: Some(-3),
        signal: Some(15),
    }
}

fn output() -> OutputTail {
    OutputTail {
        stdout: "fertig ✓\n".into(),
        stderr: "\u{1b}[31moops\u{1b}[0m".into(),
        stdout_truncated: true,
        stderr_truncated: false,
    }
}

pub async fn a_repeated_result_is_a_duplicate_and_changes_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    scene.finish(&worker, at(1), succeeded(grant.fence)).await;
    let before = scene.record(grant.fence.execution).await;
    let repeat = HandIn {
        outcome: HandInOutcome::Succeeded(Arc::from("\"another\"")),
        ..telling(succeeded(grant.fence))
    };
    for now in [at(2), at(3)] {
        let verdict = scene.finish(&worker, now, repeat.clone()).await;
        assert_eq!(verdict, HandInVerdict::Duplicate);
    }
    assert_same(&scene.record(grant.fence.execution).await, &before);
}

pub async fn another_outcome_of_an_ended_attempt_is_stale(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    scene.finish(&worker, at(1), succeeded(grant.fence)).await;
    let before = scene.record(grant.fence.execution).await;
    for item in [failed, failed_for_good, released, interrupted] {
        let verdict = scene.finish(&worker, at(2), item(grant.fence)).await;
        assert_eq!(verdict, HandInVerdict::Stale);
    }
    assert_same(&scene.record(grant.fence.execution).await, &before);
}

pub async fn a_failure_for_good_fails_the_execution(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(9)).await;
    let item = telling(failed_for_good(grant.fence));
    let verdict = scene.finish(&worker, at(5), item).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(record.summary.standing.state, State::Failed);
    assert_eq!(record.summary.completed_at, Some(at(5)));
    assert_eq!(record.last_error, Some(broken()));
    assert_eq!(record.result, None);
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.end, &attempt.error, attempt.exit, &attempt.output),
        (
            Some(AttemptEnd::Failed),
            &Some(broken()),
            exit(),
            &Some(Arc::new(output()))
        )
    );
}

pub async fn the_last_attempt_that_fails_fails_the_execution(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), hasty(2)).await;
    scene.finish(&worker, at(1), failed(first.fence)).await;
    scene.promote(at(2)).await;
    let second = scene.claim_one(&worker, at(2)).await;
    scene.finish(&worker, at(3), failed(second.fence)).await;
    let record = scene.record(first.fence.execution).await;
    let standing = record.summary.standing;
    assert_eq!((standing.state, standing.attempt_count), (State::Failed, 2));
    assert_eq!(record.last_error, Some(broken()));
    assert!(scene.claim(&worker, at(1_000), 1).await.is_empty());
    assert_eq!(scene.promote(at(1_000_000)).await, 0);
    let free = scene.worker(at(1_000_000), 1).await;
    assert!(scene.claim(&free, at(1_000_000), 1).await.is_empty());
}

pub async fn a_result_after_a_failure_succeeds(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), hasty(2)).await;
    scene.finish(&worker, at(1), failed(first.fence)).await;
    scene.promote(at(2)).await;
    let second = scene.claim_one(&worker, at(2)).await;
    let verdict = scene.finish(&worker, at(3), succeeded(second.fence)).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    let record = scene.record(first.fence.execution).await;
    assert_eq!(record.summary.standing.state, State::Succeeded);
    let ends: Vec<_> = record.attempts.iter().map(|attempt| attempt.end).collect();
    assert_eq!(
        ends,
        [Some(AttemptEnd::Failed), Some(AttemptEnd::Succeeded)]
    );
}

pub async fn a_repeat_for_an_earlier_attempt_is_heard_and_harmless(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), hasty(3)).await;
    scene.finish(&worker, at(1), failed(first.fence)).await;
    scene.promote(at(2)).await;
    scene.claim_one(&worker, at(2)).await;
    let before = scene.record(first.fence.execution).await;
    let items = vec![failed(first.fence), succeeded(first.fence)];
    let verdicts = scene.finish_all(&worker, at(3), items).await;
    assert_eq!(verdicts, [HandInVerdict::Duplicate, HandInVerdict::Stale]);
    assert_same(&scene.record(first.fence.execution).await, &before);
}

pub async fn a_report_after_its_lease_expired_is_stale(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 1);
    let before = scene.record(grant.fence.execution).await;
    for item in [succeeded, failed, released, interrupted] {
        let verdict = scene
            .finish(&worker, at(LEASE_MS + 2), item(grant.fence))
            .await;
        assert_eq!(verdict, HandInVerdict::Stale);
    }
    assert_same(&scene.record(grant.fence.execution).await, &before);
}

pub async fn a_forged_fence_is_stale(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let (_other, stranger) = scene.running(at(0), job()).await;
    let before = scene.record(grant.fence.execution).await;
    let forged = [
        Fence {
            token: fresh_token(),
            ..grant.fence
        },
        Fence {
            attempt: AttemptNumber(2),
            ..grant.fence
        },
        Fence {
            attempt: AttemptNumber(0),
            ..grant.fence
        },
        Fence {
            token: stranger.fence.token,
            ..grant.fence
        },
        Fence {
            execution: nobodys_execution(),
            ..grant.fence
        },
    ];
    for fence in forged {
        for item in [succeeded, failed, released, interrupted] {
            let verdict = scene.finish(&worker, at(1), item(fence)).await;
            assert_eq!(verdict, HandInVerdict::Stale, "{fence:?}");
        }
    }
    assert_same(&scene.record(grant.fence.execution).await, &before);
}

pub async fn a_forged_fence_of_a_canceled_execution_is_no_evidence(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1).await;
    let before = scene.record(grant.fence.execution).await;
    let forged = Fence {
        token: fresh_token(),
        ..grant.fence
    };
    let verdict = scene.finish(&worker, at(2), succeeded(forged)).await;
    assert_eq!(verdict, HandInVerdict::Stale);
    assert_same(&scene.record(grant.fence.execution).await, &before);
}

pub async fn items_are_judged_in_their_order(h: &impl SchedulerHarness) {
    use HandInVerdict::{Applied, Duplicate, Stale};
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 2]).await;
    let worker = scene.worker(at(0), 2).await;
    let grants = scene.claim(&worker, at(1), 2).await;
    let (one, other) = (grants[0].fence, grants[1].fence);
    let forged = Fence {
        token: fresh_token(),
        ..one
    };
    let items = vec![
        succeeded(forged),
        released(other),
        succeeded(one),
        succeeded(one),
        succeeded(other),
        released(other),
    ];
    let verdicts = scene.finish_all(&worker, at(2), items).await;
    assert_eq!(
        verdicts,
        [Stale, Applied, Applied, Duplicate, Stale, Duplicate]
    );
}

pub async fn an_unknown_session_hands_in_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let before = scene.record(grant.fence.execution).await;
    let forged = SessionRef {
        token: fresh_token(),
        ..worker.session
    };
    let outcome = scene
        .store
        .finish_attempts(at(1), forged, vec![succeeded(grant.fence)])
        .await
        .expect("the call is served");
    assert_eq!(outcome, FinishOutcome::UnknownSession);
    assert_same(&scene.record(grant.fence.execution).await, &before);
}

pub async fn a_report_after_a_cancel_is_late_and_kept_as_evidence(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    let item = HandIn {
        containment: Some(Containment::Cgroup),
        evidence: Some(Arc::from(r#"{"swept":3}"#)),
        ..telling(succeeded(grant.fence))
    };
    let verdict = scene.finish(&worker, at(250), item).await;
    let winner = State::Canceled;
    assert_eq!(verdict, HandInVerdict::Late { winner });
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(record.summary.standing.state, State::Canceled);
    assert_eq!(record.summary.completed_at, Some(at(100)));
    assert_eq!(record.result, None, "evidence is never the outcome");
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.end, attempt.ended_at),
        (Some(AttemptEnd::Canceled), Some(at(100)))
    );
    let late = LateReport {
        at: at(250),
        outcome: AttemptEnd::Succeeded,
        result_bytes: Some(11),
        result: Some(Arc::from(r#"{"ok":true}"#)),
        error: None,
    };
    assert_eq!(attempt.late, Some(late));
    assert_eq!(
        (attempt.exit, &attempt.output),
        (exit(), &Some(Arc::new(output())))
    );
    let stop = attempt.stop.as_ref().expect("a stop");
    assert_eq!(
        (stop.status, stop.how, stop.ended_at, stop.containment),
        (
            StopStatus::Stopped,
            Some(How::Finished),
            Some(at(250)),
            Some(Containment::Cgroup)
        )
    );
    assert_eq!(stop.evidence.as_deref(), Some(r#"{"swept":3}"#));
}

pub async fn the_first_late_report_stands(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    let winner = State::Canceled;
    let verdict = scene
        .finish(&worker, at(250), telling(failed(grant.fence)))
        .await;
    assert_eq!(verdict, HandInVerdict::Late { winner });
    let before = scene.record(grant.fence.execution).await;
    assert_eq!(before.last_error, None, "a late failure is no last error");
    for item in [failed, succeeded, interrupted] {
        let verdict = scene.finish(&worker, at(300), item(grant.fence)).await;
        assert_eq!(verdict, HandInVerdict::Late { winner });
    }
    assert_same(&scene.record(grant.fence.execution).await, &before);
    let standing: Standing = before.summary.standing;
    assert_eq!(standing.state, winner, "no retry follows");
}

pub async fn the_latest_outputs_are_told(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    let worker = scene.worker(at(0), 1).await;
    let attempts = OUTPUTS_TOLD_MAX + 2;
    for _ in 0..attempts {
        let grant = scene.claim_one(&worker, at(1)).await;
        let mut item = interrupted(grant.fence);
        item.output = Some(Arc::new(OutputTail {
            stdout: grant.fence.attempt.to_string(),
            ..OutputTail::default()
        }));
        assert_eq!(
            scene.finish(&worker, at(1), item).await,
            HandInVerdict::Applied
        );
    }
    let record = scene.record(id).await;
    let told = record.attempts.iter().map(|attempt| attempt.output.clone());
    let told: Vec<Option<String>> = told
        .map(|output| output.map(|one| one.stdout.clone()))
        .collect();
    let expected: Vec<Option<String>> = (1..=attempts)
        .map(|number| (number > 2).then(|| number.to_string()))
        .collect();
    assert_eq!(told, expected);
}
