//! The edge: hosts, origins, request ids, principals, panics, faults.

use taskpilot_server::context::Forwarding;

use crate::service::{refused, start, start_with};

#[tokio::test]
async fn another_host_is_refused() {
    let service = start(|_| {}).await;
    for (host, status, code) in [
        ("host: evil.example\r\n", 421, "host_not_allowed"),
        (
            "host: localhost.evil.example:80\r\n",
            421,
            "host_not_allowed",
        ),
        ("host: \r\n", 421, "host_not_allowed"),
        ("", 400, "invalid_header"),
        (
            "host: localhost\r\nhost: evil.example\r\n",
            400,
            "invalid_header",
        ),
    ] {
        let request = format!("GET /who HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        assert_eq!(
            service.exchange(&request).await.code(),
            refused(status, code),
            "{host}"
        );
    }
    let absolute =
        "GET http://evil.example/who HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(
        service.exchange(absolute).await.code(),
        refused(421, "host_not_allowed")
    );
    for host in ["localhost:8081", "127.0.0.1", "[::1]:9"] {
        let request = format!("GET /who HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(service.exchange(&request).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let service = start(|_| {}).await;
    let lines = "PUT /echo HTTP/1.1\nsec-fetch-site: cross-site";
    assert_eq!(
        service.send(lines, "").await.code(),
        refused(403, "forbidden")
    );
    let lines = "PUT /echo HTTP/1.1\norigin: https://evil.example";
    assert_eq!(
        service.send(lines, "").await.code(),
        refused(403, "forbidden")
    );
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_another_one_replaced() {
    let service = start(|_| {}).await;
    let kept = service
        .send("GET /who HTTP/1.1\nx-request-id: my-id.1", "")
        .await;
    assert_eq!(kept.header("x-request-id"), Some("my-id.1"));
    assert_eq!(kept.body, "local default my-id.1");
    for bad in ["has space", &"x".repeat(65), "\u{e9}"] {
        let made = service
            .send(&format!("GET /who HTTP/1.1\nx-request-id: {bad}"), "")
            .await;
        assert_eq!(made.header("x-request-id").map(str::len), Some(16), "{bad}");
    }
}

#[tokio::test]
async fn a_principal_speaks_for_others_only_where_that_is_accepted() {
    let lines =
        "GET /who HTTP/1.1\nx-request-id: i\ntaskpilot-principal: ann\ntaskpilot-namespace: lab";
    let control = start(|_| {}).await;
    assert_eq!(
        control.send(lines, "").await.code(),
        refused(403, "forbidden")
    );
    let scheduler = start_with(|_| {}, Forwarding::Accepted).await;
    assert_eq!(scheduler.send(lines, "").await.body, "ann lab i");
    for lines in [
        "GET /who HTTP/1.1\ntaskpilot-namespace: a b",
        "GET /who HTTP/1.1\ntaskpilot-namespace: lab\ntaskpilot-namespace: yard",
        "GET /who HTTP/1.1\ntaskpilot-principal: ann\ntaskpilot-principal: bob",
    ] {
        assert_eq!(
            scheduler.send(lines, "").await.code(),
            refused(400, "invalid_header"),
            "{lines}"
        );
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_connection_lives_on() {
    let service = start(|_| {}).await;
    let one = "GET /panic HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let two = "GET /tasks/7 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let text = crate::service::to_end(service.open(&format!("{one}{two}")).await).await;
    assert!(
        text.contains("500 Internal Server Error") && text.ends_with("\r\n\r\n7"),
        "{text}"
    );
    assert!(!text.contains("on purpose"));
    assert_eq!(service.get("/panic").await.code(), refused(500, "internal"));
}

#[tokio::test]
async fn nothing_of_a_fault_is_sent() {
    let service = start(|_| {}).await;
    for path in ["/fault", "/raw", "/waitUnlisted"] {
        let answer = service.get(path).await;
        assert_eq!(answer.code(), refused(500, "internal"));
        assert!(!answer.body.contains("secret"));
        assert_eq!(answer.problem().instance, path);
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_of_its_service() {
    let service = start(|_| {}).await;
    for path in ["/who", "/nowhere", "/panic"] {
        let answer = service.get(path).await;
        assert_eq!(
            answer.header("taskpilot-extensions"),
            Some("list"),
            "{path}"
        );
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_missing_is_told_in_a_503_of_its_own() {
    let service = start(|_| {}).await;
    let answer = service.get("/readyz").await;
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let check = serde_json::json!({
        "name": "store", "status": "unavailable", "since": "1970-01-01T00:00:00.000Z",
        "detail": "full",
    });
    let expected = serde_json::json!({"status": "unavailable", "checks": [check]});
    assert_eq!((answer.status, body), (503, expected));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
