//! Handlers of which nothing runs before the scheduler was asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use taskpilot_worker::{Context, Handlers};

use crate::scheduler::Scheduler;
use crate::stand_in::{Kind, StandIn, grant, order};
use crate::worker::{Bench, wait_for_file, wait_until};

const NOTES: &str = ": > @begun; exec sleep 600";

fn noting() -> Bench {
    Bench::with_scripts(&[("note", NOTES, "confirm_start = true")])
}

/// A function that counts how often it began.
fn counting() -> (Bench, Arc<AtomicUsize>) {
    let begun = Arc::new(AtomicUsize::new(0));
    let noted = begun.clone();
    let handlers = Handlers::none()
        .with("note", move |_: Context| {
            noted.fetch_add(1, Ordering::Relaxed);
            async { Ok("done") }
        })
        .confirming_start("note");
    (Bench::with_handlers(handlers), begun)
}

async fn granted(scheduler: &mut StandIn) {
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "note", &json!(1))]);
}

#[tokio::test]
async fn a_program_begins_when_the_scheduler_says_so_and_not_before() {
    for word in ["applied", "duplicate"] {
        let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Starts]).await;
        let bench = noting();
        let worker = bench.start(scheduler.url());
        granted(&mut scheduler).await;
        let asked = scheduler.next(Kind::Starts).await;
        let item = json!([{"executionId": 1, "attempt": 1, "token": format!("{:032x}", 1)}]);
        assert_eq!(asked.body["items"], item);
        assert_eq!(bench.programs(), [0; 0], "nothing is forked");
        asked.say(word);
        wait_for_file(&bench.path("begun")).await;
        worker.end().await;
    }
}

#[tokio::test]
async fn what_may_not_begin_any_more_is_handed_back_unbegun() {
    for word in ["late", "stale", "some-new-word"] {
        let program = noting();
        let (function, begun) = counting();
        for bench in [&program, &function] {
            let kinds = [Kind::Claim, Kind::Starts, Kind::Results];
            let mut scheduler = StandIn::scripting(&kinds).await;
            let worker = bench.start(scheduler.url());
            granted(&mut scheduler).await;
            scheduler.next(Kind::Starts).await.say(word);
            let item = scheduler.next_hand_in().await;
            assert_eq!(
                (&item["outcome"], &item["how"]),
                (&json!("released"), &json!("never_started"))
            );
            worker.end().await;
        }
        assert!(!program.path("begun").exists());
        assert_eq!(begun.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_question_is_asked_until_it_is_answered() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Starts]).await;
    let (bench, begun) = counting();
    let worker = bench.start(scheduler.url());
    granted(&mut scheduler).await;
    scheduler.next(Kind::Starts).await.lose_the_answer();
    let unavailable = json!({"code": "storage_unavailable", "detail": "not now"});
    let again = scheduler.next(Kind::Starts).await;
    again.answer_with(503, unavailable);
    assert_eq!(begun.load(Ordering::Relaxed), 0);
    scheduler.next(Kind::Starts).await.say("duplicate");
    wait_until("it begins", || begun.load(Ordering::Relaxed) == 1).await;
    worker.end().await;
}

#[tokio::test]
async fn a_scheduler_that_knows_no_such_call_begins_nothing_and_keeps_its_session() {
    let kinds = [Kind::Claim, Kind::Starts, Kind::Results];
    let mut scheduler = StandIn::scripting(&kinds).await;
    let (bench, begun) = counting();
    let worker = bench.start(scheduler.url());
    granted(&mut scheduler).await;
    let unknown = json!({"code": "route_not_found", "detail": "there is no such path"});
    scheduler.next(Kind::Starts).await.answer_with(404, unknown);
    let item = scheduler.next_hand_in().await;
    assert_eq!(item["outcome"], "released");
    assert_eq!(begun.load(Ordering::Relaxed), 0);
    assert_eq!(scheduler.heard(Kind::Register).len(), 1);
    worker.end().await;
}

#[tokio::test]
async fn an_order_that_comes_while_it_is_asked_wins_over_the_answer() {
    let kinds = [Kind::Claim, Kind::Starts, Kind::Orders, Kind::Results];
    let mut scheduler = StandIn::scripting(&kinds).await;
    let bench = noting();
    let worker = bench.start(scheduler.url());
    let orders = scheduler.next(Kind::Orders).await.stream();
    granted(&mut scheduler).await;
    let asked = scheduler.next(Kind::Starts).await;
    orders.send(order(1)).unwrap();
    let item = scheduler.next_hand_in().await;
    assert_eq!(
        (&item["outcome"], &item["how"]),
        (&json!("released"), &json!("never_started"))
    );
    asked.say("applied");
    worker.end().await;
    assert!(!bench.path("begun").exists());
}

#[tokio::test]
async fn what_waits_to_begin_is_given_back_at_once_by_a_worker_that_ends() {
    let kinds = [Kind::Claim, Kind::Starts, Kind::Results];
    let mut scheduler = StandIn::scripting(&kinds).await;
    let (bench, begun) = counting();
    let worker = bench.start(scheduler.url());
    granted(&mut scheduler).await;
    let asked = scheduler.next(Kind::Starts).await;
    worker.ask_to_end();
    let item = scheduler.next_hand_in().await;
    assert_eq!(item["outcome"], "released");
    asked.say("applied");
    worker.ended().await.unwrap();
    assert_eq!(begun.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_real_scheduler_confirms_a_start_and_tells_when() {
    let scheduler = Scheduler::start().await;
    let handlers = Handlers::built_in()
        .with("note", |_: Context| async { Ok("done") })
        .confirming_start("note")
        .confirming_start("demo");
    let bench = Bench::with_handlers(handlers);
    let worker = bench.start(&scheduler.url());
    for (kind, asks) in [("note", true), ("demo", true), ("demo-clock", false)] {
        let id = scheduler.run(kind, json!(1)).await;
        let done = scheduler.when_status(id, "SUCCEEDED").await;
        let confirmed: &Value = &done["attempts"][0]["startConfirmedAt"];
        assert_eq!(confirmed.is_string(), asks, "{kind}: {done}");
    }
    worker.end().await;
}
