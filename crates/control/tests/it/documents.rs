//! The route table and the OpenAPI document beside it.

use taskpilot_control::{openapi, routes};
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_server::openapi::{differences, to_json};
use taskpilot_server::routes::RouteInfo;

use crate::world::{Call, before};

fn line(route: &RouteInfo) -> String {
    let waits = if route.waits { " waits" } else { "" };
    let query = if route.query { " ?" } else { "" };
    format!(
        "{} {}{query} {} {:?}{waits}",
        route.method, route.path, route.operation, route.permission
    )
}

#[test]
fn every_route_states_its_permission() {
    let lines: Vec<String> = routes().iter().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_document_describes_every_route_and_no_other() {
    assert_eq!(differences(&routes(), &openapi()), Vec::<String>::new());
}

/// `TASKPILOT_UPDATE_OPENAPI=1 cargo test -p taskpilot-control --test it` writes the document.
#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let generated = to_json(&openapi());
    if wants_update() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == generated,
        "{path} is out of date: run this test with TASKPILOT_UPDATE_OPENAPI=1"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by its environment to write instead of compare, as insta is"
)]
fn wants_update() -> bool {
    std::env::var_os("TASKPILOT_UPDATE_OPENAPI").is_some()
}

#[tokio::test]
async fn the_document_is_served_although_no_scheduler_is_there() {
    let control = before(&ReservedPort::take().unwrap().url());
    let answer = control.send(Call::get("/openapi.json")).await;
    let generated: serde_json::Value = serde_json::from_str(&to_json(&openapi())).unwrap();
    assert_eq!((answer.status, answer.body), (200, generated));
}
