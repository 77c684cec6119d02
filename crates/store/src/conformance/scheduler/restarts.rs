//! Restarts: everything that was answered is still so.

use std::sync::Arc;

use taskpilot_domain::execution::State;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::stop::{Containment, How, StopEvent, StopStatus};

use super::scene::{Scene, Worker};
use super::words::{
    assert_same, at, by_key, canceled, failed, failed_for_good, granted, hasty, held, home, job,
    job_with, keyed, stage, stop_of, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::attempts::OutputTail;
use crate::rows::executions::{ExecutionFilter, Grant};
use crate::rows::sessions::{HandIn, HandInVerdict, HeartbeatOutcome};
use crate::rows::stops::StopReport;

/// A store in the middle of its work.
struct Life {
    worker: Worker,
    /// Running, stopping, timed out, in this order.
    open: Vec<Grant>,
    waiting: ExecutionId,
    later: ExecutionId,
}

async fn lived(scene: &Scene) -> Life {
    let worker = scene.worker(at(0), 9).await;
    let mut timed = hasty(5);
    timed.options.attempt_timeout_ms = Some(1_000);
    let batch = vec![
        keyed("running", 1),
        job(),
        timed,
        hasty(2),
        hasty(2),
        job_with(|job| job.reference = Some("task/7".into())),
    ];
    scene.create_all(at(0), batch).await;
    let mut grants = scene.claim(&worker, at(1), 6).await;
    let tail = OutputTail {
        stdout: "out".into(),
        stderr: "err".into(),
        stdout_truncated: false,
        stderr_truncated: true,
    };
    let telling = HandIn {
        output: Some(Arc::new(tail)),
        ..succeeded(grants[5].fence)
    };
    let items = vec![
        failed_for_good(grants[3].fence),
        failed(grants[4].fence),
        telling,
    ];
    scene.finish_all(&worker, at(2), items).await;
    grants.truncate(3);
    canceled(scene.cancel(at(3), grants[1].fence.execution).await);
    let report = StopReport {
        containment: Some(Containment::Cgroup),
        evidence: Some(Arc::from("{}")),
        ..stage(grants[1].fence, StopEvent::Delivered)
    };
    scene.report(&worker, at(4), report).await;
    assert_eq!(scene.time_out(at(1_002)).await, 1);
    scene.cancel_all(at(1_003), vec![by_key("unseen")]).await;
    let low = job_with(|job| job.kind = super::words::kind("nobody"));
    let waiting = scene.create(at(1_004), low).await;
    let later = job_with(|job| job.options.scheduled_for = Some(at(5_000)));
    let later = scene.create(at(1_004), later).await;
    let gone = scene.worker(at(1_005), 1).await;
    scene.goodbye(&gone, at(1_006), Vec::new()).await;
    Life {
        worker,
        open: grants,
        waiting,
        later,
    }
}

async fn everything(scene: &Scene, worker: &Worker) -> String {
    let filter = ExecutionFilter {
        limit: 100,
        ..ExecutionFilter::default()
    };
    let listed = scene.store.list_executions(&home(), filter).await;
    let listed = listed.expect("the list is served");
    let mut records = Vec::new();
    for summary in &listed {
        records.push(scene.record(summary.id).await);
    }
    let sessions = scene.sessions().await;
    let orders = scene.orders(worker).await;
    format!("{listed:#?}\n{records:#?}\n{sessions:#?}\n{orders:#?}")
}

pub async fn everything_that_was_answered_survives_a_restart(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let life = lived(&scene).await;
    let before = everything(&scene, &life.worker).await;
    let scene = scene.reopened(h).await;
    assert_eq!(everything(&scene, &life.worker).await, before);
    let scene = scene.reopened(h).await;
    assert_eq!(everything(&scene, &life.worker).await, before);
}

pub async fn work_goes_on_after_a_restart_where_it_was(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let life = lived(&scene).await;
    let scene = scene.reopened(h).await;
    let worker = &life.worker;
    let [running, stopping, timed] = [0, 1, 2].map(|index: usize| life.open[index].fence);

    let holds: Vec<_> = life.open.iter().map(held).collect();
    match scene.beat(at(2_000), worker.beat(&holds)).await {
        HeartbeatOutcome::Renewed {
            remaining_ms,
            orders,
            lost,
            stop_verdicts,
        } => {
            let ordered: Vec<_> = orders.iter().map(|order| order.fence).collect();
            assert_eq!(
                (remaining_ms, ordered, lost, stop_verdicts),
                (LEASE_MS, vec![timed], vec![], vec![])
            );
        }
        gone @ HeartbeatOutcome::Gone(_) => panic!("it lives: {gone:?}"),
    }
    let proof = stage(stopping, StopEvent::Ended(How::Killed));
    scene.report(worker, at(2_001), proof).await;
    let stop = stop_of(&scene.record(stopping.execution).await);
    assert_eq!(
        (stop.status, stop.delivered_at),
        (StopStatus::Stopped, Some(at(4)))
    );
    let verdict = scene.finish(worker, at(2_002), succeeded(running)).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    let proof = stage(timed, StopEvent::Ended(How::Terminated));
    scene.report(worker, at(2_003), proof).await;

    scene.promote(at(6_000)).await;
    let grants = scene.claim(worker, at(6_000), 9).await;
    let mut order = granted(&grants);
    order.sort_unstable();
    assert_eq!(order.len(), 3, "the retry, the unblocked and the due");
    assert!(order.contains(&timed.execution) && order.contains(&life.later));
    let standing = scene.standing(life.waiting).await;
    assert_eq!(standing.state, State::Pending);
}

pub async fn a_loop_finds_after_a_restart_what_fell_due(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1).await;
    scene.keep_alive(&worker, at(29_000), &[grant.fence]).await;
    let deadline = job_with(|job| job.options.deadline = Some(at(40_000)));
    let doomed = scene.create(at(0), deadline).await;
    let scene = scene.reopened(h).await;
    assert_eq!(scene.pass_deadlines(at(40_001)).await, 1);
    assert_eq!(scene.standing(doomed).await.state, State::Failed);
    let promised = stop_of(&scene.record(grant.fence.execution).await).stops_by;
    let overdue = promised.expect("a promise").plus_ms(1);
    assert_eq!(scene.flag_overdue(overdue).await, 1);
    let scene = scene.reopened(h).await;
    assert_eq!(scene.expire(at(29_000 + LEASE_MS + 1)).await, 1);
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(stop_of(&record).status, StopStatus::Presumed);
    assert_same(&record, &scene.record(grant.fence.execution).await);
}
