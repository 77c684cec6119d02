//! Hand-ins and stop reports whose answers get lost.

use anyhow::Result;
use serde_json::json;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Exchange, Fault, Proxy, Route, Rule, Told};

use super::truth::ended_as;
use crate::api::{cancel, start, start_until};
use crate::fleet::Fleet;

#[tokio::test]
async fn a_hand_in_whose_answer_is_lost_is_repeated_and_the_repeat_is_a_success() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    let _worker = fleet.start_worker_at("worker", &proxy.url())?;
    for fault in [Fault::LostReply, Fault::HangsUpAfter, Fault::ResetAfter] {
        let before = proxy.exchanges(Route::RESULTS).len();
        proxy.rule(Rule::first(1, Route::RESULTS, fault));
        let bound = start(fleet.control(), "quick", &json!({})).await?;
        let done = ended_as(&fleet, bound, "SUCCEEDED").await?;
        // The verdict stood before the repeat.
        let what = "the repeat is answered";
        let repeat = |exchange: &Exchange| {
            let verdict = exchange.reply_json(0).unwrap_or_default();
            verdict["verdicts"][0]["verdict"] == "duplicate" && exchange.is_passed
        };
        let found = |known: &Exchange| {
            repeat(known) && proxy.exchanges(Route::RESULTS)[before..].contains(known)
        };
        let repeat = proxy.when(what, Route::RESULTS, found).await?;
        let lost = &proxy.exchanges(Route::RESULTS)[before];
        assert_eq!(lost.reply_json(0)?["verdicts"][0]["verdict"], "applied");
        let token =
            |exchange: &Exchange| anyhow::Ok(exchange.request.json()?["items"][0]["token"].clone());
        assert_eq!(token(lost)?, token(&repeat)?, "{fault:?}");
        assert_eq!(done["attemptCount"], 1, "{fault:?}");
        let marks = ["start", "end"].map(|word| Mark::first(word, bound.execution));
        assert_eq!(fleet.bench.ledger().of(bound.execution)?, marks);
    }
    Ok(())
}

#[tokio::test]
async fn a_failure_that_is_handed_in_twice_costs_one_attempt() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    proxy.rule(Rule::every(Route::RESULTS, Fault::Twice(Told::Second)));
    let _worker = fleet.start_worker_at("worker", &proxy.url())?;
    let twice = json!({"maxAttempts": 2, "backoff": {"initialMs": 1, "maxMs": 1}});
    let bound = start_until(fleet.control(), "fails", &twice, "FAILED").await?;
    let failed = ended_as(&fleet, bound, "FAILED").await?;
    assert_eq!(failed["attemptCount"], 2);
    let starts = [1, 2].map(|attempt| Mark::of("start", bound.execution, attempt));
    assert_eq!(fleet.bench.ledger().marks()?, starts);
    Ok(())
}

#[tokio::test]
async fn a_stop_is_proven_although_every_report_of_it_is_lost_at_first() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    for route in [Route::STOPS, Route::RESULTS] {
        proxy.rule(Rule::first(2, route, Fault::LostReply));
    }
    let _worker = fleet.start_worker_at("worker", &proxy.url())?;
    let bound = start_until(fleet.control(), "polite", &json!({}), "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    cancel(fleet.control(), bound.task).await?.expect(204)?;
    let stopped = ended_as(&fleet, bound, "CANCELED").await?;
    assert_eq!(stopped["stop"]["how"], "terminated", "{stopped}");
    assert_eq!(fleet.bench.processes()?, []);
    let marks = ["start", "cleanup"].map(|word| Mark::first(word, bound.execution));
    assert_eq!(fleet.bench.ledger().marks()?, marks);
    Ok(())
}
