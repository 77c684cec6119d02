//! Heartbeats: they renew, they never revive, and they find what got lost on the way.

use taskpilot_domain::execution::{AttemptEnd, Phase, Standing, State};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::limits::LEASE_MS;

use super::scene::Scene;
use super::words::{
    assert_same, at, canceled, fresh_token, granted, held, job, nobodys_execution, nobodys_session,
    released, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::sessions::{
    HandInVerdict, Heartbeat, HeartbeatOutcome, SessionGone, SessionRecord, SessionRef,
};
use crate::rows::stops::Held;

fn renewed(remaining_ms: u64, lost: Vec<Held>) -> HeartbeatOutcome {
    HeartbeatOutcome::Renewed {
        remaining_ms,
        orders: Vec::new(),
        lost,
        stop_verdicts: Vec::new(),
    }
}

pub async fn a_heartbeat_renews_the_lease(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    let outcome = scene.beat(at(5_000), worker.beat(&[])).await;
    assert_eq!(outcome, renewed(LEASE_MS, vec![]));
    let expected = SessionRecord {
        renewed_at: at(5_000),
        lease_until: at(5_000 + LEASE_MS),
        ..worker.registered.clone()
    };
    assert_eq!(scene.session(&worker).await, expected);
    assert_eq!(scene.expire(at(4_999 + LEASE_MS)).await, 0);
}

pub async fn a_heartbeat_never_shortens_a_lease(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    let short = Heartbeat {
        lease_ms: 1_000,
        ..worker.beat(&[])
    };
    let outcome = scene.beat(at(5_000), short).await;
    assert_eq!(outcome, renewed(LEASE_MS - 5_000, vec![]));
    assert_eq!(scene.session(&worker).await.lease_until, at(LEASE_MS));
}

pub async fn a_heartbeat_from_behind_does_not_move_a_lease_back(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    scene.beat(at(9_000), worker.beat(&[])).await;
    scene.beat(at(8_000), worker.beat(&[])).await;
    let lease_until = scene.session(&worker).await.lease_until;
    assert_eq!(lease_until, at(9_000 + LEASE_MS));
}

pub async fn an_expired_session_is_dead_for_ever(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 1);
    let before = scene.session(&worker).await;
    for now in [at(LEASE_MS - 5), at(LEASE_MS + 2), at(900_000)] {
        let outcome = scene.beat(now, worker.beat(&[])).await;
        assert_eq!(outcome, HeartbeatOutcome::Gone(SessionGone::Ended));
    }
    assert_eq!(scene.session(&worker).await, before);
}

pub async fn a_lapsed_lease_is_not_renewed_even_before_it_is_expired(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    let outcome = scene.beat(at(LEASE_MS + 1), worker.beat(&[])).await;
    assert_eq!(outcome, HeartbeatOutcome::Gone(SessionGone::Ended));
    assert_eq!(scene.expire(at(LEASE_MS + 2)).await, 1);
}

pub async fn a_session_that_said_goodbye_is_not_renewed(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    scene.goodbye(&worker, at(1), Vec::new()).await;
    let outcome = scene.beat(at(2), worker.beat(&[])).await;
    assert_eq!(outcome, HeartbeatOutcome::Gone(SessionGone::Ended));
}

pub async fn an_unknown_session_is_not_renewed(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let forged = [
        SessionRef {
            token: fresh_token(),
            ..worker.session
        },
        SessionRef {
            id: nobodys_session(),
            ..worker.session
        },
    ];
    let before = (
        scene.session(&worker).await,
        scene.record(grant.fence.execution).await,
    );
    for session in forged {
        let heartbeat = Heartbeat {
            session,
            ..worker.beat(&[])
        };
        let outcome = scene.beat(at(1), heartbeat).await;
        assert_eq!(outcome, HeartbeatOutcome::Gone(SessionGone::Unknown));
    }
    let after = (
        scene.session(&worker).await,
        scene.record(grant.fence.execution).await,
    );
    assert_same(&after, &before);
}

