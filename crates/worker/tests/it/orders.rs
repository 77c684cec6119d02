//! Orders that come early, twice, or for nothing that is known.

use serde_json::{Value, json};

use crate::stand_in::{Kind, StandIn, grant, order};
use crate::worker::{Bench, wait_for_file, wait_until};

#[tokio::test]
async fn an_order_that_overtakes_the_grant_keeps_it_from_starting() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Orders, Kind::Results]).await;
    let bench = Bench::with_scripts(&[("run", ": > @ran; exec sleep 600", "")]);
    let worker = bench.start(scheduler.url());
    let orders = scheduler.next(Kind::Orders).await.stream();
    let _waiting = scheduler.next(Kind::Claim).await;
    orders.send(order(1)).unwrap();
    // It may have been granted what is to be stopped, so it is made again and not waited for.
    let claim = scheduler.next(Kind::Claim).await;
    let waits: Vec<Value> = scheduler.heard(Kind::Claim);
    let waits: Vec<bool> = waits.iter().map(|claim| claim["waitMs"] != 0).collect();
    assert_eq!(waits, [true, false]);
    wait_until("the order is confirmed", || scheduler.stages().len() == 1).await;
    claim.grant(&[grant(1, "run", &json!(1)), grant(2, "demo", &json!(2))]);
    let mut items = Vec::new();
    while items.len() < 2 {
        items.extend(scheduler.next_hand_ins().await);
    }
    let said = |execution: i64| {
        let item = items.iter().find(|item| item["executionId"] == execution);
        let item = item.unwrap();
        (item["outcome"].clone(), item["how"].clone())
    };
    assert_eq!(said(1), (json!("released"), json!("never_started")));
    assert_eq!(said(2), (json!("succeeded"), json!("finished")));
    assert_eq!(
        scheduler.stages(),
        [("delivered".to_owned(), Value::Null)],
        "the hand-in alone is the proof"
    );
    worker.end().await;
    assert!(!bench.path("ran").exists());
}

#[tokio::test]
async fn an_order_that_comes_while_the_supervisor_does_keeps_the_program_from_starting() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Orders, Kind::Results]).await;
    let mut bench = Bench::with_scripts(&[("run", ": > @ran; exec sleep 600", "")]);
    bench.hold_supervisors();
    let worker = bench.start(scheduler.url());
    let orders = scheduler.next(Kind::Orders).await.stream();
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "run", &json!(1))]);
    wait_for_file(&bench.path("coming")).await;
    orders.send(order(1)).unwrap();
    wait_until("the order is confirmed", || !scheduler.stages().is_empty()).await;
    std::fs::write(bench.path("come"), "").unwrap();
    let results = scheduler.next(Kind::Results).await;
    let item = &results.body["items"][0];
    assert_eq!(
        (&item["outcome"], &item["how"], &item["evidence"]["proof"]),
        (
            &json!("released"),
            &json!("never_started"),
            &json!("waitpid")
        )
    );
    results.apply();
    worker.end().await;
    assert!(!bench.path("ran").exists());
}

#[tokio::test]
async fn an_order_for_a_grant_that_never_came_is_answered_when_the_claim_is() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Orders]).await;
    let bench = Bench::new();
    let worker = bench.start(scheduler.url());
    let orders = scheduler.next(Kind::Orders).await.stream();
    let claim = scheduler.next(Kind::Claim).await;
    // The scheduler granted and lost the answer; the attempt was canceled; the repeat leaves it out.
    claim.lose_the_answer();
    let _waiting = scheduler.next(Kind::Claim).await;
    orders.send(order(1)).unwrap();
    orders.send(order(1)).unwrap();
    // The stop does not wait as long as a claim may: it is made once more.
    let repeat = scheduler.next(Kind::Claim).await;
    wait_until("the order is confirmed", || !scheduler.stages().is_empty()).await;
    assert!(
        scheduler
            .stages()
            .iter()
            .all(|(stage, _)| stage == "delivered")
    );
    repeat.grant(&[]);
    wait_until("the truth is told", || {
        let told = ("stopped".to_owned(), json!("never_started"));
        scheduler.stages().contains(&told)
    })
    .await;
    worker.end().await;
}

#[tokio::test]
async fn an_order_that_is_repeated_stops_once() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Orders, Kind::Results]).await;
    let script =
        "trap 'echo term >> @terms; exit 0' TERM; : > @ready; while :; do sleep 0.01; done";
    let bench = Bench::with_scripts(&[("polite", script, "")]);
    let worker = bench.start(scheduler.url());
    let orders = scheduler.next(Kind::Orders).await.stream();
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "polite", &json!(1))]);
    wait_for_file(&bench.path("ready")).await;
    for _ in 0..3 {
        orders.send(order(1)).unwrap();
    }
    let results = scheduler.next(Kind::Results).await;
    let item = results.body["items"][0].clone();
    // An order may also cross its proof.
    orders.send(order(1)).unwrap();
    assert_eq!(
        (
            &item["outcome"],
            &item["how"],
            &item["exitCode"],
            &item["containment"]
        ),
        (
            &json!("interrupted"),
            &json!("terminated"),
            &json!(0),
            &json!("subreaper")
        )
    );
    assert_eq!(
        item["evidence"],
        json!({"swept": item["evidence"]["swept"], "proof": "waitpid"})
    );
    results.apply();
    worker.end().await;
    let terms = std::fs::read_to_string(bench.path("terms")).unwrap();
    assert_eq!(terms, "term\n");
    let mut stages: Vec<String> = scheduler
        .stages()
        .into_iter()
        .map(|(stage, _)| stage)
        .collect();
    stages.sort_unstable();
    stages.dedup();
    assert_eq!(stages, ["acknowledged", "delivered"]);
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_again() {
    let mut scheduler = StandIn::scripting(&[Kind::Orders]).await;
    let bench = Bench::new();
    let worker = bench.start(scheduler.url());
    drop(scheduler.next(Kind::Orders).await.stream());
    scheduler
        .next(Kind::Orders)
        .await
        .answer_with(503, json!({}));
    scheduler.next(Kind::Orders).await.lose_the_answer();
    let orders = scheduler.next(Kind::Orders).await.stream();
    orders.send(order(1)).unwrap();
    wait_until("the order is confirmed", || !scheduler.stages().is_empty()).await;
    worker.end().await;
}
