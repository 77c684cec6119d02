//! Handlers that call a URL: what is refused, what the target sees, and how a call is stopped.

use std::fs;

use serde_json::{Value, json};
use taskpilot_worker::Handlers;

use crate::scheduler::Scheduler;
use crate::target::Target;
use crate::worker::Bench;

/// A bench with one call named `call`; `@` is the port of the target.
fn bench(target: &Target, section: &str, url: &str, keys: &str) -> Bench {
    let mut bench = Bench::new();
    let file = format!(
        "[http]\n{section}\n[[handler]]\ntype = 'call'\nkind = 'http'\nurl = '{url}'\n{keys}\n"
    );
    bench.load(&file.replace('@', &target.port().to_string()));
    bench
}

const LOCAL: &str = "allow = ['http://127.0.0.1:@']";
const URL: &str = "http://127.0.0.1:@/hook";

/// With attempts that are left: whatever fails at once is not worth a retry.
async fn call(scheduler: &Scheduler, payload: Value) -> i64 {
    scheduler.run("call", payload).await
}

async fn call_once(scheduler: &Scheduler, payload: Value) -> i64 {
    let body = json!({"type": "call", "payload": payload, "maxAttempts": 1});
    scheduler.create(body).await
}

/// The code of the only attempt.
fn error(execution: &Value) -> &Value {
    assert_eq!(execution["attemptCount"], 1, "{execution}");
    &execution["attempts"][0]["error"]["code"]
}

#[tokio::test]
async fn the_target_gets_the_payload_and_what_it_needs_to_know_repeats() {
    let (scheduler, target) = (Scheduler::start().await, Target::start().await);
    let url = "http://127.0.0.1:@/orders/{id}?note={note}";
    let keys = "parameters = { type = 'object', required = ['id'], properties = { \
                id = { type = 'integer' }, note = { type = 'string', default = '' } } }\n\
                headers = { 'x-note' = 'n={note}', accept = 'text/plain' }\n\
                environment_headers = { authorization = 'Bearer {PATH}' }";
    let bench = bench(&target, LOCAL, url, keys);
    let worker = bench.start(&scheduler.url());
    let payload = json!({"id": 7, "note": "a b&c"});
    let body = json!({"type": "call", "payload": payload, "reference": "ref/1", "backoff": {"initialMs": 1, "maxMs": 1}});
    let id = scheduler.create(body).await;
    let first = target.next().await;
    assert_eq!(
        first.line(),
        "POST /orders/7?note=a%20b%26c HTTP/1.1",
        "{}",
        first.text
    );
    let sent: Value = serde_json::from_str(first.body()).unwrap();
    assert_eq!(sent, payload);
    let path = &taskpilot_worker::environment::allowed(["PATH"])["PATH"];
    let secret = format!("Bearer {path}");
    let key = format!("{id}-ref%2F1");
    for (name, value) in [
        ("host", format!("127.0.0.1:{}", target.port())),
        ("content-type", "application/json".to_owned()),
        ("accept", "text/plain".to_owned()),
        ("x-note", "n=a b&c".to_owned()),
        ("authorization", secret),
        ("taskpilot-execution-id", id.to_string()),
        ("taskpilot-attempt", "1".to_owned()),
        ("idempotency-key", key.clone()),
    ] {
        assert_eq!(first.header(name), Some(&*value), "{name}");
    }
    first
        .answer("503 Away", "retry-after: 1\r\n", "later")
        .await;
    let second = target.next().await;
    assert_eq!(
        (
            second.header("taskpilot-attempt"),
            second.header("idempotency-key")
        ),
        (Some("2"), Some(&*key))
    );
    second.answer("201 Created", "", "{\"n\": 1.50}").await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    assert_eq!(done["result"], json!({"n": 1.50}));
    let failed = &done["attempts"][0]["error"];
    assert_eq!(
        failed,
        &json!({
            "code": "http_status",
            "message": "the target answered 503 Service Unavailable (Retry-After: 1): later"
        })
    );
    worker.end().await;
}