pub async fn an_attempt_of_an_answered_claim_that_is_not_held_is_released(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let id = grant.fence.execution;
    let outcome = scene.beat(at(5_000), worker.beat(&[])).await;
    assert_eq!(outcome, renewed(LEASE_MS, vec![]));
    let record = scene.record(id).await;
    let expected = Standing {
        attempt: AttemptNumber(1),
        uncounted: 1,
        ..Standing::accepted(at(0), job().options.retry)
    };
    assert_eq!(record.summary.standing, expected);
    assert_eq!(expected.phase(at(5_000)), Some(Phase::Ready));
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.end, attempt.ended_at),
        (Some(AttemptEnd::Released), Some(at(5_000)))
    );
    let items = vec![succeeded(grant.fence), released(grant.fence)];
    let verdicts = scene.finish_all(&worker, at(5_001), items).await;
    assert_eq!(verdicts, [HandInVerdict::Stale, HandInVerdict::Duplicate]);
    let second = scene.claim_one(&worker, at(5_002)).await;
    assert_eq!(second.fence.execution, id);
}

pub async fn an_attempt_whose_reply_may_be_on_its_way_is_not_released(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 2]).await;
    let worker = scene.worker(at(0), 2).await;
    let first = scene.claim_one(&worker, at(1)).await;
    scene.claim_one(&worker, at(2)).await;
    let behind = |answered_seq, holds: &[Held]| Heartbeat {
        answered_seq,
        ..worker.beat(holds)
    };
    scene.beat(at(3), behind(0, &[])).await;
    for id in &ids {
        assert_eq!(scene.standing(*id).await.state, State::Running);
    }
    scene.beat(at(4), behind(1, &[held(&first)])).await;
    for id in &ids {
        assert_eq!(scene.standing(*id).await.state, State::Running);
    }
    scene.beat(at(5), behind(1, &[])).await;
    assert_eq!(scene.standing(ids[0]).await.state, State::Pending);
    assert_eq!(scene.standing(ids[1]).await.state, State::Running);
}

pub async fn what_is_held_stays_held(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 3]).await;
    let worker = scene.worker(at(0), 3).await;
    let grants = scene.claim(&worker, at(1), 3).await;
    let holds: Vec<Held> = grants.iter().map(held).collect();
    let outcome = scene.beat(at(5_000), worker.beat(&holds)).await;
    assert_eq!(outcome, renewed(LEASE_MS, vec![]));
    assert_eq!(scene.session(&worker).await.running, 3);
}

pub async fn what_a_worker_holds_wrongly_is_named_lost(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (_other, foreign) = scene.running(at(0), job()).await;
    let (worker, grant) = scene.running(at(0), job()).await;
    let dropped = held(&grant);
    scene.beat(at(1), worker.beat(&[])).await;
    let nothing: Held = (nobodys_execution(), AttemptNumber(1));
    let holds = [dropped, held(&foreign), nothing];
    match scene.beat(at(2), worker.beat(&holds)).await {
        HeartbeatOutcome::Renewed { mut lost, .. } => {
            let mut expected = holds;
            lost.sort_unstable();
            expected.sort_unstable();
            assert_eq!(lost, expected);
        }
        gone @ HeartbeatOutcome::Gone(_) => panic!("it lives: {gone:?}"),
    }
    let standing = scene.standing(foreign.fence.execution).await;
    assert_eq!(standing.state, State::Running, "it is the other's");
}

pub async fn an_attempt_that_is_being_stopped_is_not_lost(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    canceled(scene.cancel(at(1), grant.fence.execution).await);
    match scene.beat(at(2), worker.beat(&[held(&grant)])).await {
        HeartbeatOutcome::Renewed { orders, lost, .. } => {
            assert_eq!((orders.len(), lost), (1, vec![]));
        }
        gone @ HeartbeatOutcome::Gone(_) => panic!("it lives: {gone:?}"),
    }
}

pub async fn a_released_attempt_frees_its_slot(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let next = scene.create(at(1), job()).await;
    scene.beat(at(2), worker.beat(&[])).await;
    assert_eq!(scene.session(&worker).await.running, 0);
    let grants = scene.claim(&worker, at(3), 1).await;
    assert_eq!(granted(&grants), [next], "the returned one is at the tail");
    assert_ne!(next, grant.fence.execution);
}
