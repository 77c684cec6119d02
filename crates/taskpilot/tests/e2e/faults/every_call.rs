//! Every call of a worker under every fault, but for its last: work is done once, and a stop is proven.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Exchange, Fault, Proxy, Route, Rule, Told};
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};

use super::truth::ended_as;
use crate::api::{cancel, start};
use crate::fleet::Fleet;
use crate::start::DRAIN;

pub(super) const FAULTS: [Fault; 9] = [
    Fault::LostRequest,
    Fault::LostReply,
    Fault::HangsUpAfter,
    Fault::Reset,
    Fault::ResetAfter,
    Fault::Twice(Told::First),
    Fault::Twice(Told::Second),
    Fault::HeldRequest,
    Fault::HeldReply,
];

/// Heartbeats come every other second; a try of a call has 2 s, as with the lease of the product.
const LEASE_MS: u64 = 12_000;
/// Less than the lease, after which there would be a session anew.
const AGAIN: Duration = Duration::from_secs(8);

async fn every_fault_of(route: Route) -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    for fault in FAULTS {
        one_life(&fleet, &proxy, route, fault).await?;
        proxy.forget_rules();
    }
    Ok(())
}

/// A worker from its beginning to its end, with one fault in between.
async fn one_life(fleet: &Fleet, proxy: &Proxy, route: Route, fault: Fault) -> Result<()> {
    let control = fleet.control();
    // Only who has to ask makes this call.
    let (quick, polite) = if route == Route::STARTS {
        ("confirmed-quick", "confirmed")
    } else {
        ("quick", "polite")
    };
    let quick = start(control, quick, &json!({})).await?;
    let polite = start(control, polite, &json!({})).await?;
    let spoilt = Spoilt::first(proxy, route, fault);
    let mut worker = fleet.start_worker_at("worker", &proxy.url())?;
    // These come after a stop.
    if route == Route::STOPS {
        fleet.bench.begun(polite.execution).await?;
    } else {
        spoilt.met().await?;
    }
    cancel(control, polite.task).await?.expect(204)?;
    if route == Route::STOPS {
        spoilt.met().await?;
    }
    proxy.release();
    // A claim waits for longer; what it is granted shows it.
    if route != Route::CLAIMS {
        spoilt.is_made_again().await?;
    }
    ended_as(fleet, quick, "SUCCEEDED").await?;
    let once = ["start", "end"].map(|word| Mark::first(word, quick.execution));
    assert_eq!(fleet.bench.ledger().of(quick.execution)?, once, "{fault:?}");
    ended_as(fleet, polite, "CANCELED").await?;
    worker.signal(Signal::TERM)?;
    worker.ended(DRAIN).await?;
    ensure!(fleet.bench.processes()?.is_empty(), "{fault:?}");
    Ok(())
}

/// The next request of a route, which a fault awaits.
struct Spoilt<'a> {
    proxy: &'a Proxy,
    route: Route,
    is_held: bool,
    /// Nobody can know whether it arrived: it has to be made again.
    is_lost: bool,
    before: usize,
}

impl<'a> Spoilt<'a> {
    fn first(proxy: &'a Proxy, route: Route, fault: Fault) -> Self {
        let before = proxy.exchanges(route).len();
        proxy.rule(Rule::first(1, route, fault));
        Self {
            proxy,
            route,
            is_held: matches!(fault, Fault::HeldRequest | Fault::HeldReply),
            is_lost: matches!(
                fault,
                Fault::LostRequest
                    | Fault::LostReply
                    | Fault::HangsUpAfter
                    | Fault::Reset
                    | Fault::ResetAfter
            ),
            before,
        }
    }

    /// Waits until it came, and is held if that is its fault.
    async fn met(&self) -> Result<()> {
        wait_until("the fault is met", SOON, || async {
            let exchanges = self.proxy.exchanges(self.route);
            let mut new = exchanges[self.before..].iter();
            let met = new.any(|known| known.fault.is_some() && known.is_held == self.is_held);
            Ok(met.then_some(()))
        })
        .await
    }

    /// Waits until it came once more, where it was lost.
    async fn is_made_again(&self) -> Result<()> {
        wait_until("the call is made again", AGAIN, || async {
            let exchanges = self.proxy.exchanges(self.route);
            let mut new = exchanges[self.before..].iter();
            let spoilt = new.find(|known| known.fault.is_some());
            let again = spoilt.is_some_and(|spoilt| new.any(|next| stage(next) == stage(spoilt)));
            Ok((again || !self.is_lost).then_some(()))
        })
        .await
    }
}

/// How far the stop has come that a report is about; another stage is another report.
fn stage(exchange: &Exchange) -> Option<Value> {
    let body = exchange.request.json().ok()?;
    body["items"][0].get("stage").cloned()
}

macro_rules! tests {
    ($($name:ident: $route:ident)*) => {$(
        #[tokio::test]
        async fn $name() -> Result<()> {
            every_fault_of(Route::$route).await
        }
    )*};
}

tests! {
    a_registration_may_meet_every_fault: REGISTER
    a_claim_may_meet_every_fault: CLAIMS
    a_hand_in_may_meet_every_fault: RESULTS
    a_question_whether_to_begin_may_meet_every_fault: STARTS
    a_stop_report_may_meet_every_fault: STOPS
    a_heartbeat_may_meet_every_fault: HEARTBEAT
    a_stream_of_orders_may_meet_every_fault: ORDERS
}
