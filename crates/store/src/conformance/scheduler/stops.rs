//! Stop records: they only move forward, their stamps are never overwritten.

use std::slice;
use std::sync::Arc;

use taskpilot_domain::ids::Fence;
use taskpilot_domain::limits::{KILL_MS, LEASE_MS};
use taskpilot_domain::stop::{Containment, How, StopCause, StopEvent, StopStatus};

use super::scene::Scene;
use super::words::{
    assert_same, at, canceled_already, fresh_token, job, somebody, stage, stage_ago, stop_of,
    succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::sessions::{Heartbeat, HeartbeatOutcome, SessionGone, SessionRef};
use crate::rows::stops::{StopOrder, StopRecord, StopReport, StopVerdict};

const GRACE_MS: u64 = 10_000;

/// The stop of an attempt claimed at 0 and canceled at 1,000.
fn requested() -> StopRecord {
    StopRecord {
        status: StopStatus::Requested,
        cause: StopCause::User,
        requested_at: at(1_000),
        delivered_at: None,
        acknowledged_at: None,
        ended_at: None,
        how: None,
        containment: None,
        evidence: None,
        stops_by: Some(at(LEASE_MS + GRACE_MS + KILL_MS)),
        released: None,
    }
}

pub async fn each_stage_has_its_stamp_and_delivery_lowers_the_bound(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let id = grant.fence.execution;
    assert_eq!(stop_of(&scene.record(id).await), requested());

    let delivered = StopRecord {
        status: StopStatus::Delivered,
        delivered_at: Some(at(2_500)),
        stops_by: Some(at(2_500 + GRACE_MS + KILL_MS)),
        ..requested()
    };
    let report = stage_ago(grant.fence, StopEvent::Delivered, 500);
    let verdict = scene.report(&worker, at(3_000), report).await;
    assert_eq!(verdict, StopVerdict::Recorded);
    assert_eq!(stop_of(&scene.record(id).await), delivered);

    let acknowledged = StopRecord {
        status: StopStatus::Acknowledged,
        acknowledged_at: Some(at(2_900)),
        ..delivered
    };
    let report = stage_ago(grant.fence, StopEvent::Acknowledged, 1_100);
    scene.report(&worker, at(4_000), report).await;
    assert_eq!(stop_of(&scene.record(id).await), acknowledged);

    let stopped = StopRecord {
        status: StopStatus::Stopped,
        ended_at: Some(at(4_990)),
        how: Some(How::Terminated),
        evidence: Some(Arc::from(r#"{"signal":15,"swept":2}"#)),
        ..acknowledged
    };
    let report = StopReport {
        containment: Some(Containment::Cgroup),
        evidence: stopped.evidence.clone(),
        ..stage_ago(grant.fence, StopEvent::Ended(How::Terminated), 10)
    };
    scene.report(&worker, at(5_000), report).await;
    let record = scene.record(id).await;
    assert_eq!(stop_of(&record), stopped);
    let containment = record.attempts[0]
        .stop
        .as_ref()
        .map(|stop| stop.containment);
    assert_eq!(containment, Some(Some(Containment::Cgroup)));
    assert!(!record.summary.standing.stop_unproven);
    assert_eq!(record.summary.completed_at, Some(at(1_000)));
}

pub async fn stamps_lie_between_the_previous_stamp_and_now(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let stages = [
        (StopEvent::Delivered, at(3_000), 900_000),
        (StopEvent::Acknowledged, at(4_000), 900_000),
        (StopEvent::Ended(How::Killed), at(5_000), u64::MAX),
    ];
    for (event, now, ago_ms) in stages {
        let report = stage_ago(grant.fence, event, ago_ms);
        scene.report(&worker, now, report).await;
    }
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    let stamps = (stop.delivered_at, stop.acknowledged_at, stop.ended_at);
    assert_eq!(stamps, (Some(at(1_000)), Some(at(1_000)), Some(at(1_000))));
    assert_eq!(stop.stops_by, Some(at(1_000 + GRACE_MS + KILL_MS)));
}

pub async fn a_late_delivery_does_not_raise_the_bound(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    scene.keep_alive(&worker, at(29_000), &[grant.fence]).await;
    let report = stage(grant.fence, StopEvent::Delivered);
    scene.report(&worker, at(40_000), report).await;
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(stop.delivered_at, Some(at(40_000)));
    assert_eq!(stop.stops_by, requested().stops_by);
}

pub async fn a_stage_that_was_passed_over_is_filled(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let report = stage(grant.fence, StopEvent::Acknowledged);
    scene.report(&worker, at(3_000), report).await;
    let expected = StopRecord {
        status: StopStatus::Acknowledged,
        delivered_at: Some(at(3_000)),
        acknowledged_at: Some(at(3_000)),
        stops_by: Some(at(3_000 + GRACE_MS + KILL_MS)),
        ..requested()
    };
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(stop, expected);
}

pub async fn a_repeated_stage_is_recorded_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let events = [
        StopEvent::Delivered,
        StopEvent::Acknowledged,
        StopEvent::Ended(How::Terminated),
    ];
    for event in events {
        let report = stage(grant.fence, event);
        scene.report(&worker, at(3_000), report).await;
        let before = scene.record(grant.fence.execution).await;
        let again = stage_ago(grant.fence, event, 1_500);
        let verdict = scene.report(&worker, at(9_000), again).await;
        assert_eq!(verdict, StopVerdict::Recorded);
        assert_same(&scene.record(grant.fence.execution).await, &before);
    }
}

pub async fn a_stop_never_moves_back(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let delivered = stage(grant.fence, StopEvent::Delivered);
    scene.report(&worker, at(1_500), delivered.clone()).await;
    let acknowledged = stage(grant.fence, StopEvent::Acknowledged);
    scene.report(&worker, at(2_000), acknowledged).await;
    let before = stop_of(&scene.record(grant.fence.execution).await);
    scene.report(&worker, at(3_000), delivered).await;
    assert_eq!(stop_of(&scene.record(grant.fence.execution).await), before);

    let ended = stage(grant.fence, StopEvent::Ended(How::Terminated));
    scene.report(&worker, at(4_000), ended).await;
    let before = stop_of(&scene.record(grant.fence.execution).await);
    let later = [
        StopEvent::Delivered,
        StopEvent::Acknowledged,
        StopEvent::GaveUp,
        StopEvent::Unkillable,
        StopEvent::Ended(How::Killed),
    ];
    for event in later {
        let report = stage(grant.fence, event);
        let verdict = scene.report(&worker, at(5_000), report).await;
        assert_eq!(verdict, StopVerdict::Recorded);
        let stop = stop_of(&scene.record(grant.fence.execution).await);
        assert_eq!(stop, before, "{event:?} came after the proof");
    }
}

pub async fn reports_of_one_call_follow_each_other(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let forged = Fence {
        token: fresh_token(),
        ..grant.fence
    };
    let reports = vec![
        stage_ago(grant.fence, StopEvent::Delivered, 300),
        stage(forged, StopEvent::Ended(How::Killed)),
        stage_ago(grant.fence, StopEvent::Acknowledged, 200),
        stage_ago(grant.fence, StopEvent::Ended(How::Cooperative), 100),
    ];
    let verdicts = scene
        .store
        .report_stops(at(2_000), worker.session, reports)
        .await
        .expect("the reports are served");
    let (recorded, unknown) = (StopVerdict::Recorded, StopVerdict::Unknown);
    assert_eq!(verdicts, Ok(vec![recorded, unknown, recorded, recorded]));
    let expected = StopRecord {
        status: StopStatus::Stopped,
        delivered_at: Some(at(1_700)),
        acknowledged_at: Some(at(1_800)),
        ended_at: Some(at(1_900)),
        how: Some(How::Cooperative),
        stops_by: Some(at(1_700 + GRACE_MS + KILL_MS)),
        ..requested()
    };
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(stop, expected);
}

pub async fn a_stop_nobody_ordered_is_unknown(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, running) = scene.running(at(0), job()).await;
    let (other, canceled) = scene.stopping(at(0), 1).await;
    let forged = Fence {
        token: fresh_token(),
        ..canceled.fence
    };
    let swapped = Fence {
        token: canceled.fence.token,
        ..running.fence
    };
    for fence in [running.fence, forged, swapped] {
        let before = scene.record(fence.execution).await;
        let report = stage(fence, StopEvent::Ended(How::Killed));
        let verdict = scene.report(&worker, at(2), report).await;
        assert_eq!(verdict, StopVerdict::Unknown);
        assert_same(&scene.record(fence.execution).await, &before);
    }
    let done = scene.finish(&worker, at(3), succeeded(running.fence)).await;
    assert_eq!(done, crate::rows::sessions::HandInVerdict::Applied);
    let report = stage(running.fence, StopEvent::Delivered);
    assert_eq!(
        scene.report(&other, at(4), report).await,
        StopVerdict::Unknown
    );
}

pub async fn an_unknown_session_reports_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let forged = SessionRef {
        token: fresh_token(),
        ..worker.session
    };
    let report = stage(grant.fence, StopEvent::Ended(How::Killed));
    let outcome = scene
        .store
        .report_stops(at(2_000), forged, vec![report])
        .await
        .expect("the call is served");
    assert_eq!(outcome, Err(SessionGone::Unknown));
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(stop, requested());
}

