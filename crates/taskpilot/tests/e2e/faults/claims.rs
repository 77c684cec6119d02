//! Claims whose answers get lost or come late.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Exchange, Fault, Proxy, Route, Rule};
use taskpilot_e2e::wait::{SOON, wait_until};

use super::truth::ended_as;
use crate::api::{cancel, start, view};
use crate::fleet::Fleet;

/// Of the workers of these tests.
const SLOTS: usize = 4;

fn grants(exchange: &Exchange) -> Result<Value> {
    Ok(exchange.reply_json(0)?["grants"].clone())
}

fn claim_seq(exchange: &Exchange) -> Result<Value> {
    Ok(exchange.request.json()?["claimSeq"].clone())
}

/// The execution waits, so that the first claim is granted it; the answer to that one is lost.
async fn the_first_answer_is_lost(fault: Fault) -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    let bound = start(fleet.control(), "quick", &json!({})).await?;
    proxy.rule(Rule::first(1, Route::CLAIMS, fault));
    let _worker = fleet.start_worker_at("worker", &proxy.url())?;
    let done = ended_as(&fleet, bound, "SUCCEEDED").await?;

    let claims = proxy.exchanges(Route::CLAIMS);
    let [lost, again, ..] = claims.as_slice() else {
        anyhow::bail!("it was not asked again: {claims:?}");
    };
    assert_eq!(claim_seq(lost)?, claim_seq(again)?, "{fault:?}");
    let granted = grants(lost)?;
    assert_eq!(granted[0]["executionId"], bound.execution);
    assert_eq!(grants(again)?, granted, "{fault:?}");
    let marks = ["start", "end"].map(|word| Mark::first(word, bound.execution));
    assert_eq!(fleet.bench.ledger().marks()?, marks);
    assert_eq!(done["attemptCount"], 1);
    Ok(())
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_is_asked_again_and_what_it_granted_runs_once() -> Result<()> {
    the_first_answer_is_lost(Fault::HangsUpAfter).await?;
    the_first_answer_is_lost(Fault::ResetAfter).await
}

#[tokio::test]
async fn a_claim_whose_answer_never_comes_is_given_up_and_asked_again() -> Result<()> {
    // Heartbeats keep what was granted meanwhile: the claim was not answered.
    the_first_answer_is_lost(Fault::LostReply).await
}

#[tokio::test]
async fn an_order_that_overtakes_the_answer_of_the_claim_keeps_the_work_from_starting() -> Result<()>
{
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    let bound = start(fleet.control(), "polite", &json!({})).await?;
    proxy.rule(Rule::first(2, Route::CLAIMS, Fault::HeldReply));
    let _worker = fleet.start_worker_at("worker", &proxy.url())?;
    let held = |claim: &Exchange| claim.is_held;
    proxy
        .when("the answer is held", Route::CLAIMS, held)
        .await?;
    cancel(fleet.control(), bound.task).await?.expect(204)?;
    // The order does not wait as long as a claim may: that is made again, and held too.
    wait_until("the claim is made again", SOON, || async {
        let claims = proxy.exchanges(Route::CLAIMS);
        let held = claims.iter().filter(|claim| held(claim)).count();
        Ok((held == 2).then_some(()))
    })
    .await?;
    let says = |exchange: &Exchange, word: &str| {
        let body = String::from_utf8_lossy(&exchange.request.body);
        body.contains(word) && exchange.is_passed
    };
    let delivered = |stop: &Exchange| says(stop, "delivered");
    proxy
        .when("the order is confirmed", Route::STOPS, delivered)
        .await?;

    // The worker knows the order and not the attempt: it may not say that nothing has started.
    let told = |route| {
        let exchanges = proxy.exchanges(route);
        exchanges
            .iter()
            .any(|exchange| says(exchange, "never_started"))
    };
    let routes = [
        Route::STOPS,
        Route::RESULTS,
        Route::HEARTBEAT,
        Route::CLAIMS,
    ];
    ensure!(!routes.into_iter().any(told), "it was told too early");
    let open = view(fleet.control(), bound.task).await?;
    assert_eq!(open["stop"]["status"], "DELIVERED");
    proxy.release();
    let stopped = ended_as(&fleet, bound, "CANCELED").await?;
    assert_eq!(stopped["stop"]["how"], "never_started", "{stopped}");
    ensure!(routes.into_iter().any(told), "it was not told");
    assert_eq!(fleet.bench.ledger().marks()?, []);
    let bound_by = stopped["stop"]["stopsBy"].as_str().context("no bound")?;
    ensure!(
        stopped["stop"]["endedAt"].as_str() <= Some(bound_by),
        "{stopped}"
    );
    Ok(())
}

