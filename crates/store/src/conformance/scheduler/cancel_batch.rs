//! Cancels of many: each is decided for itself, in the states that are meant, and a repeat tells
//! what the first one did.

use std::sync::Arc;

use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::PrincipalName;
use taskpilot_domain::stop::StopCause;
use taskpilot_domain::time::Timestamp;

use super::scene::Scene;
use super::words::{
    abroad, assert_same, at, granted, home, job, job_with, nobodys_execution, somebody, stop_of,
};
use crate::conformance::SchedulerHarness;
use crate::rows::cancels::{CancelBatch, CancelItem, CanceledBatch};
use crate::rows::executions::CancelRecord;

use CancellationOutcome::{Already, Canceled, Changed, Missing, Refused};

/// A wish of somebody, for whatever is not final.
pub(super) fn batch_of(ids: impl IntoIterator<Item = ExecutionId>) -> CancelBatch {
    let item = |id| CancelItem {
        id,
        reference: None,
    };
    CancelBatch {
        namespace: home(),
        actor: somebody(),
        reason: Some("no longer wanted".into()),
        request_id: None,
        states: None,
        since: None,
        not_after: None,
        items: ids.into_iter().map(item).collect(),
    }
}

fn only(state: State, batch: CancelBatch) -> CancelBatch {
    CancelBatch {
        states: Some(Arc::from([state])),
        ..batch
    }
}

fn since(instant: Timestamp, batch: CancelBatch) -> CancelBatch {
    CancelBatch {
        since: Some(instant),
        ..batch
    }
}

pub(super) async fn decide(
    scene: &Scene,
    now: Timestamp,
    batch: CancelBatch,
) -> Vec<CancellationOutcome> {
    let decided: CanceledBatch = scene
        .store
        .cancel_batch(now, batch)
        .await
        .expect("the batch is served");
    assert_eq!(decided.decided_at, now);
    decided.outcomes
}

pub async fn each_of_many_is_decided_for_itself(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let succeeded = scene.done(at(0)).await;
    let (worker, grant) = scene.running(at(1), job()).await;
    let waiting = scene.create(at(2), job()).await;
    let canceled = scene.create(at(3), job()).await;
    scene.cancel(at(4), canceled).await;
    let running = grant.fence.execution;
    let ids = [succeeded, running, waiting, canceled, nobodys_execution()];
    let outcomes = decide(&scene, at(40), batch_of(ids)).await;
    assert_eq!(outcomes, [Refused, Canceled, Canceled, Already, Missing]);
    for id in [running, waiting] {
        let record = scene.record(id).await;
        let expected = CancelRecord {
            cause: StopCause::Bulk,
            requested_at: at(40),
            requested_by: somebody(),
            reason: Some("no longer wanted".into()),
            later_count: 0,
            later: Vec::new(),
        };
        assert_eq!(record.cancel, Some(expected));
        assert_eq!(record.summary.standing.state, State::Canceled);
        assert_eq!(record.summary.completed_at, Some(at(40)));
    }
    assert_eq!(stop_of(&scene.record(running).await).cause, StopCause::Bulk);
    let orders = scene.orders(&worker).await;
    let told: Vec<_> = orders
        .iter()
        .map(|order| (order.fence, order.cause))
        .collect();
    assert_eq!(told, [(grant.fence, StopCause::Bulk)]);
    assert_eq!(granted(&scene.claim(&worker, at(41), 1).await), []);
}

pub async fn what_is_in_another_state_by_then_is_left_alone(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let succeeded = scene.done(at(0)).await;
    let (_worker, grant) = scene.running(at(1), job()).await;
    let running = grant.fence.execution;
    let waiting = scene.create(at(2), job()).await;
    let before = scene.record(running).await;
    let wish = only(State::Pending, batch_of([succeeded, running, waiting]));
    let outcomes = decide(&scene, at(40), wish.clone()).await;
    assert_eq!(outcomes, [Changed, Changed, Canceled]);
    assert_same(&scene.record(running).await, &before);
    // What is canceled is that, whatever state was meant.
    let outcomes = decide(&scene, at(50), only(State::Running, wish)).await;
    assert_eq!(outcomes, [Changed, Canceled, Already]);
}

