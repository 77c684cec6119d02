//! The cost of a claim: it must not grow with the rows that it cannot take.

use taskpilot_domain::options::Priority;

use super::queues::{limit, pause, steer};
use super::scene::Scene;
use super::words::{abroad, at, job, job_with, kind, queue, session, succeeded};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::NewExecution;

/// What a claim may look at beyond twice its cost in an empty store.
const SLACK: u64 = 256;

pub async fn a_hundred_thousand_rows_of_a_foreign_type_are_never_walked(h: &impl SchedulerHarness) {
    let high = job_with(|job| {
        job.kind = kind("foreign");
        job.options.priority = Priority(10);
    });
    let level = job_with(|job| job.kind = kind("foreign"));
    costs_as_in_an_empty_store(h, &[(high, 50), (level, 50)]).await;
}

pub async fn rows_of_foreign_queues_and_namespaces_are_never_walked(h: &impl SchedulerHarness) {
    let elsewhere = job_with(|job| job.options.queue = queue("foreign"));
    let theirs = job_with(|job| job.namespace = abroad());
    costs_as_in_an_empty_store(h, &[(elsewhere, 10), (theirs, 10)]).await;
}

pub async fn rows_whose_time_has_not_come_are_never_walked(h: &impl SchedulerHarness) {
    let later = job_with(|job| job.options.scheduled_for = Some(at(1_000_000)));
    costs_as_in_an_empty_store(h, &[(later, 20)]).await;
}

pub async fn rows_behind_the_ones_that_are_taken_are_never_walked(h: &impl SchedulerHarness) {
    let low = job_with(|job| job.options.priority = Priority(-10));
    costs_as_in_an_empty_store(h, &[(low, 20)]).await;
}

/// `thousands` says how many thousand rows of each kind lie in the way.
async fn costs_as_in_an_empty_store(
    h: &impl SchedulerHarness,
    thousands: &[(NewExecution, usize)],
) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    let alone = cost_of_one(&scene, h, &worker).await;
    for (new, count) in thousands {
        for _ in 0..*count {
            scene.create_all(at(1), vec![new.clone(); 1_000]).await;
        }
    }
    let in_the_crowd = cost_of_one(&scene, h, &worker).await;
    assert!(
        in_the_crowd <= 2 * alone + SLACK,
        "a claim looked at {in_the_crowd}, in an empty store at {alone}"
    );
}

async fn cost_of_one(
    scene: &Scene,
    h: &impl SchedulerHarness,
    worker: &super::scene::Worker,
) -> u64 {
    let id = scene.create(at(2), job()).await;
    let grant = scene.claim_one(worker, at(2)).await;
    let cost = h.claim_work();
    assert_eq!(grant.fence.execution, id);
    scene.finish(worker, at(2), succeeded(grant.fence)).await;
    cost
}

pub async fn rows_of_a_paused_or_a_full_queue_are_never_walked(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut wide = session(9);
    wide.queues.extend(["paused", "full"].map(queue));
    let worker = scene.register(at(0), wide).await;
    let alone = cost_of_one(&scene, h, &worker).await;
    let within = |name| {
        job_with(|job| {
            job.options.queue = queue(name);
            job.options.priority = Priority(10);
        })
    };
    steer(&scene, at(0), "paused", pause()).await;
    steer(&scene, at(0), "full", limit(1)).await;
    for _ in 0..20 {
        for name in ["paused", "full"] {
            scene.create_all(at(1), vec![within(name); 1_000]).await;
        }
    }
    let taken = scene.claim(&worker, at(1), 9).await;
    assert_eq!(taken.len(), 1, "as many as the full one may hold");
    let in_the_crowd = cost_of_one(&scene, h, &worker).await;
    assert!(
        in_the_crowd <= 2 * alone + SLACK,
        "a claim looked at {in_the_crowd}, in an empty store at {alone}"
    );
    let mut closed = session(9);
    closed.queues = ["paused", "full"].map(queue).into();
    let closed = scene.register(at(3), closed).await;
    assert!(scene.claim(&closed, at(3), 9).await.is_empty());
    assert_eq!(h.claim_work(), 0, "what is closed is not looked at");
}
