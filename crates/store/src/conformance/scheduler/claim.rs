//! Claims: what is granted, in which order, and what a grant writes.

use taskpilot_domain::execution::{Standing, State};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::limits::CLAIM_BYTES_MAX;
use taskpilot_domain::options::Priority;
use taskpilot_domain::time::Timestamp;

use super::scene::Scene;
use super::words::{
    abroad, assert_same, at, failed, fences, granted, hasty, job, job_with, kind, queue, released,
    session, worker_name,
};
use crate::conformance::SchedulerHarness;
use crate::rows::attempts::{AttemptRecord, Exit};
use crate::rows::executions::{Grant, NewExecution};
use crate::rows::sessions::HandInVerdict;

pub async fn the_higher_priority_goes_first_and_then_the_older(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ranks = [0, -10, 10, 0, 10, 3];
    let batch = ranks.map(|rank| job_with(|job| job.options.priority = Priority(rank)));
    let ids = scene.create_all(at(0), batch.to_vec()).await;
    let worker = scene.worker(at(0), 10).await;
    let first = granted(&scene.claim(&worker, at(1), 4).await);
    let rest = granted(&scene.claim(&worker, at(1), 4).await);
    assert_eq!(
        (first, rest),
        (vec![ids[2], ids[4], ids[5], ids[0]], vec![ids[3], ids[1]])
    );
}

pub async fn a_session_is_served_from_all_its_queues_and_types_by_rank_and_age(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let lanes = [
        ("b", "y", 0),
        ("a", "x", 0),
        ("b", "x", 0),
        ("a", "y", 5),
        ("a", "y", 0),
        ("b", "x", 5),
    ];
    let batch = lanes.map(|(queue_name, type_name, rank)| {
        job_with(|job| {
            job.kind = kind(type_name);
            job.options.queue = queue(queue_name);
            job.options.priority = Priority(rank);
        })
    });
    let ids = scene.create_all(at(0), batch.to_vec()).await;
    let mut new = session(10);
    new.queues = vec![queue("a"), queue("b")];
    new.types = vec![kind("x"), kind("y")];
    let worker = scene.register(at(0), new).await;
    let mut order = Vec::new();
    for _ in 0..2 {
        order.extend(granted(&scene.claim(&worker, at(1), 3).await));
    }
    assert_eq!(order, [3, 5, 0, 1, 2, 4].map(|index: usize| ids[index]));
}

pub async fn what_belongs_to_others_is_not_granted(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let foreign = vec![
        job_with(|job| job.kind = kind("other")),
        job_with(|job| job.options.queue = queue("other")),
        job_with(|job| job.namespace = abroad()),
    ];
    let ids = scene.create_all(at(0), foreign).await;
    let worker = scene.worker(at(0), 10).await;
    assert_eq!(granted(&scene.claim(&worker, at(1), 10).await), []);
    let mut theirs = session(10);
    theirs.namespace = abroad();
    let stranger = scene.register(at(0), theirs).await;
    assert_eq!(
        granted(&scene.claim(&stranger, at(1), 10).await),
        [ids[2]],
        "the same queue and type of another namespace"
    );
}

pub async fn nothing_is_granted_before_its_time(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let later = job_with(|job| job.options.scheduled_for = Some(at(1_000)));
    let id = scene.create(at(0), later).await;
    let worker = scene.worker(at(0), 10).await;
    assert_eq!(scene.promote(at(999)).await, 0);
    assert_eq!(granted(&scene.claim(&worker, at(999), 10).await), []);
    assert_eq!(scene.promote(at(1_000)).await, 1);
    assert_eq!(granted(&scene.claim(&worker, at(1_000), 10).await), [id]);
}

pub async fn a_grant_carries_all_that_a_worker_needs(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let new = job_with(|job| {
        job.reference = Some("task/7".into());
        job.options.retry.max_attempts = 4;
        job.options.attempt_timeout_ms = Some(60_000);
        job.options.deadline = Some(at(90_000));
        job.options.cancel_grace_ms = 123;
        job.options.scheduled_for = Some(at(3));
    });
    let id = scene.create(at(5), new.clone()).await;
    let worker = scene.worker(at(5), 1).await;
    let request = worker.next_claim(1);
    let tokens = request.tokens.clone();
    let mut served = scene.served(at(6), request).await;
    let grant = served.grants.remove(0);
    assert_eq!(grant.fence.token, tokens[0]);
    let expected = Grant {
        fence: grant.fence,
        kind: new.kind,
        payload: new.payload,
        reference: new.reference,
        queue: new.options.queue,
        attempt_count: 1,
        max_attempts: 4,
        attempt_timeout_ms: Some(60_000),
        cancel_grace_ms: 123,
        scheduled_for: at(3),
        deadline: Some(at(90_000)),
        cleanup_of: None,
    };
    assert_same(&grant, &expected);
    assert_eq!(
        (grant.fence.execution, grant.fence.attempt),
        (id, AttemptNumber(1))
    );
}

