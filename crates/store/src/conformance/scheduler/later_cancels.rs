//! Cancels of what is canceled: they change nothing, and who asked is kept beside the first.

use taskpilot_domain::cancellation::CancellationOutcome::{Already, Canceled};
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::CANCEL_REQUESTS_KEPT_MAX;
use taskpilot_domain::names::PrincipalName;
use taskpilot_domain::stop::StopCause;
use taskpilot_domain::time::Timestamp;

use super::cancel_batch::{batch_of, decide};
use super::scene::Scene;
use super::words::{
    at, by_id, by_key, canceled, canceled_already, cascade, job, job_with, keyed, refused, somebody,
};
use crate::conformance::SchedulerHarness;
use crate::rows::cancels::CancelBatch;
use crate::rows::executions::{CancelRecord, CancelRequest, LaterCancel};

fn who(name: &str) -> PrincipalName {
    PrincipalName::new(name).expect("a principal")
}

fn later(at: Timestamp, name: &str, reason: Option<&str>) -> LaterCancel {
    LaterCancel {
        requested_at: at,
        requested_by: who(name),
        reason: reason.map(str::to_owned),
    }
}

fn asked(request: CancelRequest, name: &str, reason: Option<&str>) -> CancelRequest {
    CancelRequest {
        actor: who(name),
        reason: reason.map(str::to_owned),
        ..request
    }
}

async fn again(scene: &Scene, now: Timestamp, request: CancelRequest) -> CancelRecord {
    let outcome = scene.cancel_all(now, vec![request]).await.remove(0);
    let record = canceled_already(outcome);
    record.cancel.expect("it says who canceled")
}

async fn cancel_of(scene: &Scene, id: ExecutionId) -> CancelRecord {
    let record = scene.record(id).await;
    record.cancel.expect("it is canceled")
}

pub async fn every_later_request_is_kept_beside_the_first(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), keyed("k", 1)).await;
    canceled(scene.cancel(at(5), id).await);
    again(&scene, at(6), asked(by_id(id), "ann", Some("too slow"))).await;
    let told = again(&scene, at(7), asked(by_key("k"), "bob", None)).await;
    assert_eq!((told.later_count, told.later.len()), (2, 0), "only counted");
    let expected = CancelRecord {
        cause: StopCause::User,
        requested_at: at(5),
        requested_by: somebody(),
        reason: Some("no longer wanted".into()),
        later_count: 2,
        later: vec![
            later(at(6), "ann", Some("too slow")),
            later(at(7), "bob", None),
        ],
    };
    assert_eq!(cancel_of(&scene, id).await, expected);
    let scene = scene.reopened(h).await;
    assert_eq!(cancel_of(&scene, id).await, expected);
}

pub async fn the_same_call_once_more_is_not_another_request(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    let call = |name: &str, call: &str| CancelRequest {
        request_id: Some(call.into()),
        ..asked(by_id(id), name, None)
    };
    let first = scene.cancel_all(at(5), vec![call("ann", "1")]).await;
    first.into_iter().map(canceled).for_each(drop);
    // Its answer was lost; another call; that one is lost too; and somebody whose calls have the
    // same names.
    for (name, id) in [("ann", "1"), ("ann", "2"), ("ann", "2"), ("bob", "2")] {
        again(&scene, at(6), call(name, id)).await;
    }
    // Who names all calls alike still says something else.
    let other = CancelRequest {
        reason: Some("really".into()),
        ..call("ann", "1")
    };
    again(&scene, at(7), other.clone()).await;
    again(&scene, at(8), other).await;
    let kept = cancel_of(&scene, id).await;
    assert_eq!(
        kept.later,
        [
            later(at(6), "ann", None),
            later(at(6), "bob", None),
            later(at(7), "ann", Some("really")),
        ]
    );
    assert_eq!(kept.later_count, 3);
}

