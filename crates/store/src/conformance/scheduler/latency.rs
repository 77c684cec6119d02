//! Latencies: each stage of a stop is counted once, in its minute, for its type and namespace; and
//! what was ever counted stays.

use std::collections::BTreeMap;

use taskpilot_domain::histogram::{Bucket, Histogram};
use taskpilot_domain::names::Namespace;
use taskpilot_domain::retention::Retention;
use taskpilot_domain::stop::{How, StopEvent, StopStage};

use super::scene::Scene;
use super::words::{abroad, at, by_id, home, job_with, kind, session, stage, stage_ago, succeeded};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::CancelRequest;
use crate::rows::latency::{LatencyFilter, StopLatency, StopTotal};
use crate::rows::sessions::NewSession;

const MINUTE_MS: u64 = 60_000;

fn filter(since: u64, until: u64) -> LatencyFilter {
    LatencyFilter {
        since: at(since),
        until: at(until),
        kind: None,
    }
}

async fn listed(scene: &Scene, filter: LatencyFilter) -> Vec<StopLatency> {
    let listed = scene.store.list_stop_latencies(&home(), filter).await;
    listed.expect("the list is served")
}

fn counted(name: &str, stage: StopStage, ms: u64, count: u64) -> StopLatency {
    StopLatency {
        kind: kind(name),
        stage,
        bucket: Bucket::of(ms),
        count,
    }
}

/// One that runs from `from` on and is canceled a second later comes to all its stages.
async fn stopped(scene: &Scene, name: &str, times: (u64, u64)) {
    stopped_in(scene, (home(), name), times).await;
}

async fn stopped_in(scene: &Scene, (namespace, name): (Namespace, &str), (from, ms): (u64, u64)) {
    let job = job_with(|job| {
        job.namespace = namespace.clone();
        job.kind = kind(name);
    });
    let session = NewSession {
        namespace: namespace.clone(),
        types: vec![kind(name)],
        ..session(1)
    };
    let worker = scene.register(at(from), session).await;
    scene.create(at(from), job).await;
    let grant = scene.claim_one(&worker, at(from)).await;
    let cancel = CancelRequest {
        namespace,
        ..by_id(grant.fence.execution)
    };
    scene.cancel_all(at(from + 1_000), vec![cancel]).await;
    for (event, after) in [
        (StopEvent::Delivered, 3),
        (StopEvent::Acknowledged, 5),
        (StopEvent::Ended(How::Terminated), ms),
    ] {
        // Said twice: a repeat counts nothing.
        for _ in 0..2 {
            let report = stage(grant.fence, event);
            scene
                .report(&worker, at(from + 1_000 + after), report)
                .await;
        }
    }
}

async fn totals(scene: &Scene, limit: usize) -> Vec<StopTotal> {
    let total = scene.store.total_stop_latencies(limit).await;
    total.expect("the totals are served")
}

/// The total of stops that ended after so many milliseconds each.
fn total(of: Option<(Namespace, &str)>, ended: &[u64]) -> StopTotal {
    let mut stages: BTreeMap<StopStage, Histogram> = BTreeMap::new();
    for ms in ended {
        for (stage, ms) in StopStage::ALL.into_iter().zip([3, 5, *ms]) {
            stages.entry(stage).or_default().add(Bucket::of(ms), 1);
        }
    }
    StopTotal {
        of: of.map(|(namespace, name)| (namespace, kind(name))),
        stages,
    }
}

async fn forget_all(scene: &Scene, now: u64, retention: Retention) {
    while scene
        .store
        .forget(at(now), retention, 1)
        .await
        .expect("the slice is served")
        .more
    {}
}

pub async fn each_stage_of_a_stop_is_counted_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for (from, ms) in [(0, 20), (2_000, 20), (4_000, 300)] {
        stopped(&scene, "b", (from, ms)).await;
    }
    stopped(&scene, "a", (6_000, 8)).await;
    let expected = [
        counted("a", StopStage::Delivered, 3, 1),
        counted("a", StopStage::Signaled, 5, 1),
        counted("a", StopStage::Stopped, 8, 1),
        counted("b", StopStage::Delivered, 3, 3),
        counted("b", StopStage::Signaled, 5, 3),
        counted("b", StopStage::Stopped, 20, 2),
        counted("b", StopStage::Stopped, 300, 1),
    ];
    assert_eq!(listed(&scene, filter(0, 0)).await, expected);
    let only = LatencyFilter {
        kind: Some(kind("a")),
        ..filter(0, 0)
    };
    assert_eq!(listed(&scene, only).await, expected[..3]);
    let abroad = abroad();
    let theirs = scene.store.list_stop_latencies(&abroad, filter(0, 0));
    assert_eq!(theirs.await.expect("the list is served"), []);
}

