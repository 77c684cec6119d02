//! The probes.

use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_e2e::ports::ReservedPort;

use crate::ours;
use crate::world::{Call, before, clock, start};

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