pub async fn the_latest_requests_are_kept_and_all_are_counted(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(1), id).await);
    let most = u64::from(CANCEL_REQUESTS_KEPT_MAX);
    let all = most + 7;
    for number in 1..=all {
        let reason = number.to_string();
        again(&scene, at(number), asked(by_id(id), "ann", Some(&reason))).await;
    }
    let kept = cancel_of(&scene, id).await;
    assert_eq!(kept.later_count, all);
    let latest: Vec<_> = (8..=all)
        .map(|number| later(at(number), "ann", Some(&number.to_string())))
        .collect();
    assert_eq!(kept.later, latest);
}

pub async fn a_request_that_is_refused_leaves_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.done(at(0)).await;
    refused(scene.cancel(at(1), id).await);
    assert_eq!(scene.record(id).await.cancel, None);
}

fn of_many(name: &str, ids: impl IntoIterator<Item = ExecutionId>) -> CancelBatch {
    CancelBatch {
        actor: who("ann"),
        reason: Some("all of them".into()),
        request_id: Some(name.into()),
        since: Some(at(10)),
        ..batch_of(ids)
    }
}

pub async fn a_cancel_of_many_is_a_later_request_to_what_was_canceled_before(
    h: &mut impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(5), id).await);
    let wish = of_many("cancellation-7", [id]);
    assert_eq!(decide(&scene, at(20), wish.clone()).await, [Already]);
    let mut expected = CancelRecord {
        cause: StopCause::User,
        requested_at: at(5),
        requested_by: somebody(),
        reason: Some("no longer wanted".into()),
        later_count: 1,
        later: vec![later(at(20), "ann", Some("all of them"))],
    };
    assert_eq!(cancel_of(&scene, id).await, expected);
    // Its answer was lost, once before and once after a restart.
    assert_eq!(decide(&scene, at(30), wish.clone()).await, [Already]);
    let scene = scene.reopened(h).await;
    assert_eq!(decide(&scene, at(40), wish.clone()).await, [Already]);
    // Whoever only looks asks for nothing.
    let look = CancelBatch {
        states: Some([].into()),
        ..of_many("cancellation-8", [id])
    };
    assert_eq!(decide(&scene, at(50), look).await, [Already]);
    assert_eq!(cancel_of(&scene, id).await, expected);
    // Another one, of those that wait.
    let other = CancelBatch {
        states: Some([State::Pending].into()),
        ..of_many("cancellation-9", [id])
    };
    assert_eq!(decide(&scene, at(60), other).await, [Already]);
    expected.later_count = 2;
    expected
        .later
        .push(later(at(60), "ann", Some("all of them")));
    assert_eq!(cancel_of(&scene, id).await, expected);
}

pub async fn a_repeated_cancel_of_many_is_no_later_request_to_its_own(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    let wish = of_many("cancellation-7", [id, id]);
    assert_eq!(decide(&scene, at(20), wish.clone()).await, [Canceled; 2]);
    assert_eq!(decide(&scene, at(30), wish.clone()).await, [Canceled; 2]);
    // Nor where nobody knows since when: it has a name.
    let wish = CancelBatch {
        since: None,
        ..wish
    };
    assert_eq!(decide(&scene, at(40), wish).await, [Already; 2]);
    let kept = cancel_of(&scene, id).await;
    assert_eq!((kept.cause, kept.requested_at), (StopCause::Bulk, at(20)));
    assert_eq!((kept.later_count, kept.later), (0, Vec::new()));
}

pub async fn a_cancel_of_the_parent_is_no_later_request_to_a_child_that_was_canceled(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    let child = job_with(|job| job.parent = Some(root));
    let child = scene.create(at(0), child).await;
    canceled(scene.cancel(at(5), child).await);
    let before = cancel_of(&scene, child).await;
    scene.cancel_all(at(6), vec![cascade(root)]).await;
    let decided = scene.store.decide_descendants(at(7), 10).await;
    assert!(decided.expect("the slice is served").moved > 0);
    assert_eq!(cancel_of(&scene, child).await, before);
}
