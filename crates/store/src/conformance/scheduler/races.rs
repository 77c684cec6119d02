//! Races: many callers at once, one truth.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use taskpilot_domain::execution::State;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::LEASE_MS;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::scene::{Scene, Worker};
use super::words::{
    at, by_key, canceled, created, failed, granted, hasty, job, job_with, keyed, released,
    replayed, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{CancelOutcome, CreateOutcome};
use crate::rows::sessions::{HandInVerdict, HeartbeatOutcome};

/// Rounds of a race between two or few calls.
const ROUNDS: u64 = 30;
const CALLERS: usize = 8;

fn verdicts_of(outcomes: &[CancelOutcome]) -> (usize, usize) {
    let count = |wanted: fn(&CancelOutcome) -> bool| {
        outcomes.iter().filter(|outcome| wanted(outcome)).count()
    };
    (
        count(|outcome| matches!(outcome, CancelOutcome::Canceled(_))),
        count(|outcome| matches!(outcome, CancelOutcome::Already(_))),
    )
}

/// Cancels from many tasks at once.
async fn cancel_from_all_sides(scene: &Scene, id: ExecutionId) -> Vec<CancelOutcome> {
    let start = Arc::new(Barrier::new(CALLERS));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (scene, start) = (scene.clone(), Arc::clone(&start));
        callers.spawn(async move {
            start.wait().await;
            scene.cancel(at(5), id).await
        });
    }
    callers.join_all().await
}

pub async fn one_of_many_cancels_is_the_verdict(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for _ in 0..ROUNDS {
        let id = scene.create(at(0), job()).await;
        let outcomes = cancel_from_all_sides(&scene, id).await;
        assert_eq!(verdicts_of(&outcomes), (1, CALLERS - 1), "{outcomes:?}");
        let cancel = scene.record(id).await.cancel.expect("canceled");
        let (later, all) = (CALLERS as u64 - 1, cancel.later.len() as u64);
        assert_eq!((cancel.later_count, all), (later, later));
    }
}

/// Moves of a row before the first cancel of it leaves.
const MOVES_FIRST: usize = 10;
/// Rounds in which a verdict has fallen on each of two states, and many times more.
const ROUNDS_MAX: usize = 1_000;

pub async fn a_row_that_moves_all_the_time_is_canceled_exactly_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (mut was_running, mut was_pending) = (0, 0);
    for round in 0..ROUNDS_MAX {
        if round >= 30 && was_running > 0 && was_pending > 0 {
            return;
        }
        let id = scene.create(at(0), hasty(100)).await;
        let worker = scene.worker(at(0), 2).await;
        let moves = Arc::new(AtomicUsize::new(0));
        let bouncing = bounce(&scene, &worker, &moves);
        let canceling = cancel_on_the_move(&scene, id, (round, &moves));
        let (late, outcomes) = tokio::join!(bouncing, canceling);
        assert_eq!(verdicts_of(&outcomes), (1, CALLERS - 1), "{outcomes:?}");
        let record = scene.record(id).await;
        assert_eq!(record.summary.standing.state, State::Canceled);
        // A claim is every second move.
        assert!(record.attempts.len() >= MOVES_FIRST / 2, "it had moved");
        let stops = record.attempts.iter().filter(|one| one.stop.is_some());
        assert_eq!(stops.count(), late, "one attempt at most was stopped");
        match late {
            0 => was_pending += 1,
            1 => was_running += 1,
            more => panic!("{more} attempts ran at the verdict"),
        }
        scene.goodbye(&worker, at(9), Vec::new()).await;
    }
    panic!("of all verdicts {was_running} fell on a running row, {was_pending} on a pending one");
}

/// Cancels from many tasks, spread over the moves of the row; until then each reads, and every read
/// must find it.
async fn cancel_on_the_move(
    scene: &Scene,
    id: ExecutionId,
    (round, moves): (usize, &Arc<AtomicUsize>),
) -> Vec<CancelOutcome> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (scene, moves) = (scene.clone(), Arc::clone(moves));
        let after = MOVES_FIRST + round % 2 + 3 * caller;
        callers.spawn(async move {
            while moves.load(Ordering::Acquire) < after {
                scene.record(id).await;
            }
            scene.cancel(at(5), id).await
        });
    }
    callers.join_all().await
}

/// Claims, and in turn releases and fails, until nothing comes any more; answers late hand-ins.
async fn bounce(scene: &Scene, worker: &Worker, moves: &AtomicUsize) -> usize {
    let mut late = 0;
    for round in 0..150_u32 {
        let Some(grant) = scene.claim(worker, at(5), 1).await.pop() else {
            break;
        };
        moves.fetch_add(1, Ordering::Release);
        let item = if round.is_multiple_of(2) {
            released(grant.fence)
        } else {
            failed(grant.fence)
        };
        match scene.finish(worker, at(5), item).await {
            HandInVerdict::Applied => {}
            HandInVerdict::Late { winner } => {
                assert_eq!(winner, State::Canceled);
                late += 1;
            }
            other => panic!("its own attempt was judged {other:?}"),
        }
        scene.promote(at(5)).await;
        moves.fetch_add(1, Ordering::Release);
    }
    // It moves no more: whoever still waits for that has waited enough.
    moves.store(usize::MAX, Ordering::Release);
    late
}

