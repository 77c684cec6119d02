//! Work that begins only when it was told that it may: after a verdict it never does, whatever
//! becomes of the order to stop.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Exchange, Fault, Proxy, Route, Rule};
use taskpilot_e2e::taskpilot::Taskpilot;

use super::truth::ended_as;
use crate::api::{Bound, cancel, start};
use crate::fleet::Fleet;

/// A fleet whose worker cannot hear of an order: neither by the stream nor by a heartbeat.
struct Deaf {
    fleet: Fleet,
    proxy: Proxy,
    bound: Bound,
    _processes: [Taskpilot; 2],
}

impl Deaf {
    async fn with(kind: &str) -> Result<Self> {
        let fleet = Fleet::new()?;
        let processes = [fleet.start_scheduler().await?, fleet.start_control().await?];
        let proxy = Proxy::before(fleet.scheduler().address()).await?;
        for route in [Route::ORDERS, Route::HEARTBEAT] {
            proxy.rule(Rule::every(route, Fault::Reset));
        }
        let bound = start(fleet.control(), kind, &json!({})).await?;
        Ok(Self {
            fleet,
            proxy,
            bound,
            _processes: processes,
        })
    }

    fn worker(&self) -> Result<Taskpilot> {
        self.fleet.start_worker_at("worker", &self.proxy.url())
    }

    async fn held(&self, route: Route) -> Result<()> {
        let held = |exchange: &Exchange| exchange.is_held;
        self.proxy.when("it is held", route, held).await.map(drop)
    }

    async fn cancel(&self) -> Result<()> {
        let canceled = cancel(self.fleet.control(), self.bound.task).await?;
        canceled.expect(204).map(drop)
    }

    /// The verdicts that the worker was told about its start, one for each time it asked.
    fn told(&self) -> Vec<Value> {
        let asked = self.proxy.exchanges(Route::STARTS);
        let replies = asked.iter().filter_map(|one| one.reply_json(0).ok());
        replies
            .map(|reply| reply["verdicts"][0]["verdict"].clone())
            .collect()
    }

    /// The stop is proven without an order, and nothing has run.
    async fn never_begins(&self) -> Result<()> {
        let view = ended_as(&self.fleet, self.bound, "CANCELED").await?;
        assert_eq!(view["stop"]["how"], "never_started", "{view}");
        assert_eq!(self.fleet.bench.ledger().marks()?, []);
        ensure!(
            self.told().last() == Some(&json!("late")),
            "{:?}",
            self.told()
        );
        Ok(())
    }
}

/// Granted before the verdict, and the answer of the claim arrives after it.
async fn granted_and_canceled(kind: &str) -> Result<(Deaf, Taskpilot)> {
    let deaf = Deaf::with(kind).await?;
    deaf.proxy
        .rule(Rule::first(1, Route::CLAIMS, Fault::HeldReply));
    let worker = deaf.worker()?;
    deaf.held(Route::CLAIMS).await?;
    deaf.cancel().await?;
    deaf.proxy.release();
    Ok((deaf, worker))
}

#[tokio::test]
async fn work_that_does_not_ask_begins_after_a_verdict_that_its_worker_cannot_know() -> Result<()> {
    let (deaf, _worker) = granted_and_canceled("polite").await?;
    deaf.fleet.bench.begun(deaf.bound.execution).await?;
    deaf.proxy.forget_rules();
    let view = ended_as(&deaf.fleet, deaf.bound, "CANCELED").await?;
    assert_eq!(view["stop"]["how"], "terminated", "{view}");
    Ok(())
}

#[tokio::test]
async fn work_that_asks_does_not_begin_in_the_same_schedule() -> Result<()> {
    let (deaf, _worker) = granted_and_canceled("confirmed").await?;
    deaf.never_begins().await
}

#[tokio::test]
async fn a_question_that_arrives_after_the_verdict_begins_nothing() -> Result<()> {
    let deaf = Deaf::with("confirmed").await?;
    deaf.proxy
        .rule(Rule::first(1, Route::STARTS, Fault::HeldRequest));
    let _worker = deaf.worker()?;
    deaf.held(Route::STARTS).await?;
    deaf.cancel().await?;
    deaf.proxy.release();
    deaf.never_begins().await
}

#[tokio::test]
async fn a_yes_that_gets_lost_is_asked_for_again_and_is_a_no_after_the_verdict() -> Result<()> {
    let deaf = Deaf::with("confirmed").await?;
    deaf.proxy
        .rule(Rule::first(1, Route::STARTS, Fault::HeldReply));
    let _worker = deaf.worker()?;
    deaf.held(Route::STARTS).await?;
    deaf.cancel().await?;
    // The worker gives the answer up, and asks again; only then the answer comes.
    let again = |asked: &Exchange| asked.fault.is_none();
    deaf.proxy
        .when("it is asked again", Route::STARTS, again)
        .await?;
    deaf.proxy.release();
    deaf.never_begins().await?;
    assert_eq!(deaf.told().first(), Some(&json!("applied")));
    Ok(())
}

#[tokio::test]
async fn work_that_asks_runs_and_is_stopped_like_any_other() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let quick = start(fleet.control(), "confirmed-quick", &json!({})).await?;
    let long = start(fleet.control(), "confirmed", &json!({})).await?;
    let _worker = fleet.start_worker("worker")?;
    let done = ended_as(&fleet, quick, "SUCCEEDED").await?;
    let attempt = &done["attempts"][0];
    let (claimed, begun) = (&attempt["startedAt"], &attempt["startConfirmedAt"]);
    ensure!(
        claimed.as_str() <= begun.as_str() && begun.is_string(),
        "{done}"
    );
    fleet.bench.begun(long.execution).await?;
    cancel(fleet.control(), long.task).await?.expect(204)?;
    let view = ended_as(&fleet, long, "CANCELED").await?;
    assert_eq!(view["stop"]["how"], "terminated", "{view}");
    let marks = ["start", "cleanup"].map(|word| Mark::first(word, long.execution));
    assert_eq!(fleet.bench.ledger().of(long.execution)?, marks);
    Ok(())
}
