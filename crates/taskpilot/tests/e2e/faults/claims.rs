//! Claims whose answers get lost or come late.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Exchange, Fault, Proxy, Route, Rule};
use taskpilot_e2e::wait::{SOON, wait_until};

use super::truth::ended_as;
use crate::api::{cancel, start, view};
use crate::fleet::Fleet;

fn grants(exchange: &Exchange) -> Result<Value> {
    Ok(exchange.reply_json(0)?["grants"].clone())
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
    let seq = |claim: &Exchange| anyhow::Ok(claim.request.json()?["claimSeq"].clone());
    assert_eq!(seq(lost)?, seq(again)?, "{fault:?}");
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
