//! Bodies that are too large, too slow, too deep, of the wrong kind, or absent.

use std::time::Duration;

use crate::service::{Answer, refused, start, to_end};

const JSON: &str = "POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn a_body_is_read_and_an_absent_one_is_the_default() {
    let service = start(|_| {}).await;
    let answer = service.send_json("POST /echo", r#"{"text":"x"}"#).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"text":"x"}"#)
    );
    let answer = service.send("PUT /echo HTTP/1.1", "").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"text":""}"#)
    );
}

#[tokio::test]
async fn syntax_is_400_and_everything_else_422() {
    let service = start(|_| {}).await;
    for (body, status, code) in [
        ("{\"text\":", 400, "malformed_json"),
        ("{\"text\":1,", 400, "malformed_json"),
        ("{\"text\":\"x\"} x", 400, "malformed_json"),
        ("\u{feff}{}", 400, "malformed_json"),
        (" ", 400, "malformed_json"),
        ("{\"text\":1}", 422, "invalid_body"),
        ("{\"text\":\"x\",\"more\":1}", 422, "invalid_body"),
        ("{\"text\":\"x\",\"text\":\"y\"}", 422, "invalid_body"),
        ("{}", 422, "invalid_body"),
        ("[]", 422, "invalid_body"),
    ] {
        let answer = service.send_json("POST /echo", body).await;
        assert_eq!(answer.code(), refused(status, code), "{body}");
    }
    let answer = service.send_json("POST /echo", "").await;
    assert_eq!(answer.code(), refused(400, "malformed_json"));
}

#[tokio::test]
async fn a_deep_body_is_refused_before_it_is_parsed() {
    let service = start(|_| {}).await;
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deep = service.send_json("POST /echo", &nested(65)).await;
    assert_eq!(deep.code(), refused(422, "body_too_deep"));
    let deeper = service.send_json("POST /echo", &"[".repeat(500_000)).await;
    assert_eq!(deeper.code(), refused(422, "body_too_deep"));
    let fine = service.send_json("POST /echo", &nested(64)).await;
    assert_eq!(fine.code(), refused(422, "invalid_body"));
}

#[tokio::test]
async fn a_body_of_another_media_type_is_refused() {
    let service = start(|_| {}).await;
    for headers in [
        "x-none: 1",
        "content-type: text/plain",
        "content-type: application/jsonx",
        "content-type: application/json\ncontent-encoding: gzip",
    ] {
        let lines = format!("PUT /echo HTTP/1.1\n{headers}");
        let answer = service.send(&lines, r#"{"text":"x"}"#).await;
        assert_eq!(
            answer.code(),
            refused(415, "unsupported_media_type"),
            "{headers}"
        );
    }
    let lines = "PUT /echo HTTP/1.1\ncontent-type: Application/JSON; charset=utf-8";
    assert_eq!(service.send(lines, r#"{"text":"x"}"#).await.status, 200);
}

#[tokio::test]
async fn a_large_body_is_refused_by_its_announcement() {
    let service = start(|settings| settings.body_bytes = 100).await;
    let head = format!("{JSON}content-length: 101\r\n\r\n");
    let answer = service.exchange(&head).await;
    assert_eq!(answer.code(), refused(413, "body_too_large"));
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(89));
    assert_eq!(service.send_json("POST /echo", &body).await.status, 200);
}

#[tokio::test]
async fn a_chunked_body_is_refused_where_it_passes_the_limit() {
    let service = start(|settings| settings.body_bytes = 100).await;
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    let head = format!("{JSON}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}");
    let answer = service.exchange(&head).await;
    assert_eq!(answer.code(), refused(413, "body_too_large"));
}

#[tokio::test]
async fn a_body_that_is_sent_whole_although_too_large_gets_its_answer() {
    let service = start(|_| {}).await;
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(1024 * 1024));
    let answer = service.send_json("POST /echo", &body).await;
    assert_eq!(answer.code(), refused(413, "body_too_large"));
}

#[tokio::test]
async fn a_slow_body_times_out_and_its_connection_is_closed() {
    let service = start(|settings| settings.body_read = Duration::from_millis(50)).await;
    let stream = service
        .open(&format!("{JSON}content-length: 12\r\n\r\n{{\"te"))
        .await;
    let answer = Answer::read(&to_end(stream).await).unwrap();
    assert_eq!(answer.code(), refused(408, "request_timeout"));
    assert!(answer.problem().retryable);
}

#[tokio::test]
async fn broken_chunks_are_refused() {
    let service = start(|_| {}).await;
    let head = format!("{JSON}transfer-encoding: chunked\r\n\r\nzz\r\n");
    assert_eq!(service.exchange(&head).await.status, 400);
}
