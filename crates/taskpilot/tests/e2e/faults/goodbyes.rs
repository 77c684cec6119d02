//! The last call of a worker under every fault. It is made once; where it did not arrive, the next life
//! of the worker makes up for it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Exchange, Fault, Proxy, Route, Rule};
use taskpilot_e2e::taskpilot::{Signal, Taskpilot};
use taskpilot_e2e::wait::{SOON, wait_until};

use super::every_call::FAULTS;
use super::truth::ended_as;
use crate::api::{active_workers, id_of, start};
use crate::fleet::Fleet;
use crate::start::DRAIN;

/// Long: no session of the test ends by it.
const LEASE_MS: u64 = 600_000;

#[tokio::test]
async fn a_goodbye_may_meet_every_fault() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    for fault in FAULTS {
        let (mut worker, session) = life(&fleet, &proxy).await?;
        // Not before: the farewell to an earlier life goes the same way.
        proxy.rule(Rule::first(1, Route::GOODBYE, fault));
        worker.signal(Signal::TERM)?;
        let is_held = matches!(fault, Fault::HeldRequest | Fault::HeldReply);
        let path = format!("/v1/workers/{session}");
        let is_its = |said: &Exchange| said.request.path == path;
        let is_met =
            |said: &Exchange| is_its(said) && said.fault == Some(fault) && said.is_held == is_held;
        proxy.when("it is said", Route::GOODBYE, is_met).await?;
        proxy.release();
        let status = worker.ended(DRAIN).await?;
        ensure!(status.success(), "{fault:?}: {status}");
        let has_arrived = !matches!(fault, Fault::LostRequest | Fault::Reset);
        let told = if has_arrived { "GONE" } else { "ACTIVE" };
        is_told(&fleet, session, told, fault).await?;
        proxy.forget_rules();

        let (mut worker, next) = life(&fleet, &proxy).await?;
        is_told(&fleet, session, "GONE", fault).await?;
        let said = proxy.exchanges(Route::GOODBYE);
        let said = said.into_iter().filter(is_its).count();
        // Who heard that it was taken, also a second time, has nothing more to say.
        let is_heard = is_held || matches!(fault, Fault::Twice(_));
        assert_eq!(said, if is_heard { 1 } else { 2 }, "{fault:?}");
        worker.signal(Signal::TERM)?;
        worker.ended(DRAIN).await?;
        is_told(&fleet, next, "GONE", fault).await?;
    }
    Ok(())
}

/// A worker that serves, and its session: the only one.
async fn life(fleet: &Fleet, proxy: &Proxy) -> Result<(Taskpilot, i64)> {
    let worker = fleet.start_worker_at("worker", &proxy.url())?;
    let quick = start(fleet.control(), "quick", &json!({})).await?;
    ended_as(fleet, quick, "SUCCEEDED").await?;
    let once = ["start", "end"].map(|word| Mark::first(word, quick.execution));
    assert_eq!(fleet.bench.ledger().of(quick.execution)?, once);
    let active = active_workers(fleet.scheduler(), 1).await?;
    Ok((worker, id_of(&active[0], "id")?))
}

async fn is_told(fleet: &Fleet, session: i64, state: &str, fault: Fault) -> Result<()> {
    let what = format!("session {session} is {state} after {fault:?}");
    wait_until(&what, SOON, || async {
        let page = fleet.scheduler().get("/v1/workers").send().await?;
        let page = page.expect(200)?.json()?;
        let sessions = page["items"].as_array().context("a list without items")?;
        let is_it = |one: &&Value| one["id"] == session;
        let known = sessions.iter().find(is_it).context("it is not listed")?;
        Ok((known["state"] == state).then_some(()))
    })
    .await
}
