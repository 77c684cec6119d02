//! Namespaces: what belongs to another one does not exist.

use taskpilot_domain::execution::State;

use super::scene::{Scene, Worker};
use super::words::{
    abroad, assert_same, at, by_id, created, held, home, job, keyed, session, stage, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{CancelOutcome, CancelRequest, ExecutionFilter, NewExecution};
use crate::rows::sessions::{ClaimRequest, HandInVerdict, Heartbeat, HeartbeatOutcome};
use crate::rows::stops::StopVerdict;
use taskpilot_domain::stop::{How, StopEvent};

fn theirs(new: NewExecution) -> NewExecution {
    NewExecution {
        namespace: abroad(),
        ..new
    }
}

pub async fn an_execution_of_another_namespace_does_not_exist(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    let before = scene.record(id).await;
    let read = scene.store.get_execution(&abroad(), id).await;
    assert!(read.expect("the read is served").is_none());
    let found = scene.store.find_executions(&abroad(), vec![id]).await;
    assert_eq!(found.expect("the read is served"), []);
    let filter = ExecutionFilter {
        limit: 10,
        ..ExecutionFilter::default()
    };
    let listed = scene.store.list_executions(&abroad(), filter).await;
    assert_eq!(listed.expect("the read is served"), []);
    let cancel = CancelRequest {
        namespace: abroad(),
        ..by_id(id)
    };
    let outcome = scene.cancel_all(at(1), vec![cancel]).await.remove(0);
    assert!(matches!(outcome, CancelOutcome::Missing), "{outcome:?}");
    assert_same(&scene.record(id).await, &before);
}

pub async fn a_key_belongs_to_its_namespace(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let batch = vec![keyed("k", 1), theirs(keyed("k", 2))];
    let ids = scene.create_all(at(0), batch).await;
    assert_ne!(ids[0], ids[1]);
    assert_eq!(scene.record(ids[0]).await.namespace, home());
    let foreign = scene.store.get_execution(&abroad(), ids[1]).await;
    let foreign = foreign.expect("the read is served").expect("it exists");
    assert_eq!(foreign.namespace, abroad());
}

pub async fn queues_of_one_name_in_two_namespaces_are_two(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let foreign = created(scene.submit(at(0), theirs(job())).await);
    let own = scene.create(at(0), job()).await;
    let worker = scene.worker(at(0), 5).await;
    let grants = scene.claim(&worker, at(1), 5).await;
    assert_eq!(super::words::granted(&grants), [own]);
    let mut new = session(5);
    new.namespace = abroad();
    let stranger = scene.register(at(0), new).await;
    let grants = scene.claim(&stranger, at(1), 5).await;
    assert_eq!(super::words::granted(&grants), [foreign.summary.id]);
}

pub async fn a_session_is_listed_in_its_own_namespace(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let own = scene.worker(at(0), 1).await;
    let mut new = session(1);
    new.namespace = abroad();
    let stranger = scene.register(at(0), new).await;
    assert_eq!(scene.sessions().await, [own.registered]);
    let listed = scene.store.list_sessions(&abroad(), 10).await;
    assert_eq!(listed.expect("the list is served"), [stranger.registered]);
}

pub async fn a_session_cannot_act_on_attempts_of_another_namespace(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut new = session(1);
    new.namespace = abroad();
    let stranger = scene.register(at(0), new).await;
    let (_worker, running) = scene.running(at(0), job()).await;
    let (_worker, stopping) = scene.stopping(at(0), 1).await;
    let before = (
        scene.record(running.fence.execution).await,
        scene.record(stopping.fence.execution).await,
    );
    for fence in [running.fence, stopping.fence] {
        let verdict = scene.finish(&stranger, at(2), succeeded(fence)).await;
        assert_eq!(verdict, HandInVerdict::Stale);
        let report = stage(fence, StopEvent::Ended(How::Killed));
        let verdict = scene.report(&stranger, at(2), report).await;
        assert_eq!(verdict, StopVerdict::Unknown);
    }
    let after = (
        scene.record(running.fence.execution).await,
        scene.record(stopping.fence.execution).await,
    );
    assert_same(&after, &before);
}

pub async fn what_travels_with_a_claim_or_a_heartbeat_stays_in_its_namespace(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let stranger = stranger(&scene).await;
    let (_worker, running) = scene.running(at(0), job()).await;
    let (_stopper, stopping) = scene.stopping(at(0), 1).await;
    let fences = [running.fence, stopping.fence];
    let stand = async || {
        (
            scene.record(running.fence.execution).await,
            scene.record(stopping.fence.execution).await,
            scene.sessions().await,
        )
    };
    let before = stand().await;
    let claim = ClaimRequest {
        hand_ins: fences.map(succeeded).to_vec(),
        ..stranger.next_claim(1)
    };
    let served = scene.served(at(2), claim).await;
    assert_eq!(served.verdicts, [HandInVerdict::Stale; 2]);
    assert!(served.grants.is_empty());
    let proof = |fence| stage(fence, StopEvent::Ended(How::Killed));
    let heartbeat = Heartbeat {
        stops: fences.map(proof).to_vec(),
        ..stranger.beat(&[])
    };
    let outcome = scene.beat(at(2), heartbeat).await;
    let HeartbeatOutcome::Renewed { stop_verdicts, .. } = outcome else {
        panic!("it lives: {outcome:?}");
    };
    assert_eq!(stop_verdicts, [StopVerdict::Unknown; 2]);
    assert_same(&stand().await, &before);
}

/// A worker of the other namespace, with one slot.
async fn stranger(scene: &Scene) -> Worker {
    let mut new = session(1);
    new.namespace = abroad();
    scene.register(at(0), new).await
}

pub async fn what_is_held_of_another_namespace_is_lost_and_stays_as_it_is(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let stranger = stranger(&scene).await;
    let (worker, running) = scene.running(at(0), job()).await;
    let (stopper, stopping) = scene.stopping(at(0), 1).await;
    let holds = [held(&running), held(&stopping)];
    let stand = async || {
        (
            scene.record(running.fence.execution).await,
            scene.record(stopping.fence.execution).await,
            scene.session(&worker).await,
            scene.session(&stopper).await,
        )
    };
    let before = stand().await;
    let outcome = scene.beat(at(2), stranger.beat(&holds)).await;
    let HeartbeatOutcome::Renewed {
        orders, mut lost, ..
    } = outcome
    else {
        panic!("it lives: {outcome:?}");
    };
    lost.sort_unstable();
    assert_eq!((orders, lost), (vec![], holds.to_vec()));
    assert_same(&stand().await, &before);
}

pub async fn a_goodbye_releases_nothing_of_another_namespace(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let stranger = stranger(&scene).await;
    let (worker, running) = scene.running(at(0), job()).await;
    let (stopper, stopping) = scene.stopping(at(0), 1).await;
    let stand = async || {
        (
            scene.record(running.fence.execution).await,
            scene.record(stopping.fence.execution).await,
            scene.sessions().await,
        )
    };
    let before = stand().await;
    let never_started = vec![held(&running), held(&stopping)];
    scene.goodbye(&stranger, at(2), never_started).await;
    assert_same(&stand().await, &before);
    assert_eq!(scene.orders(&worker).await, []);
    assert_eq!(scene.orders(&stopper).await.len(), 1);
}

pub async fn orders_stay_in_their_namespace(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let stranger = stranger(&scene).await;
    let (worker, stopping) = scene.stopping(at(0), 1).await;
    assert_eq!(scene.orders(&stranger).await, []);
    for holds in [vec![], vec![held(&stopping)]] {
        let outcome = scene.beat(at(2), stranger.beat(&holds)).await;
        let HeartbeatOutcome::Renewed { orders, .. } = outcome else {
            panic!("it lives: {outcome:?}");
        };
        assert_eq!(orders, []);
    }
    assert_eq!(scene.orders(&stranger).await, []);
    let told = scene.orders(&worker).await;
    let fences: Vec<_> = told.iter().map(|order| order.fence).collect();
    assert_eq!(fences, [stopping.fence], "its own session is told");
}

pub async fn loops_serve_every_namespace(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut later = theirs(job());
    later.options.scheduled_for = Some(at(100));
    later.options.deadline = Some(at(900));
    let id = scene.create(at(0), later).await;
    assert_eq!(scene.promote(at(200)).await, 1);
    assert_eq!(scene.pass_deadlines(at(901)).await, 1);
    let record = scene.store.get_execution(&abroad(), id).await;
    let record = record.expect("the read is served").expect("it exists");
    assert_eq!(record.summary.standing.state, State::Failed);
}