#[tokio::test]
async fn an_answer_that_is_no_success_says_why() {
    let (scheduler, target) = (Scheduler::start().await, Target::start().await);
    let elsewhere = Target::start().await;
    let keys = "response_bytes_max = 8\nexpect = ['200-299', '404']";
    let bench = bench(&target, LOCAL, URL, keys);
    let worker = bench.start(&scheduler.url());
    let location = format!("location: http://{}/\r\n", elsewhere.address());
    for (status, headers, body, code, retryable) in [
        ("400 Bad", "", "no", "http_status", false),
        ("500 Broken", "", "oops", "http_status", true),
        ("302 Found", &*location, "", "redirect_refused", false),
        ("308 Moved", &*location, "", "redirect_refused", false),
        ("200 OK", "", "123456789", "response_too_large", false),
        (
            "200 OK",
            "content-encoding: gzip\r\n",
            "1",
            "response_unreadable",
            false,
        ),
    ] {
        let id = if retryable {
            call_once(&scheduler, json!(1)).await
        } else {
            call(&scheduler, json!(1)).await
        };
        target.next().await.answer(status, headers, body).await;
        let failed = scheduler.when_status(id, "FAILED").await;
        assert_eq!(error(&failed), code, "{status}");
    }
    assert!(elsewhere.is_untouched().await);
    for (status, body, result) in [
        ("404 Gone", "gone", json!("gone")),
        ("200 OK", "12345678", json!(12_345_678)),
        ("204 None", "", Value::Null),
    ] {
        let id = call_once(&scheduler, json!(1)).await;
        target.next().await.answer(status, "", body).await;
        let done = scheduler.when_status(id, "SUCCEEDED").await;
        assert_eq!(done["result"], result, "{status}");
    }
    worker.end().await;
}

#[tokio::test]
async fn a_cancel_closes_the_connection_and_that_is_the_proof() {
    let (scheduler, target) = (Scheduler::start().await, Target::start().await);
    let bench = bench(&target, LOCAL, URL, "timeout_ms = 600000");
    let worker = bench.start(&scheduler.url());
    let id = call_once(&scheduler, json!(1)).await;
    let asked = target.next().await;
    scheduler.cancel(id).await;
    asked.closed().await;
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
    worker.end().await;
}

