//! The route table: what is not listed, wrong methods, ids, queries, and the document beside it.

use std::sync::Arc;

use serde_json::json;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::clock::ManualClock;
use taskpilot_server::edge::Edge;
use taskpilot_server::openapi;
use taskpilot_server::shutdown::Shutdown;
use tower::ServiceExt;
use utoipa::OpenApi;

use crate::service::{refused, start, table};

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems() {
    let service = start(|_| {}).await;
    for path in ["/", "/nowhere", "/tasks/", "/tasks/7/", "//tasks/7"] {
        assert_eq!(
            service.get(path).await.code(),
            refused(404, "route_not_found"),
            "{path}"
        );
    }
    let answer = service.send("DELETE /echo HTTP/1.1", "").await;
    assert_eq!(answer.code(), refused(405, "method_not_allowed"));
    let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["options", "post", "put"]);
}

#[tokio::test]
async fn head_and_options_answer_without_a_body() {
    let service = start(|_| {}).await;
    let head = service.send("HEAD /tasks/7 HTTP/1.1", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let options = service.send("OPTIONS /tasks/7 HTTP/1.1", "").await;
    assert_eq!(options.status, 204);
    assert_eq!(options.header("allow"), Some("options,get,head"));
    assert_eq!(options.header("access-control-allow-origin"), None);
    let unknown = service.send("OPTIONS /nowhere HTTP/1.1", "").await;
    assert_eq!(unknown.code(), refused(404, "route_not_found"));
}

#[tokio::test]
async fn an_id_out_of_range_is_refused() {
    let service = start(|_| {}).await;
    assert_eq!(service.get("/tasks/9007199254740991").await.status, 200);
    for id in [
        "0",
        "-1",
        "x",
        "1.0",
        "9007199254740992",
        "%31x",
        "%ff",
        "01",
    ] {
        let answer = service.get(&format!("/tasks/{id}")).await;
        assert_eq!(answer.code(), refused(400, "invalid_id"), "{id}");
    }
}

#[tokio::test]
async fn a_query_is_read_strictly() {
    let service = start(|_| {}).await;
    assert_eq!(service.get("/tasks?limit=7").await.body, "Some(7)");
    assert_eq!(service.get("/tasks?").await.body, "None");
    for path in [
        "/tasks?limit=x",
        "/tasks?limit=1&limit=2",
        "/tasks?lim=1",
        "/who?x=1",
    ] {
        let answer = service.get(path).await;
        assert_eq!(answer.code(), refused(400, "invalid_query"), "{path}");
        assert!(!answer.problem().instance.contains('?'));
    }
}

#[tokio::test]
async fn a_router_needs_no_socket() {
    let shutdown = Shutdown::new(std::time::Duration::ZERO);
    let edge = Edge::new(Arc::new(ManualClock::at(Timestamp::EPOCH)), shutdown);
    let request = axum::http::Request::get("/tasks/7").header("host", "localhost");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = table()
        .into_router((), edge)
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
}

#[utoipa::path(get, path = "/tasks/{id}", operation_id = "getTask", responses((status = 200)))]
#[expect(dead_code, reason = "only its description is used")]
fn described() {}

#[utoipa::path(get, path = "/tasks", operation_id = "list", params(("limit" = u32, Query)), responses())]
#[expect(dead_code, reason = "only its description is used")]
fn described_otherwise() {}

/// A body that may be absent.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
struct Body {
    reason: String,
}

#[utoipa::path(put, path = "/tasks/{id}/cancel", operation_id = "cancel", request_body = Option<Body>, responses())]
#[expect(dead_code, reason = "only its description is used")]
fn described_with_a_body() {}

#[derive(OpenApi)]
#[openapi(paths(described, described_otherwise))]
struct Document;

#[derive(OpenApi)]
#[openapi(paths(described_with_a_body))]
struct WithBody;

#[test]
fn a_body_that_may_be_absent_is_never_null() {
    let text = openapi::to_json(&openapi::completed(WithBody::openapi()));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let body = &document["paths"]["/tasks/{id}/cancel"]["put"]["requestBody"];
    let schema = json!({"$ref": "#/components/schemas/Body"});
    assert_eq!(
        *body,
        json!({"content": {"application/json": {"schema": schema}}})
    );
}

#[test]
fn the_table_and_its_document_are_compared() {
    let infos: Vec<_> = table()
        .infos()
        .into_iter()
        .filter(|info| info.path.starts_with("/tasks"))
        .collect();
    assert_eq!(
        openapi::differences(&infos, &Document::openapi()),
        [
            "not described: GET /tasks ? listTasks",
            "not in the table: GET /tasks ? list"
        ]
    );
}

#[test]
fn every_operation_answers_completed() {
    let text = openapi::to_json(&openapi::completed(Document::openapi()));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let content = &document["paths"]["/tasks/{id}"]["get"]["responses"]["default"]["content"];
    let schema = &content["application/problem+json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/Problem");
    assert!(document["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
}