pub async fn a_result_that_came_too_late_is_counted_as_the_end_of_its_stop(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    scene
        .finish(&worker, at(1_040), succeeded(grant.fence))
        .await;
    let all = listed(&scene, filter(0, 0)).await;
    let name = all[0].kind.to_string();
    assert_eq!(all, [counted(&name, StopStage::Stopped, 40, 1)]);
}

pub async fn a_presumed_end_is_not_counted_as_an_end(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let delivered = stage_ago(grant.fence, StopEvent::Delivered, 0);
    scene.report(&worker, at(1_002), delivered).await;
    scene.goodbye(&worker, at(2_000), Vec::new()).await;
    let all = listed(&scene, filter(0, 0)).await;
    let stages: Vec<StopStage> = all.iter().map(|one| one.stage).collect();
    assert_eq!(stages, [StopStage::Delivered]);
}

pub async fn counts_are_of_their_minute_and_forgotten_with_history(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    stopped(&scene, "a", (0, 3 * MINUTE_MS)).await;
    let stages = async |since: u64, until: u64| {
        let all = listed(&scene, filter(since * MINUTE_MS, until * MINUTE_MS)).await;
        all.iter().map(|one| one.stage).collect::<Vec<_>>()
    };
    let all = StopStage::ALL;
    assert_eq!(stages(0, 3).await, all);
    assert_eq!(stages(0, 2).await, all[..2]);
    assert_eq!(stages(1, 3).await, all[2..]);
    assert_eq!(stages(1, 2).await, []);
    let retention = Retention {
        history_ms: 10 * MINUTE_MS,
    };
    // The execution has gone when its counts go, minute by minute.
    for (now, kept) in [(10, &all[..]), (12, &all[2..]), (14, &[])] {
        forget_all(&scene, now * MINUTE_MS, retention).await;
        assert_eq!(stages(0, 3).await, kept, "{now}");
    }
}

pub async fn totals_outlive_history_and_restarts(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    stopped(&scene, "a", (0, 20)).await;
    stopped_in(&scene, (abroad(), "a"), (2_000, 30)).await;
    stopped(&scene, "a", (MINUTE_MS, 300)).await;
    let mut expected = [
        total(Some((home(), "a")), &[20, 300]),
        total(Some((abroad(), "a")), &[30]),
    ];
    assert_eq!(totals(&scene, 9).await, expected);
    let retention = Retention {
        history_ms: MINUTE_MS,
    };
    forget_all(&scene, 9 * MINUTE_MS, retention).await;
    let window = filter(0, 99 * MINUTE_MS);
    assert_eq!(listed(&scene, window.clone()).await, [], "it is forgotten");
    assert_eq!(totals(&scene, 9).await, expected, "they stay");
    let scene = scene.reopened(h).await;
    assert_eq!(totals(&scene, 9).await, expected, "they are stored");
    stopped(&scene, "a", (10 * MINUTE_MS, 20)).await;
    expected[0] = total(Some((home(), "a")), &[20, 20, 300]);
    assert_eq!(totals(&scene, 9).await, expected, "they go on");
    assert_eq!(
        listed(&scene, window).await.len(),
        3,
        "a report is of its time"
    );
}

pub async fn totals_beyond_the_limit_are_told_together_and_none_ever_falls(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    // `a` and `b` have numbers before `c`, but are counted after it.
    for name in ["a", "b"] {
        scene
            .create(at(0), job_with(|job| job.kind = kind(name)))
            .await;
    }
    stopped(&scene, "c", (0, 20)).await;
    let c = total(Some((home(), "c")), &[20]);
    assert_eq!(totals(&scene, 1).await, std::slice::from_ref(&c));
    assert_eq!(totals(&scene, 0).await, [total(None, &[20])]);
    stopped_in(&scene, (abroad(), "b"), (2_000, 30)).await;
    stopped_in(&scene, (abroad(), "a"), (4_000, 40)).await;
    let rest = total(None, &[30, 40]);
    assert_eq!(totals(&scene, 1).await, [c.clone(), rest]);
    let b = total(Some((abroad(), "b")), &[30]);
    let rest = total(None, &[40]);
    assert_eq!(totals(&scene, 2).await, [c.clone(), b.clone(), rest]);
    let a = total(Some((abroad(), "a")), &[40]);
    assert_eq!(totals(&scene, 3).await, [c, b, a]);
}
