//! The probes.

use serde_json::{Value, json};
use taskpilot_store::StoreError;

use crate::service::{Call, start};

fn ok(name: &str, detail: &Value) -> Value {
    json!({"name": name, "status": "ok", "since": null, "detail": detail})
}

#[tokio::test]
async fn a_scheduler_says_what_is_missing_and_since_when() {
    let service = start().await;
    let ready = async || {
        let answer = service.send(Call::get("/readyz")).await;
        (answer.status, answer.body)
    };
    let excused = ok(
        "leases",
        &json!("nothing expires until 2026-03-01T00:00:30.000Z"),
    );
    let not_begun = json!({
        "name": "loops", "status": "unavailable", "since": "2026-03-01T00:00:00.000Z",
        "detail": "the loops have not begun",
    });
    let checks = json!([ok("store", &Value::Null), not_begun, excused]);
    let expected = json!({"status": "unavailable", "checks": checks});
    assert_eq!(ready().await, (503, expected));

    service.app.start();
    service.clock.advance(1_000);
    let checks = json!([
        ok("store", &Value::Null),
        ok("loops", &Value::Null),
        excused
    ]);
    assert_eq!(
        ready().await,
        (200, json!({"status": "ready", "checks": checks}))
    );

    service.store.set(Some(StoreError::Unavailable {
        detail: "secret path".into(),
    }));
    service.clock.advance(1_000);
    let (status, body) = ready().await;
    let failed = json!({
        "name": "store", "status": "unavailable", "since": "2026-03-01T00:00:02.000Z",
        "detail": "writes have stopped after a storage error",
    });
    assert_eq!((status, &body["checks"][0]), (503, &failed));
    service.store.set(None);
    service.clock.advance(1_000);
    assert_eq!(ready().await.0, 200);

    service.shutdown.announce();
    let (status, body) = ready().await;
    assert_eq!((status, &body["status"]), (503, &json!("stopping")));
    service.shutdown.request();
}

#[tokio::test]
async fn it_lives_whatever_is_missing() {
    let service = start().await;
    service.store.set(Some(StoreError::Overloaded));
    let answer = service.send(Call::get("/livez")).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"status": "live"}))
    );
}