/// A claim that nobody waits for any more arrives late, and there is something to grant.
///
/// One way to an order about an attempt that its worker does not know is a late copy, too: that of a
/// claim that was answered with nothing.
#[tokio::test]
async fn a_late_copy_of_a_claim_that_an_order_had_made_again_costs_no_attempt() -> Result<()> {
    // No heartbeat comes before its time, and the lease outlives the test.
    let fleet = Fleet::with_lease_ms(60_000)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    proxy.rule(Rule::every(Route::HEARTBEAT, Fault::Reset));
    let mut busy = Vec::new();
    for _ in 0..SLOTS {
        busy.push(start(fleet.control(), "gate", &json!({})).await?);
    }
    // The first is granted all of them, the second hands one in and is answered with nothing. The
    // third is late and is made again, and those after that are never heard of: a rule does not count
    // what the one before it has taken.
    proxy.rule(Rule::nth(3, Route::CLAIMS, Fault::HeldRequest));
    proxy.rule(Rule::from(4, Route::CLAIMS, Fault::Reset));
    let _worker = fleet.start_worker_at("worker", &proxy.url())?;
    for bound in &busy {
        fleet.bench.begun(bound.execution).await?;
    }
    fleet.bench.open_gate(busy[0].execution, 1)?;
    proxy
        .when("a claim is late", Route::CLAIMS, |claim| claim.is_held)
        .await?;
    let [first, second, late] = &proxy.exchanges(Route::CLAIMS)[..] else {
        anyhow::bail!("other claims: {:?}", proxy.exchanges(Route::CLAIMS));
    };
    assert_eq!(grants(first)?.as_array().map(Vec::len), Some(SLOTS));
    assert_eq!(grants(second)?, json!([]));
    assert_eq!(claim_seq(late)?, 3);

    let unknown = start(fleet.control(), "polite", &json!({})).await?;
    let copied = once_more(fleet.scheduler(), second).await?;
    assert_eq!(
        copied["grants"][0]["executionId"], unknown.execution,
        "{copied}"
    );
    cancel(fleet.control(), unknown.task).await?.expect(204)?;
    let stopped = ended_as(&fleet, unknown, "CANCELED").await?;
    assert_eq!(stopped["stop"]["how"], "never_started", "{stopped}");
    let again = &proxy.exchanges(Route::CLAIMS)[3];
    assert_eq!((claim_seq(again)?, grants(again)?), (json!(3), json!([])));

    let wanted = start(fleet.control(), "quick", &json!({})).await?;
    proxy.release();
    proxy
        .when("the late one is answered", Route::CLAIMS, |claim| {
            claim.fault == Some(Fault::HeldRequest) && claim.is_answered()
        })
        .await?;
    let late = &proxy.exchanges(Route::CLAIMS)[2];
    assert_eq!(grants(late)?[0]["executionId"], wanted.execution);
    let granted = view(fleet.control(), wanted.task).await?;
    assert_eq!(granted["status"], "RUNNING", "{granted}");
    proxy.forget_rules();
    // The next heartbeat tells that nobody has it.
    let done = ended_as(&fleet, wanted, "SUCCEEDED").await?;
    let ends: Vec<_> = (0..2)
        .map(|place| {
            let attempt = &done["attempts"][place];
            (attempt["outcome"].clone(), attempt["counted"].clone())
        })
        .collect();
    assert_eq!(
        ends,
        [
            (json!("released"), json!(false)),
            (json!("succeeded"), json!(true))
        ],
        "{done}"
    );
    assert_eq!(done["attemptCount"], 1, "{done}");
    let marks = ["start", "end"].map(|word| Mark::of(word, wanted.execution, 2));
    assert_eq!(fleet.bench.ledger().of(wanted.execution)?, marks);
    Ok(())
}

/// What the network has kept a copy of arrives once more; nobody waits for the answer.
async fn once_more(scheduler: Http, exchange: &Exchange) -> Result<Value> {
    let request = &exchange.request;
    let mut call = scheduler.call(&request.method, &request.path);
    for (name, value) in &request.headers {
        if !["host", "connection", "content-length"].contains(&name.as_str()) {
            call = call.header(name, value);
        }
    }
    let reply = call.body(request.body.clone()).send().await?;
    reply.expect(200)?.json()
}