#[tokio::test]
async fn a_call_has_its_time_and_no_more() {
    let (scheduler, target) = (Scheduler::start().await, Target::start().await);
    let bench = bench(&target, LOCAL, URL, "timeout_ms = 200");
    let worker = bench.start(&scheduler.url());
    let id = call_once(&scheduler, json!(1)).await;
    target.next().await.closed().await;
    let failed = scheduler.when_status(id, "FAILED").await;
    assert_eq!(error(&failed), "attempt_timed_out");
    worker.end().await;
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_unless_the_operator_names_the_address() {
    let (scheduler, target) = (Scheduler::start().await, Target::start().await);
    let section = "allow = ['http://localhost:@']";
    let url = "http://localhost:@/";
    let refusing = bench(&target, section, url, "");
    let worker = refusing.start(&scheduler.url());
    let id = call(&scheduler, json!(1)).await;
    let failed = scheduler.when_status(id, "FAILED").await;
    assert_eq!(error(&failed), "target_refused");
    assert!(target.is_untouched().await, "nothing was connected to");
    worker.end().await;
    let section = format!("{section}\naddresses = ['127.0.0.0/8']");
    let naming = bench(&target, &section, url, "");
    let worker = naming.start(&scheduler.url());
    let id = call_once(&scheduler, json!(1)).await;
    target.next().await.answer("200 OK", "", "").await;
    scheduler.when_status(id, "SUCCEEDED").await;
    worker.end().await;
}

#[tokio::test]
async fn a_target_with_tls_is_who_it_says_or_gets_nothing() {
    let (scheduler, target) = (Scheduler::start().await, Target::with_tls().await);
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls/authority.pem");
    for (host, code) in [("localhost", None), ("127.0.0.1", Some("tls_failed"))] {
        let section = format!(
            "allow = ['https://{host}:@']\naddresses = ['127.0.0.1']\n\
             ca_certificates = '{authority}'"
        );
        let url = format!("https://{host}:@/hook");
        let bench = bench(&target, &section, &url, "");
        let worker = bench.start(&scheduler.url());
        let id = call_once(&scheduler, json!("secret")).await;
        match code {
            None => {
                let asked = target.next().await;
                assert_eq!(asked.body(), "\"secret\"");
                asked.answer("200 OK", "", "\"fine\"").await;
                let done = scheduler.when_status(id, "SUCCEEDED").await;
                assert_eq!(done["result"], "fine");
            }
            Some(code) => {
                target.turned_away().await;
                let failed = scheduler.when_status(id, "FAILED").await;
                assert_eq!(error(&failed), code);
            }
        }
        worker.end().await;
    }
}

#[tokio::test]
async fn a_payload_that_leads_elsewhere_is_refused_before_anything_is_sent() {
    let (scheduler, target) = (Scheduler::start().await, Target::start().await);
    let keys = "parameters = { type = 'object', required = ['id'], properties = { id = {} } }\n\
                headers = { 'x-id' = '{id}' }";
    let bench = bench(&target, LOCAL, "http://127.0.0.1:@/items/{id}", keys);
    let worker = bench.start(&scheduler.url());
    for id in ["..", "a/../../b", "", "x\r\ny: z"] {
        let id = call(&scheduler, json!({"id": id})).await;
        let failed = scheduler.when_status(id, "FAILED").await;
        assert_eq!(error(&failed), "invalid_payload");
    }
    assert!(target.is_untouched().await);
    worker.end().await;
}

#[test]
fn a_file_that_would_reach_too_far_is_refused() {
    let refusal = |section: &str, keys: &str| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("handlers.toml");
        let text = format!("{section}\n[[handler]]\ntype = 'x'\nkind = 'http'\n{keys}\n");
        fs::write(&path, &text).unwrap();
        match Handlers::load(&path) {
            Ok(_) => panic!("accepted: {text}"),
            Err(refused) => refused.to_string(),
        }
    };
    let section = "[http]\nallow = ['http://h.test', 'http://10.0.0.1']";
    let parameters = "parameters = { type = 'object', properties = { s = { type = 'string' } }, \
                      required = ['s'] }";
    for (keys, part) in [
        ("", "missing field `url`"),
        ("url = 'https://h.test'", "h.test is not in [http] allow"),
        (
            "url = 'http://h.test:81/'",
            "h.test:81 is not in [http] allow",
        ),
        (
            "url = 'http://10.0.0.2/'",
            "10.0.0.2 is not in [http] allow",
        ),
        ("url = 'http://{s}.test/'", "never in scheme, host or port"),
        ("url = 'http://h.test/{s}'", "needs a schema"),
        (
            "url = 'http://h.test/'\nargv = ['x']",
            "unknown field `argv`",
        ),
        (
            "url = 'http://h.test/'\nmethod = 'TRACE'",
            "unknown variant",
        ),
        ("url = 'http://h.test/'\nexpect = ['301']", "3xx"),
        ("url = 'http://h.test/'\ntimeout_ms = 0", "timeout_ms"),
        (
            "url = 'http://h.test/'\nresponse_bytes_max = 262145",
            "response_bytes_max",
        ),
        (
            "url = 'http://h.test/'\nheaders = { Host = 'evil' }",
            "host is set by the worker",
        ),
        (
            "url = 'http://h.test/'\nheaders = { a = '1', A = '2' }",
            "declared twice",
        ),
        (
            "url = 'http://h.test/'\nenvironment_headers = { a = '{TASKPILOT_SURELY_UNSET}' }",
            "TASKPILOT_SURELY_UNSET of the worker is not set",
        ),
    ] {
        let told = refusal(section, keys);
        assert!(told.contains(part), "{keys}: {told}");
    }
    let told = refusal("", &format!("url = 'http://h.test/{{s}}'\n{parameters}"));
    assert!(told.contains("not in [http] allow"), "nothing is allowed");
    let told = refusal("[http]\nallow = ['h.test']", "url = 'http://h.test/'");
    assert!(told.contains("[http] allow"), "{told}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("handlers.toml");
    fs::write(&path, "[[handler]]\ntype = 'x'\nkind = 'magic'\n").unwrap();
    let told = Handlers::load(&path).unwrap_err().to_string();
    assert!(told.contains("\"command\" or \"http\""), "{told}");
}