pub async fn in_no_state_nothing_is_canceled_and_each_is_told(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mine = scene.create(at(0), job()).await;
    let other = scene.create(at(0), job()).await;
    assert_eq!(decide(&scene, at(5), batch_of([mine])).await, [Canceled]);
    let look = CancelBatch {
        states: Some(Arc::from([])),
        since: Some(at(5)),
        ..batch_of([mine, other])
    };
    assert_eq!(decide(&scene, at(6), look).await, [Canceled, Changed]);
    let standing = scene.standing(other).await;
    assert_eq!(standing.state, State::Pending);
}

pub async fn a_repeat_tells_what_the_first_one_did(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let before = scene.create(at(0), job()).await;
    scene.cancel(at(1), before).await;
    let (_worker, grant) = scene.running(at(2), job()).await;
    let waiting = scene.create(at(3), job()).await;
    let ids = [before, grant.fence.execution, waiting];
    let wish = since(at(10), batch_of(ids));
    let first = decide(&scene, at(10), wish.clone()).await;
    assert_eq!(first, [Already, Canceled, Canceled]);
    assert_eq!(decide(&scene, at(500), wish.clone()).await, first);
    let scene = scene.reopened(h).await;
    assert_eq!(decide(&scene, at(900), wish).await, first);
    let record = scene.record(waiting).await;
    assert_eq!(record.summary.completed_at, Some(at(10)));
}

pub async fn what_comes_too_late_cancels_nothing_and_tells(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = [
        scene.create(at(0), job()).await,
        scene.create(at(0), job()).await,
    ];
    let wish = |id| CancelBatch {
        not_after: Some(at(20)),
        ..since(at(5), batch_of([id]))
    };
    assert_eq!(decide(&scene, at(20), wish(ids[0])).await, [Canceled]);
    let late = CancelBatch {
        items: [wish(ids[0]).items, wish(ids[1]).items].concat(),
        ..wish(ids[0])
    };
    assert_eq!(decide(&scene, at(21), late).await, [Canceled, Changed]);
    assert_eq!(scene.standing(ids[1]).await.state, State::Pending);
}

pub async fn what_somebody_else_canceled_is_told_as_that(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    decide(&scene, at(10), batch_of([id])).await;
    let other = PrincipalName::new("somebody-else").expect("a principal");
    let wish = since(at(10), batch_of([id]));
    let others = [
        CancelBatch {
            actor: other,
            ..wish.clone()
        },
        CancelBatch {
            reason: None,
            ..wish.clone()
        },
        since(at(11), wish.clone()),
        CancelBatch {
            since: None,
            ..wish.clone()
        },
    ];
    for wish in others {
        assert_eq!(decide(&scene, at(20), wish).await, [Already]);
    }
    assert_eq!(decide(&scene, at(20), wish).await, [Canceled]);
}

pub async fn a_cancel_of_one_is_not_taken_for_one_of_many(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (_worker, grant) = scene.running(at(0), job()).await;
    let id = grant.fence.execution;
    scene.cancel(at(10), id).await;
    let wish = since(at(10), batch_of([id]));
    assert_eq!(decide(&scene, at(20), wish).await, [Already]);
}

pub async fn one_with_another_reference_is_missing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let referred = |name: &str| job_with(|job| job.reference = Some(name.into()));
    let ids = [
        scene.create(at(0), referred("a")).await,
        scene.create(at(0), referred("b")).await,
        scene.create(at(0), job()).await,
    ];
    let item = |id| CancelItem {
        id,
        reference: Some("a".into()),
    };
    let wish = CancelBatch {
        items: ids.map(item).into(),
        ..batch_of([])
    };
    assert_eq!(
        decide(&scene, at(1), wish).await,
        [Canceled, Missing, Missing]
    );
    assert_eq!(scene.standing(ids[1]).await.state, State::Pending);
}

pub async fn many_of_another_namespace_are_missing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    let wish = CancelBatch {
        namespace: abroad(),
        ..batch_of([id])
    };
    assert_eq!(decide(&scene, at(1), wish).await, [Missing]);
    assert_eq!(scene.standing(id).await.state, State::Pending);
}

pub async fn one_of_many_that_is_named_twice_is_canceled_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    let outcomes = decide(&scene, at(1), batch_of([id, id])).await;
    assert_eq!(outcomes, [Canceled, Already]);
    assert_eq!(decide(&scene, at(2), batch_of([])).await, []);
}
