//! Functions as handlers: what they get, and how they are stopped.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use taskpilot_worker::{Context, Failure, Handlers, StopReason};
use tokio::sync::Notify;

use crate::scheduler::Scheduler;
use crate::worker::Bench;

/// Says that it runs and waits for the word to end, which it gives back.
fn obedient(begun: Arc<Notify>) -> Handlers {
    Handlers::none().with("work", move |context: Context| {
        let begun = begun.clone();
        async move {
            begun.notify_one();
            context.cancellation().cancelled().await;
            assert!(context.stop_reason().is_some());
            Err::<(), _>(Failure::canceled())
        }
    })
}

#[tokio::test]
async fn a_function_gets_its_payload_and_returns_a_result() {
    let scheduler = Scheduler::start().await;
    let handlers = Handlers::none()
        .with("double", |context: Context| async move {
            let number: i64 = context.payload()?;
            let about = (context.execution_id(), context.attempt(), context.kind());
            Ok(json!({"double": 2 * number, "about": about}))
        })
        .with_blocking("shout", |context: Context| {
            let text: String = context.payload()?;
            Ok(text.to_uppercase())
        });
    let bench = Bench::with_handlers(handlers);
    let worker = bench.start(&scheduler.url());
    let double = scheduler.run("double", json!(21)).await;
    let done = scheduler.when_status(double, "SUCCEEDED").await;
    assert_eq!(
        done["result"],
        json!({"double": 42, "about": [double, 1, "double"]})
    );
    let shout = scheduler.run("shout", json!("ä")).await;
    let done = scheduler.when_status(shout, "SUCCEEDED").await;
    assert_eq!(done["result"], "Ä");
    let unfit = scheduler.run("double", json!("many")).await;
    let failed = scheduler.when_status(unfit, "FAILED").await;
    assert_eq!(
        (
            &failed["attemptCount"],
            &failed["attempts"][0]["error"]["code"]
        ),
        (&json!(1), &json!("invalid_payload"))
    );
    worker.end().await;
}

#[tokio::test]
async fn a_function_that_obeys_its_token_is_proven_to_have_stopped() {
    let scheduler = Scheduler::start().await;
    let begun = Arc::new(Notify::new());
    let bench = Bench::with_handlers(obedient(begun.clone()));
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("work", json!(1)).await;
    begun.notified().await;
    scheduler.cancel(id).await;
    let stopped = scheduler.when_stopped(id).await;
    let stop = &stopped["stop"];
    assert_eq!(
        (&stopped["status"], &stop["how"], &stop["containment"]),
        (
            &json!("CANCELED"),
            &json!("cooperative"),
            &json!("in_process")
        )
    );
    assert_eq!(stop["stopsBy"], Value::Null, "nobody can promise it");
    worker.end().await;
}

#[tokio::test]
async fn a_function_that_ignores_its_token_is_abandoned_and_keeps_its_slot() {
    let scheduler = Scheduler::start().await;
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handlers = {
        let (begun, gate) = (begun.clone(), gate.clone());
        Handlers::none()
            .with("deaf", move |_: Context| {
                let (begun, gate) = (begun.clone(), gate.clone());
                async move {
                    begun.notify_one();
                    gate.notified().await;
                    Ok("at last")
                }
            })
            .with("next", |_: Context| async { Ok(()) })
    };
    let mut bench = Bench::with_handlers(handlers);
    bench.slots = 1;
    let worker = bench.start(&scheduler.url());
    let body = json!({"type": "deaf", "payload": 1, "cancelGraceMs": 100});
    let deaf = scheduler.create(body).await;
    begun.notified().await;
    let next = scheduler.run("next", json!(1)).await;
    scheduler.cancel(deaf).await;
    let abandoned = |execution: &Value| execution["stop"]["status"] == "ABANDONED";
    let given_up = scheduler.when(deaf, abandoned).await;
    assert_eq!(given_up["stop"]["containment"], "in_process");
    let waiting = scheduler.execution(next).await;
    assert_eq!(waiting["status"], "PENDING", "the slot is held");
    gate.notify_one();
    let stopped = scheduler.when_stopped(deaf).await;
    assert_eq!(
        (&stopped["status"], &stopped["stop"]["how"]),
        (&json!("CANCELED"), &json!("finished"))
    );
    let late = &stopped["attempts"][0]["late"];
    assert_eq!(
        (&late["outcome"], &late["result"]),
        (&json!("succeeded"), &json!("at last"))
    );
    scheduler.when_status(next, "SUCCEEDED").await;
    worker.end().await;
}

