//! Histories through a network that is well, through one that loses answers, and over a crash.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::proxy::{Fault, Proxy, Route, Rule};
use taskpilot_e2e::wait::{SOON, wait_until};

use super::play::Play;
use super::record::Tally;
use crate::fleet::Fleet;

/// Longer than any of these tests takes: no lease ends, and nothing happens that nobody asked for.
const LEASE_MS: u64 = 600_000;
const CANCEL_KEY: Route = Route::new("PUT", "/tasks/by-key/*/cancel");
/// Requests of a route of which one is lost.
const LOST_EVERY: usize = 5;

/// Another one in each run; what a run finds is named with it.
fn seed() -> u64 {
    RandomState::new().hash_one("a seed")
}

/// Plays rounds against a server and judges each.
async fn rounds(server: Http, seed: u64, rounds: u64) -> Result<Tally> {
    let mut tally = Tally::default();
    for round in 0..rounds {
        let play = Play::begin(server, seed, round);
        let judged = async {
            play.perform().await?;
            play.judge().await
        };
        tally += judged
            .await
            .with_context(|| format!("round {round} of the seed {seed}"))?;
    }
    Ok(tally)
}

#[tokio::test]
async fn what_concurrent_clients_see_has_an_order() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let seed = seed();
    let tally = rounds(fleet.scheduler(), seed, 20).await?;
    println!("seed {seed}: {tally:?}");
    ensure!(tally.answered == tally.called, "{tally:?}");
    ensure!(tally.is_rich(20), "{tally:?}");
    Ok(())
}

#[tokio::test]
async fn it_has_an_order_where_answers_are_lost() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    let faults = [Fault::HangsUpAfter, Fault::Reset, Fault::ResetAfter];
    let routes = [
        Route::CREATE,
        Route::CLAIMS,
        Route::RESULTS,
        Route::CANCEL,
        CANCEL_KEY,
    ];
    for route in routes {
        for (count, fault) in (1..=200).zip(faults.into_iter().cycle()) {
            // A rule does not count what an earlier one has met.
            let nth = count * (LOST_EVERY - 1) + 1;
            proxy.rule(Rule::nth(nth, route, fault));
        }
    }
    let seed = seed();
    let tally = rounds(proxy.http(), seed, 12).await?;
    println!("seed {seed}: {tally:?}");
    ensure!(tally.answered < tally.called, "nothing was lost: {tally:?}");
    ensure!(tally.answered * 10 >= tally.called * 6, "{tally:?}");
    ensure!(tally.is_rich(12), "{tally:?}");
    Ok(())
}

#[tokio::test]
async fn it_has_an_order_over_a_crash_of_the_scheduler() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let mut scheduler = fleet.start_scheduler().await?;
    let seed = seed();
    let mut tally = Tally::default();
    for round in 0..6 {
        let play = Arc::new(Play::begin(fleet.scheduler(), seed, round));
        let crash = async {
            wait_until("the round is on its way", SOON, || async {
                Ok(play.is_half_over().then_some(()))
            })
            .await?;
            scheduler.crash().await?;
            fleet.start_scheduler().await
        };
        let (played, started) = tokio::join!(play.perform(), crash);
        scheduler = started?;
        let named = || format!("round {round} of the seed {seed}");
        played.with_context(named)?;
        tally += play.judge().await.with_context(named)?;
    }
    println!("seed {seed}: {tally:?}");
    ensure!(tally.answered < tally.called, "nothing was lost: {tally:?}");
    ensure!(tally.answered * 10 >= tally.called * 6, "{tally:?}");
    ensure!(tally.is_rich(6), "{tally:?}");
    Ok(())
}
