//! The promise of a cancel, looked at again and again: a look fails where it is broken.

use std::cell::{Cell, RefCell};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::wait::wait_until;

use super::work::HANDOVER;
use crate::api::{Bound, cancel, view};
use crate::fleet::Fleet;

/// The stop of a canceled execution, as it is seen.
pub(super) struct Promise<'f> {
    fleet: &'f Fleet,
    bound: Bound,
    stops_by: Cell<Timestamp>,
    seen: RefCell<Vec<String>>,
}

impl<'f> Promise<'f> {
    /// Cancels, and keeps what is promised then.
    pub(super) async fn of_cancel(fleet: &'f Fleet, bound: Bound) -> Result<Self> {
        cancel(fleet.control(), bound.task).await?.expect(204)?;
        let view = view(fleet.control(), bound.task).await?;
        let promise = Self {
            fleet,
            bound,
            stops_by: Cell::new(instant(&view["stop"], "stopsBy")?),
            seen: RefCell::default(),
        };
        promise.check(&view).await?;
        Ok(promise)
    }

    /// Waits until the stop is proven or presumed, while the promise is kept.
    pub(super) async fn settled(&self) -> Result<Value> {
        wait_until("the stop is settled", HANDOVER * 2, || async {
            let view = view(self.fleet.control(), self.bound.task).await?;
            let is_settled = self.check(&view).await?;
            let is_guess = view["stop"]["status"] == "PRESUMED";
            // Nobody has said how it ended, or it would be proven.
            ensure!(!is_guess || view["stop"]["how"].is_null(), "{view}");
            Ok(is_settled.then_some(view))
        })
        .await
    }

    /// What was seen of it, each once.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    /// That settled stop stands as it was, whatever came later; no word of the work either.
    pub(super) async fn stands(&self, settled: &Value, marks: &[Mark]) -> Result<()> {
        let now = view(self.fleet.control(), self.bound.task).await?;
        self.check(&now).await?;
        // What its worker says later is evidence, and fills what is empty.
        for member in ["status", "how", "requestedAt", "endedAt", "cause"] {
            let before = &settled["stop"][member];
            let is_filled = before.is_null() && settled["stop"]["status"] == "PRESUMED";
            let stands = is_filled || &now["stop"][member] == before;
            ensure!(stands, "{member} of {settled} became {now}");
        }
        ensure!(now["cancel"] == settled["cancel"], "{settled} became {now}");
        ensure!(self.fleet.bench.ledger().marks()? == marks, "it ran on");
        Ok(())
    }

    /// One look: whether it is settled, unless the promise is broken.
    async fn check(&self, view: &Value) -> Result<bool> {
        let stop = &view["stop"];
        ensure!(view["status"] == "CANCELED", "{view}");
        let stops_by = instant(stop, "stopsBy")?;
        let promised = self.stops_by.replace(stops_by);
        ensure!(stops_by <= promised, "{promised} was promised: {view}");
        let status = stop["status"].as_str().context("no status")?;
        self.note(status);
        match status {
            "REQUESTED" | "DELIVERED" | "ACKNOWLEDGED" => Ok(false),
            "STOPPED" => {
                let how = stop["how"].as_str();
                ensure!(how.is_some(), "a proof without a way: {view}");
                self.nothing_lives(view)
            }
            "PRESUMED" => {
                let lease_until = self.lease_until(view).await?;
                let ended = instant(stop, "endedAt")?;
                ensure!(ended >= lease_until, "before {lease_until}: {view}");
                self.nothing_lives(view)
            }
            other => anyhow::bail!("{other}: {view}"),
        }
    }

    fn note(&self, status: &str) {
        let mut seen = self.seen.borrow_mut();
        if seen.last().is_none_or(|last| last != status) {
            seen.push(status.to_owned());
        }
    }

    /// Looked at after the word that it has ended.
    fn nothing_lives(&self, view: &Value) -> Result<bool> {
        let left = self.fleet.bench.processes()?;
        ensure!(left.is_empty(), "{left:?} runs: {view}");
        Ok(true)
    }

    /// When the lease of its worker ended, as the scheduler has it.
    async fn lease_until(&self, view: &Value) -> Result<Timestamp> {
        let workers = self.fleet.scheduler().get("/v1/workers").send().await?;
        let workers = workers.expect(200)?.json()?;
        let worker = &view["attempts"][0]["workerId"];
        let sessions = workers["items"].as_array().context("no list")?;
        let session = sessions
            .iter()
            .find(|session| json!(session["id"].to_string()) == *worker || session["id"] == *worker)
            .with_context(|| format!("{worker} is not in {workers}"))?;
        instant(session, "leaseUntil")
    }
}

/// It ended by what was promised, by the scheduler's clock: where that was there all the time.
pub(super) fn ended_in_time(view: &Value) -> Result<()> {
    let stop = &view["stop"];
    let (ended, by) = (instant(stop, "endedAt")?, instant(stop, "stopsBy")?);
    ensure!(ended <= by, "it ended too late: {view}");
    Ok(())
}

fn instant(value: &Value, member: &str) -> Result<Timestamp> {
    let text = value[member].as_str();
    let text = text.with_context(|| format!("no {member} in {value}"))?;
    Ok(text.parse()?)
}