#[tokio::test]
async fn a_panic_fails_its_attempt_and_nothing_else() {
    let scheduler = Scheduler::start().await;
    let handlers = Handlers::none()
        .with("panics", |context: Context| {
            assert!(context.attempt() > 1, "before its first await");
            async move { Err::<(), _>(Failure::lasting("refused", "of no use")) }
        })
        .with_blocking("blocks", |_: Context| -> Result<(), Failure> {
            panic!("in its thread")
        })
        .with("fine", |_: Context| async { Ok(true) });
    let bench = Bench::with_handlers(handlers);
    let worker = bench.start(&scheduler.url());
    for (kind, message) in [
        ("panics", "before its first await"),
        ("blocks", "in its thread"),
    ] {
        let body = json!({"type": kind, "payload": 1, "maxAttempts": 1});
        let id = scheduler.create(body).await;
        let failed = scheduler.when_status(id, "FAILED").await;
        let error = &failed["attempts"][0]["error"];
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!("handler_panicked"), &json!(message))
        );
    }
    let fine = scheduler.run("fine", json!(1)).await;
    scheduler.when_status(fine, "SUCCEEDED").await;
    worker.end().await;
}

#[tokio::test]
async fn a_function_says_how_far_it_is() {
    let scheduler = Scheduler::with_lease_ms(3_000).await;
    let handlers = Handlers::none().with("work", |context: Context| async move {
        context.report_progress(Some(10), Some("begun"));
        context.report_progress(Some(250), Some("half\0way"));
        context.cancellation().cancelled().await;
        Err::<(), _>(Failure::canceled())
    });
    let bench = Bench::with_handlers(handlers);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("work", json!(1)).await;
    let heard = |execution: &Value| execution["progress"]["percent"] == 100;
    let running = scheduler.when(id, heard).await;
    assert_eq!(running["progress"]["message"], "halfway");
    scheduler.cancel(id).await;
    scheduler.when_stopped(id).await;
    worker.end().await;
}

#[tokio::test]
async fn a_worker_that_ends_tells_its_functions_and_gives_them_back() {
    let scheduler = Scheduler::start().await;
    let (begun, reasons) = (Arc::new(Notify::new()), Arc::default());
    let heard: Arc<std::sync::Mutex<Vec<StopReason>>> = Arc::clone(&reasons);
    let signal = begun.clone();
    let handlers = Handlers::none().with("work", move |context: Context| {
        let (signal, heard) = (signal.clone(), heard.clone());
        async move {
            signal.notify_one();
            context.cancellation().cancelled().await;
            heard.lock().unwrap().extend(context.stop_reason());
            Err::<(), _>(Failure::canceled())
        }
    });
    let mut bench = Bench::with_handlers(handlers);
    bench.drain = Duration::ZERO;
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("work", json!(1)).await;
    begun.notified().await;
    worker.end().await;
    assert_eq!(*reasons.lock().unwrap(), [StopReason::Shutdown]);
    let back = scheduler.execution(id).await;
    let attempt = &back["attempts"][0];
    assert_eq!(
        (&back["status"], &attempt["outcome"], &attempt["counted"]),
        (&json!("PENDING"), &json!("interrupted"), &json!(false))
    );
    assert_eq!(scheduler.workers().await, [json!(null); 0]);
}

#[tokio::test]
async fn a_function_without_a_lease_is_told_before_another_worker_may_begin() {
    let mut scheduler = Scheduler::with_lease_ms(3_000).await;
    let ended = Arc::new(Notify::new());
    let signal = ended.clone();
    let begun = Arc::new(Notify::new());
    let start = begun.clone();
    let handlers = Handlers::none().with("work", move |context: Context| {
        let (signal, start) = (signal.clone(), start.clone());
        async move {
            start.notify_one();
            context.cancellation().cancelled().await;
            assert_eq!(context.stop_reason(), Some(StopReason::LeaseLost));
            signal.notify_one();
            Err::<(), _>(Failure::canceled())
        }
    });
    let bench = Bench::with_handlers(handlers);
    let worker = bench.start(&scheduler.url());
    scheduler.run("work", json!(1)).await;
    begun.notified().await;
    scheduler.go().await;
    let told = tokio::time::timeout(Duration::from_secs(3), ended.notified()).await;
    told.expect("the token is canceled before the lease is over");
    worker.crash().await;
}