pub async fn an_order_is_repeated_until_it_is_delivered(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let order = StopOrder {
        fence: grant.fence,
        cause: StopCause::User,
        grace_ms: GRACE_MS,
        requested_at: at(1_000),
        actor: Some(somebody()),
        reason: Some("no longer wanted".into()),
    };
    for now in [at(2_000), at(3_000)] {
        assert_eq!(scene.orders(&worker).await, slice::from_ref(&order));
        let outcome = scene
            .beat(now, worker.beat(&[super::words::held(&grant)]))
            .await;
        assert_eq!(outcome, renewed(vec![order.clone()], vec![]));
    }
    let outcome = scene.cancel(at(3_500), grant.fence.execution).await;
    canceled_already(outcome);
    assert_eq!(scene.orders(&worker).await, [order]);
    let report = stage(grant.fence, StopEvent::Delivered);
    scene.report(&worker, at(4_000), report).await;
    assert_eq!(scene.orders(&worker).await, []);
    let outcome = scene
        .beat(at(5_000), worker.beat(&[super::words::held(&grant)]))
        .await;
    assert_eq!(outcome, renewed(vec![], vec![]));
}

fn renewed(orders: Vec<StopOrder>, stop_verdicts: Vec<StopVerdict>) -> HeartbeatOutcome {
    HeartbeatOutcome::Renewed {
        remaining_ms: LEASE_MS,
        orders,
        lost: Vec::new(),
        stop_verdicts,
    }
}

pub async fn a_report_may_travel_in_a_heartbeat(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let forged = Fence {
        token: fresh_token(),
        ..grant.fence
    };
    let heartbeat = Heartbeat {
        stops: vec![
            stage_ago(grant.fence, StopEvent::Delivered, 200),
            stage(forged, StopEvent::Delivered),
        ],
        ..worker.beat(&[super::words::held(&grant)])
    };
    let outcome = scene.beat(at(2_000), heartbeat).await;
    let verdicts = vec![StopVerdict::Recorded, StopVerdict::Unknown];
    assert_eq!(outcome, renewed(vec![], verdicts), "it is confirmed");
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(
        (stop.status, stop.delivered_at),
        (StopStatus::Delivered, Some(at(1_800)))
    );
}

pub async fn an_order_reaches_only_the_session_that_holds_the_attempt(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let bystander = scene.worker(at(0), 1).await;
    let (worker, _grant) = scene.stopping(at(0), 1_000).await;
    assert_eq!(scene.orders(&bystander).await, []);
    assert_eq!(scene.orders(&worker).await.len(), 1);
}
