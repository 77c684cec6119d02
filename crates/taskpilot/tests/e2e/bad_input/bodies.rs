//! Bodies that cannot be read, and bodies that say nothing that can be done.

use anyhow::Result;
use serde_json::json;

use super::cases::{Case, call, places, refuses_all, with_something_to_change};
use crate::api::create;
use crate::start::Up;

#[tokio::test]
async fn bodies_that_are_no_json_change_nothing() -> Result<()> {
    let (up, unbound, bound) = with_something_to_change().await?;
    let mut cases = Vec::new();
    for (name, server, path) in places(&up, unbound, bound) {
        for text in [
            "{",
            "{\"type\":\"a\"} x",
            "{'type':'a'}",
            "{\"type\":NaN}",
            "{} {}",
            "\u{feff}{",
        ] {
            let call = call(server, &path).json_text(text);
            cases.push(Case::new(
                format!("{name}: {text}"),
                call,
                400,
                "malformed_json",
            ));
        }
        let not_utf8 = call(server, &path).json_text(b"{\"type\":\"\xff\xfe\"}".to_vec());
        cases.push(Case::new(
            format!("{name}: no UTF-8"),
            not_utf8,
            400,
            "malformed_json",
        ));
    }
    refuses_all(&up, cases).await
}

#[tokio::test]
async fn bodies_too_large_or_too_deep_change_nothing() -> Result<()> {
    let (up, unbound, bound) = with_something_to_change().await?;
    let mut cases = Vec::new();
    for (name, server, path) in places(&up, unbound, bound) {
        let large = format!("{{\"payload\":\"{}\"}}", "x".repeat(1024 * 1024));
        let large = call(server, &path).json_text(large);
        cases.push(Case::new(
            format!("{name}: large"),
            large,
            413,
            "body_too_large",
        ));
        for depth in [65, 100, 100_000] {
            let deep = call(server, &path).json_text(nested(depth));
            cases.push(Case::new(
                format!("{name}: {depth} deep"),
                deep,
                422,
                "body_too_deep",
            ));
        }
    }
    refuses_all(&up, cases).await
}

/// A create whose body has this many levels.
fn nested(levels: usize) -> String {
    let inner = levels - 1;
    format!(
        "{{\"type\":\"a\",\"payload\":{}{}}}",
        "[".repeat(inner),
        "]".repeat(inner)
    )
}

#[tokio::test]
async fn bodies_just_within_the_limits_are_taken() -> Result<()> {
    let up = Up::start().await?;
    let frame = json!({"type": "nobody-handles-this", "payload": ""}).to_string();
    let payload = "x".repeat(1024 * 1024 - frame.len());
    let full = json!({"type": "nobody-handles-this", "payload": payload});
    assert_eq!(full.to_string().len(), 1024 * 1024);
    create(up.control, &full).await?;
    let deep = up.control.post("/api/tasks").json_text(nested(64));
    deep.send().await?.expect(201)?;
    let charset = up.control.post("/api/tasks").body("{\"type\":\"a\"}");
    let charset = charset.header("Content-Type", "Application/JSON; charset=UTF-8");
    charset.send().await?.expect(201)?;
    let labels: Vec<_> = (0..32)
        .map(|n| (format!("{n:063}"), json!("v".repeat(255))))
        .collect();
    let labels: serde_json::Map<_, _> = labels.into_iter().collect();
    let widest = json!({"type": "t".repeat(100), "title": "ü".repeat(200), "labels": labels});
    create(up.control, &widest).await?;
    Ok(())
}

#[tokio::test]
async fn bodies_of_another_kind_change_nothing() -> Result<()> {
    let (up, unbound, bound) = with_something_to_change().await?;
    let mut cases = Vec::new();
    for (name, server, path) in places(&up, unbound, bound) {
        let body = || call(server, &path).body("{\"type\":\"a\"}");
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonx",
            "x",
        ] {
            let call = body().header("Content-Type", kind);
            cases.push(Case::new(
                format!("{name}: {kind}"),
                call,
                415,
                "unsupported_media_type",
            ));
        }
        cases.push(Case::new(
            format!("{name}: no type"),
            body(),
            415,
            "unsupported_media_type",
        ));
        let encoded = body()
            .header("Content-Type", "application/json")
            .header("Content-Encoding", "gzip");
        cases.push(Case::new(
            format!("{name}: gzip"),
            encoded,
            415,
            "unsupported_media_type",
        ));
    }
    refuses_all(&up, cases).await
}

#[tokio::test]
async fn bodies_of_another_shape_change_nothing() -> Result<()> {
    let (up, unbound, bound) = with_something_to_change().await?;
    let mut cases = Vec::new();
    for (name, server, path) in places(&up, unbound, bound) {
        for body in [
            json!([]),
            json!("text"),
            json!(7),
            json!({"surely": "unknown"}),
        ] {
            let call = call(server, &path).json(&body);
            cases.push(Case::new(
                format!("{name}: {body}"),
                call,
                422,
                "invalid_body",
            ));
        }
    }
    let long = |length| "x".repeat(length);
    for (field, body) in [
        ("type", json!({"type": ""})),
        ("type", json!({"type": "a b"})),
        ("type", json!({"type": "ü"})),
        ("type", json!({"type": long(101)})),
        ("title", json!({"type": "a", "title": long(201)})),
        ("labels", json!({"type": "a", "labels": {"": "v"}})),
        ("labels", json!({"type": "a", "labels": {long(64): "v"}})),
        ("labels", json!({"type": "a", "labels": {"k": long(256)}})),
    ] {
        let call = up.control.post("/api/tasks").json(&body);
        cases.push(Case::new(body.to_string(), call, 422, "invalid_body").field(field));
    }
    for body in [
        json!({}),
        json!({"type": 1}),
        json!({"type": null}),
        json!({"type": ["a"]}),
        json!({"type": "a", "title": 7}),
        json!({"type": "a", "labels": []}),
        json!({"type": "a", "labels": {"k": 1}}),
        json!({"type": "a", "bind": "yes"}),
        json!({"type": "a", "execution": 7}),
        json!({"type": "a", "id": 1}),
        json!({"type": "a", "status": "BOUND"}),
    ] {
        let call = up.control.post("/api/tasks").json(&body);
        cases.push(Case::new(body.to_string(), call, 422, "invalid_body"));
    }
    let reason = json!({"reason": long(501)});
    let path = format!("/api/tasks/{bound}/execution/cancel");
    let call = up.control.put(&path).json(&reason);
    cases.push(Case::new("a long reason", call, 422, "invalid_body").field("reason"));
    refuses_all(&up, cases).await
}
