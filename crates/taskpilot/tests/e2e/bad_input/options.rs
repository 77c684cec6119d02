//! Options outside their limits, wherever they are given.

use anyhow::Result;
use serde_json::{Value, json};

use super::cases::{Case, refuses_all, with_something_to_change};

fn bad_options() -> Vec<(&'static str, Value)> {
    vec![
        ("queue", json!({"queue": ""})),
        ("queue", json!({"queue": "a b"})),
        ("queue", json!({"queue": "x".repeat(65)})),
        ("priority", json!({"priority": 11})),
        ("priority", json!({"priority": -11})),
        ("priority", json!({"priority": 9_007_199_254_740_993_i64})),
        ("scheduledFor", json!({"scheduledFor": "soon"})),
        (
            "scheduledFor",
            json!({"scheduledFor": "2026-13-01T00:00:00Z"}),
        ),
        (
            "scheduledFor",
            json!({"scheduledFor": "2999-01-01T00:00:00Z"}),
        ),
        ("maxAttempts", json!({"maxAttempts": 0})),
        ("maxAttempts", json!({"maxAttempts": -1})),
        ("maxAttempts", json!({"maxAttempts": 101})),
        ("attemptTimeoutMs", json!({"attemptTimeoutMs": 0})),
        ("attemptTimeoutMs", json!({"attemptTimeoutMs": -5})),
        ("deadline", json!({"deadline": "2001-01-01T00:00:00Z"})),
        ("cancelGraceMs", json!({"cancelGraceMs": 600_001})),
        ("cancelGraceMs", json!({"cancelGraceMs": -1})),
    ]
}

#[tokio::test]
async fn bad_options_change_nothing_wherever_they_are_given() -> Result<()> {
    let (up, unbound, _) = with_something_to_change().await?;
    let bind = format!("/api/tasks/{unbound}/scheduler");
    let mut cases = Vec::new();
    for (field, options) in bad_options() {
        let call = up.control.post(&bind).json(&options);
        cases.push(Case::new(format!("bind {options}"), call, 422, "invalid_body").field(field));
        let body = json!({"type": "a", "bind": true, "execution": options});
        let call = up.control.post("/api/tasks").json(&body);
        let within = format!("execution.{field}");
        cases.push(Case::new(format!("create {options}"), call, 422, "invalid_body").field(within));
        let mut body = options.clone();
        body["type"] = json!("a");
        let call = up.scheduler.post("/tasks").json(&body);
        cases.push(
            Case::new(format!("execution {options}"), call, 422, "invalid_body").field(field),
        );
    }
    for options in [
        json!({"priority": "high"}),
        json!({"priority": 1.5}),
        json!({"maxAttempts": "3"}),
        json!({"backoff": 5}),
        json!({"backoff": {"factor": 0.5}}),
        json!({"backoff": {"maxMs": -1}}),
        json!({"backoff": {"surely": "unknown"}}),
        json!({"scheduledFor": 1_700_000_000}),
        json!({"schedulerType": "a b"}),
    ] {
        let call = up.control.post(&bind).json(&options);
        cases.push(Case::new(
            format!("bind {options}"),
            call,
            422,
            "invalid_body",
        ));
    }
    refuses_all(&up, cases).await
}
