//! The probes.

use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_domain::limits::{BINDINGS_AT_ONCE_MAX, LOOP_SILENT_MS};
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::{Manner, StandIn};
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::ours;
use crate::world::{Call, Control, PATIENT, before, clock, start};

fn ok(name: &str) -> Value {
    json!({"name": name, "status": "ok", "since": null, "detail": null})
}

#[tokio::test]
async fn without_its_scheduler_a_control_plane_lives_and_is_not_ready() {
    let control = before(&ReservedPort::take().unwrap().url());
    control.start();
    let answer = control.send(Call::get("/livez")).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"status": "live"}))
    );
    let away = json!({
        "name": "scheduler", "status": "unavailable", "since": "2026-03-01T00:00:00.000Z",
        "detail": "it cannot be reached",
    });
    let checks = json!([ok("store"), away, ok("loops")]);
    let answer = control.send(Call::get("/readyz")).await;
    assert_eq!(
        (answer.status, answer.body),
        (503, json!({"status": "unavailable", "checks": checks}))
    );
    control.shutdown.request();
}

#[tokio::test]
async fn however_many_probe_the_scheduler_is_asked_once_a_second() {
    let clock = clock();
    let ours = ours::start(clock.clone()).await;
    let control = start(
        &format!("http://{}", ours.address),
        clock.clone(),
        Policy::default(),
    );
    control.start();
    let checks = json!([ok("store"), ok("scheduler"), ok("loops")]);
    let expected = (200, json!({"status": "ready", "checks": checks}));
    let probe = async || {
        let answer = control.send(Call::get("/readyz")).await;
        (answer.status, answer.body)
    };
    assert_eq!(probe().await, expected);
    let address = ours.address;
    drop(ours);
    // Nobody listens any more once a connection is refused.
    while tokio::net::TcpStream::connect(address).await.is_ok() {}
    assert_eq!(probe().await, expected, "this second it was seen");
    clock.advance(1_000);
    let (status, body) = probe().await;
    let away = &body["checks"][1]["status"];
    assert_eq!((status, away), (503, &json!("unavailable")));
    control.shutdown.request();
}

/// What is told of the loops, a second of the clock after it was told last.
async fn loops(control: &Control) -> Value {
    control.clock.advance(1_000);
    let answer = control.send(Call::get("/readyz")).await;
    answer.body["checks"][2].clone()
}

/// After a start all that is unfinished is driven in one tick, a few at a time.
#[tokio::test]
async fn a_tick_that_takes_long_and_goes_on_is_alive() {
    let away = ReservedPort::take().unwrap();
    let control = before(&away.url());
    let two_turns = BINDINGS_AT_ONCE_MAX as usize + 1;
    let items = vec![json!({"type": "demo", "bind": true}); two_turns];
    let call = Call::post("/api/tasks/batch", &json!({"items": items}));
    assert_eq!(control.send(call).await.status, 200);
    let scheduler = StandIn::start_as(Manner::Hangs.for_creates())
        .await
        .unwrap();
    let control = control.restart_as(&scheduler.url(), PATIENT);
    control.start();
    let sent = async |count: usize| {
        let sent = wait_until("they are sent", SOON, || async {
            Ok((scheduler.creates().len() == count).then_some(()))
        });
        sent.await.unwrap();
    };
    sent(two_turns - 1).await;
    control.clock.advance(LOOP_SILENT_MS + 1_000);
    assert_eq!(loops(&control).await["status"], "unavailable");
    // What hangs is let go, and the rest hangs in turn.
    scheduler.behave(Manner::Hangs.for_creates());
    sent(two_turns).await;
    // The other loops tick by the time of the machine.
    wait_until("all loops go on", SOON, || async {
        Ok((loops(&control).await == ok("loops")).then_some(()))
    })
    .await
    .unwrap();
    control.shutdown.request();
}