pub async fn a_result_and_a_cancel_have_one_winner(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for _ in 0..ROUNDS {
        let (worker, grant) = scene.running(at(0), job()).await;
        let id = grant.fence.execution;
        let (verdict, outcome) = tokio::join!(
            scene.finish(&worker, at(5), succeeded(grant.fence)),
            scene.cancel(at(5), id)
        );
        let state = scene.standing(id).await.state;
        match (verdict, &outcome) {
            (HandInVerdict::Applied, CancelOutcome::Refused(_)) => {
                assert_eq!(state, State::Succeeded);
            }
            (HandInVerdict::Late { winner }, CancelOutcome::Canceled(_)) => {
                assert_eq!((winner, state), (State::Canceled, State::Canceled));
            }
            both => panic!("both or none won: {both:?}"),
        }
    }
}

pub async fn a_claim_and_a_cancel_leave_no_lease_without_an_order(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for _ in 0..ROUNDS {
        let id = scene.create(at(0), job()).await;
        let worker = scene.worker(at(0), 1).await;
        let (grants, outcome) =
            tokio::join!(scene.claim(&worker, at(5), 1), scene.cancel(at(5), id));
        let record = canceled(outcome);
        let orders = scene.orders(&worker).await;
        assert_eq!(
            grants.len(),
            orders.len(),
            "what was leased is ordered back"
        );
        assert_eq!(record.attempts.len(), grants.len());
        scene.goodbye(&worker, at(9), Vec::new()).await;
    }
}

pub async fn each_execution_is_granted_to_one_of_many_workers(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 400]).await;
    let start = Arc::new(Barrier::new(CALLERS));
    let mut workers = JoinSet::new();
    for _ in 0..CALLERS {
        let (scene, start) = (scene.clone(), Arc::clone(&start));
        let worker = scene.worker(at(0), 400).await;
        workers.spawn(async move {
            start.wait().await;
            let mut taken = Vec::new();
            loop {
                let grants = scene.claim(&worker, at(1), 7).await;
                if grants.is_empty() {
                    return taken;
                }
                taken.extend(granted(&grants));
            }
        });
    }
    let mut taken: Vec<ExecutionId> = workers.join_all().await.into_iter().flatten().collect();
    // A poll may come away empty while another's batch is not yet committed.
    let last = scene.worker(at(0), 400).await;
    taken.extend(granted(&scene.claim(&last, at(1), 400).await));
    taken.sort_unstable();
    assert_eq!(taken, ids);
}

pub async fn one_of_many_creates_under_one_key_is_new(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for round in 0..ROUNDS {
        let name = format!("key-{round}");
        let start = Arc::new(Barrier::new(CALLERS));
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (scene, start) = (scene.clone(), Arc::clone(&start));
            let new = keyed(&name, 1);
            callers.spawn(async move {
                start.wait().await;
                scene.submit(at(0), new).await
            });
        }
        let outcomes = callers.join_all().await;
        let (new, old): (Vec<_>, Vec<_>) = outcomes
            .into_iter()
            .partition(|outcome| matches!(outcome, CreateOutcome::Created(_)));
        assert_eq!(new.len(), 1);
        let ids: Vec<ExecutionId> = new
            .into_iter()
            .map(|outcome| created(outcome).summary.id)
            .chain(old.into_iter().map(|outcome| replayed(outcome).summary.id))
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

pub async fn a_create_and_a_cancel_of_one_key_end_canceled(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 9).await;
    for round in 0..ROUNDS {
        let name = format!("key-{round}");
        let (submitted, mut outcomes) = tokio::join!(
            scene.submit(at(0), keyed(&name, 1)),
            scene.cancel_all(at(0), vec![by_key(&name)])
        );
        let decided = canceled(outcomes.remove(0)).summary.id;
        let id = match submitted {
            CreateOutcome::Created(record) | CreateOutcome::Replayed(record) => record.summary.id,
            other => panic!("neither new nor known: {other:?}"),
        };
        assert_eq!(id, decided);
        assert_eq!(scene.standing(id).await.state, State::Canceled);
        assert_eq!(granted(&scene.claim(&worker, at(1), 9).await), []);
    }
}

pub async fn a_renewal_and_an_expiry_have_one_winner(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for round in 0..ROUNDS {
        let begun = at(3 * LEASE_MS * round);
        let worker = scene.worker(begun, 1).await;
        let over = begun.plus_ms(LEASE_MS);
        let (outcome, ended) = tokio::join!(
            scene.beat(over.minus_ms(1), worker.beat(&[])),
            scene.expire(over)
        );
        match (outcome, ended) {
            (HeartbeatOutcome::Renewed { .. }, 0) => {
                scene.goodbye(&worker, over, Vec::new()).await;
            }
            (HeartbeatOutcome::Gone(_), 1) => {}
            both => panic!("alive and dead: {both:?}"),
        }
    }
}

pub async fn loops_on_many_nodes_do_each_thing_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let later = job_with(|job| job.options.scheduled_for = Some(at(10)));
    let ids = scene.create_all(at(0), vec![later; 300]).await;
    let start = Arc::new(Barrier::new(CALLERS));
    let mut nodes = JoinSet::new();
    for _ in 0..CALLERS {
        let (scene, start) = (scene.clone(), Arc::clone(&start));
        nodes.spawn(async move {
            start.wait().await;
            let mut moved = 0;
            for _ in 0..8 {
                let tick = scene.store.promote_due(at(10), 20).await;
                moved += tick.expect("the tick is served").moved;
            }
            moved
        });
    }
    let mut moved: u32 = nodes.join_all().await.into_iter().sum();
    moved += scene.promote(at(10)).await;
    assert_eq!(moved, 300);
    let worker = scene.worker(at(10), 400).await;
    let mut taken = granted(&scene.claim(&worker, at(10), 400).await);
    taken.sort_unstable();
    assert_eq!(taken, ids);
}
