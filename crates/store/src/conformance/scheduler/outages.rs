//! Time over our own outages: extended leases, and an instant that never steps back.

use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::time::Timestamp;

use super::scene::Scene;
use super::words::{at, canceled, failed, hasty, job, stop_of, succeeded};
use crate::conformance::SchedulerHarness;
use crate::rows::sessions::{HeartbeatOutcome, SessionGone};

async fn extend(scene: &Scene, now: Timestamp, until: Timestamp) {
    let done = scene.store.extend_leases(now, until).await;
    done.expect("leases are extended");
}

pub async fn an_extension_holds_every_live_lease_at_least_so_long(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let early = scene.worker(at(0), 1).await;
    let late = scene.worker(at(20_000), 1).await;
    for _ in 0..2 {
        extend(&scene, at(21_000), at(40_000)).await;
        assert_eq!(scene.session(&early).await.lease_until, at(40_000));
        let own = at(20_000 + LEASE_MS);
        assert_eq!(scene.session(&late).await.lease_until, own, "never shorter");
    }
    assert_eq!(scene.expire(at(39_999)).await, 0);
    assert_eq!(scene.expire(at(40_001)).await, 1);
}

pub async fn a_lease_that_lapsed_during_an_outage_is_extended(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    let scene = scene.reopened(h).await;
    let back = at(LEASE_MS + 5_000);
    extend(&scene, back, back.plus_ms(LEASE_MS)).await;
    assert_eq!(scene.expire(back.plus_ms(1)).await, 0);
    scene
        .keep_alive(&worker, back.plus_ms(2), &[grant.fence])
        .await;
}

pub async fn an_extension_does_not_revive_a_session_that_ended(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (lapsed, gone) = (scene.worker(at(0), 1).await, scene.worker(at(0), 1).await);
    scene.goodbye(&gone, at(1), Vec::new()).await;
    scene.expire(at(LEASE_MS + 1)).await;
    extend(&scene, at(LEASE_MS + 2), at(LEASE_MS * 9)).await;
    for worker in [&lapsed, &gone] {
        let outcome = scene.beat(at(LEASE_MS + 3), worker.beat(&[])).await;
        assert_eq!(outcome, HeartbeatOutcome::Gone(SessionGone::Ended));
    }
}

pub async fn a_store_that_is_well_serves_writes(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h).reopened(h).await;
    scene.store.check().await.expect("nothing hurt it");
    scene.create(at(0), job()).await;
    scene.store.check().await.expect("nothing hurt it");
}

pub async fn an_empty_store_was_told_no_instant(h: &impl SchedulerHarness) {
    assert_eq!(latest(&Scene::of(h)).await, None);
}

async fn latest(scene: &Scene) -> Option<Timestamp> {
    let latest = scene.store.latest_instant().await;
    latest.expect("the read is served")
}

pub async fn the_latest_instant_never_steps_back_and_survives_a_restart(
    h: &mut impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let id = scene.create(at(100), job()).await;
    assert_eq!(latest(&scene).await, Some(at(100)));
    scene.cancel(at(700), id).await;
    scene.create(at(300), job()).await;
    assert_eq!(latest(&scene).await, Some(at(700)));
    let scene = scene.reopened(h).await;
    assert_eq!(latest(&scene).await, Some(at(700)));
    scene.worker(at(800), 1).await;
    assert_eq!(latest(&scene).await, Some(at(800)));
}

/// What was asked first may be served last.
pub async fn no_stamp_lies_before_one_that_was_committed_earlier(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (_worker, grant) = scene.running(at(10), job()).await;
    let record = canceled(scene.cancel(at(9), grant.fence.execution).await);
    assert_eq!(record.summary.completed_at, Some(at(10)));
    let cancel = record.cancel.as_ref().map(|cancel| cancel.requested_at);
    assert_eq!(cancel, Some(at(10)));
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.claimed_at, attempt.ended_at),
        (at(10), Some(at(10)))
    );
    assert_eq!(stop_of(&record).requested_at, at(10));

    let (worker, first) = scene.running(at(20), hasty(2)).await;
    scene.finish(&worker, at(19), failed(first.fence)).await;
    scene.promote(at(30)).await;
    let second = scene.claim_one(&worker, at(30)).await;
    scene.finish(&worker, at(29), succeeded(second.fence)).await;
    let record = scene.record(second.fence.execution).await;
    assert_eq!(record.summary.standing.processing_started_at, Some(at(20)));
    assert_eq!(record.summary.completed_at, Some(at(30)));
    let stamps: Vec<_> = record
        .attempts
        .iter()
        .map(|attempt| (attempt.claimed_at, attempt.ended_at))
        .collect();
    assert_eq!(stamps, [(at(20), Some(at(20))), (at(30), Some(at(30)))]);
}