pub async fn a_claim_begins_an_attempt_and_starts_the_clock(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(40), job()).await;
    let record = scene.record(grant.fence.execution).await;
    let expected = Standing {
        state: State::Running,
        attempt: AttemptNumber(1),
        attempt_count: 1,
        processing_started_at: Some(at(40)),
        ..Standing::accepted(at(40), job().options.retry)
    };
    assert_eq!(record.summary.standing, expected);
    assert_eq!(
        record.summary.worker,
        Some((worker.session.id, worker_name()))
    );
    assert_eq!(
        record.attempts,
        [open_attempt(1, &worker.registered, at(40))]
    );
}

pub async fn a_second_attempt_keeps_the_first_clock(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), hasty(3)).await;
    let id = first.fence.execution;
    let verdict = scene.finish(&worker, at(10), failed(first.fence)).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    scene.promote(at(20)).await;
    let second = scene.claim_one(&worker, at(30)).await;
    assert_eq!(
        (second.fence.attempt, second.attempt_count),
        (AttemptNumber(2), 2)
    );
    let standing = scene.standing(id).await;
    assert_eq!(standing.processing_started_at, Some(at(0)));
    assert_eq!(
        scene.record(id).await.attempts[1],
        open_attempt(2, &worker.registered, at(30))
    );
}

fn open_attempt(
    number: u32,
    holder: &crate::rows::sessions::SessionRecord,
    claimed_at: Timestamp,
) -> AttemptRecord {
    AttemptRecord {
        number: AttemptNumber(number),
        session: holder.id,
        worker: holder.name.clone(),
        claimed_at,
        confirmed_at: None,
        ended_at: None,
        end: None,
        error: None,
        exit: Exit::default(),
        output: None,
        late: None,
        stop: None,
    }
}

pub async fn what_is_granted_is_granted_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 4]).await;
    let (one, other) = (scene.worker(at(0), 3).await, scene.worker(at(0), 3).await);
    let first = scene.claim(&one, at(1), 3).await;
    let second = scene.claim(&other, at(1), 3).await;
    assert_eq!(granted(&first), ids[..3]);
    assert_eq!(granted(&second), ids[3..]);
}

pub async fn a_released_execution_goes_to_the_tail(h: &impl SchedulerHarness) {
    let returned = released;
    goes_to_the_tail(&Scene::of(h), job(), returned).await;
}

pub async fn a_retried_execution_goes_to_the_tail(h: &impl SchedulerHarness) {
    goes_to_the_tail(&Scene::of(h), hasty(3), failed).await;
}

async fn goes_to_the_tail(
    scene: &Scene,
    new: NewExecution,
    hand_in: fn(taskpilot_domain::ids::Fence) -> crate::rows::sessions::HandIn,
) {
    let ids = scene.create_all(at(0), vec![new; 3]).await;
    let worker = scene.worker(at(0), 5).await;
    let first = scene.claim_one(&worker, at(1)).await;
    let verdict = scene.finish(&worker, at(2), hand_in(first.fence)).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    scene.promote(at(3)).await;
    let order = scene.claim(&worker, at(3), 3).await;
    assert_eq!(granted(&order), [ids[1], ids[2], ids[0]]);
    assert_eq!(order[2].fence.attempt, AttemptNumber(2));
}

pub async fn what_is_too_large_for_one_answer_waits_for_the_next(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let payload = format!("\"{}\"", "x".repeat(CLAIM_BYTES_MAX / 4 - 2));
    let large = job_with(|job| job.payload = payload.as_str().into());
    let ids = scene.create_all(at(0), vec![large; 6]).await;
    let worker = scene.worker(at(0), 10).await;
    let first = granted(&scene.claim(&worker, at(1), 10).await);
    let rest = granted(&scene.claim(&worker, at(1), 10).await);
    assert_eq!((first, rest), (ids[..4].to_vec(), ids[4..].to_vec()));
}

pub async fn a_claim_says_whether_it_had_room_for_more_than_there_was(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let payload = format!("\"{}\"", "x".repeat(CLAIM_BYTES_MAX / 2));
    let large = job_with(|job| job.payload = payload.as_str().into());
    scene
        .create_all(at(0), vec![job(), job(), large.clone(), large])
        .await;
    let worker = scene.worker(at(0), 10).await;
    let mut served = Vec::new();
    for want in [1, 4, 4, 4] {
        let one = scene.served(at(1), worker.next_claim(want)).await;
        served.push((one.grants.len(), one.drained));
    }
    let all_it_wanted = (1, false);
    let cut_for_its_size = (2, false);
    assert_eq!(
        served,
        [all_it_wanted, cut_for_its_size, (1, true), (0, true)]
    );
    scene.create_all(at(2), vec![job(); 2]).await;
    let small = scene.worker(at(2), 1).await;
    for all_its_slots in [1, 0] {
        let one = scene.served(at(2), small.next_claim(4)).await;
        assert_eq!((one.grants.len(), one.drained), (all_its_slots, false));
    }
}

pub async fn every_attempt_has_its_own_token(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 3]).await;
    let worker = scene.worker(at(0), 3).await;
    let request = worker.next_claim(3);
    let tokens = request.tokens.clone();
    let served = scene.served(at(1), request).await;
    let used: Vec<_> = fences(&served.grants)
        .iter()
        .map(|fence| fence.token)
        .collect();
    assert_eq!(used.len(), 3);
    for token in &tokens {
        assert!(used.contains(token), "each token is used once");
    }
}
