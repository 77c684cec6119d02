//! Connections: half-sent heads, the cap, the end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::service::{Answer, refused, start, to_end};

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_half_sent_head_is_closed_at_its_timeout() {
    let service = start(|settings| settings.header_read = Duration::from_millis(50)).await;
    for bytes in ["", "GET / HTTP/1.1\r\nhost: loc"] {
        let stream = service.open(bytes).await;
        let text = to_end(stream).await;
        assert!(
            Answer::read(&text).is_none_or(|answer| answer.status == 408),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_idle_connection_is_kept_and_then_closed() {
    let service = start(|settings| settings.header_read = Duration::from_millis(200)).await;
    let request = "GET /tasks/7 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut stream = service.open(request).await;
    let mut buffer = [0; 4096];
    let first = stream.read(&mut buffer).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let second = stream.read(&mut buffer).await.unwrap();
    assert!(first > 0 && first == second);
    assert_eq!(to_end(stream).await, "");
}

#[tokio::test]
async fn over_the_cap_a_connection_is_told_so_and_room_comes_back() {
    let service = start(|settings| settings.connections = 1).await;
    let mut held = service
        .open("GET /tasks/7 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let mut buffer = [0; 4096];
    assert!(held.read(&mut buffer).await.unwrap() > 0);
    let answer = service.get("/tasks/7").await;
    assert_eq!(answer.problem().code, "overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    held.shutdown().await.unwrap();
    assert_eq!(to_end(held).await, "");
    // The end of the connection is seen before its place is given back.
    let freed = async { while service.get("/tasks/7").await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(10), freed)
        .await
        .unwrap();
}

#[tokio::test]
async fn over_the_cap_a_probe_is_answered() {
    let service = start(|settings| settings.connections = 1).await;
    let mut held = service
        .open("GET /tasks/7 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let mut buffer = [0; 4096];
    assert!(held.read(&mut buffer).await.unwrap() > 0);
    let answer = service.get("/livez").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"status":"live"}"#)
    );
    let other = service.get("/livezoo").await;
    assert_eq!(other.problem().code, "overloaded");
}

#[tokio::test]
async fn over_the_cap_silent_clients_keep_no_probe_from_its_answer() {
    let service = start(|settings| settings.connections = 1).await;
    let mut held = service
        .open("GET /tasks/7 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let mut buffer = [0; 4096];
    assert!(held.read(&mut buffer).await.unwrap() > 0);
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(service.open("").await);
    }
    // Accepted in order, so that all of them are there before it.
    assert_eq!(service.get("/livez").await.status, 200);
    // They are told in their turn that there is no room.
    for stream in silent {
        let answer = Answer::read(&to_end(stream).await).unwrap();
        assert_eq!(answer.problem().code, "overloaded");
    }
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_loses_its_place() {
    let service = start(|settings| {
        settings.connections = 1;
        settings.write = Duration::from_millis(50);
    })
    .await;
    let stalled = service
        .open("GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let freed = async { while service.get("/tasks/7").await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(10), freed)
        .await
        .unwrap();
    drop(stalled);
}

#[tokio::test]
async fn calls_that_wait_leave_room_for_the_others() {
    let service = start(|settings| settings.waiting_calls = 1).await;
    let (one, two) = (service.open(WAIT).await, service.open(WAIT).await);
    // Either takes the seat; the other one is answered at once.
    let text = tokio::select! {
        text = to_end(one) => text,
        text = to_end(two) => text,
    };
    let answer = Answer::read(&text).unwrap();
    assert_eq!(answer.code(), refused(503, "overloaded"));
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&after));
    assert_eq!(service.get("/tasks/7").await.status, 200);
}

#[tokio::test]
async fn reads_that_wait_leave_seats_for_calls_that_must() {
    let service = start(|settings| {
        settings.waiting_calls = 2;
        settings.waiting_reads = 1;
    })
    .await;
    let read =
        "GET /read HTTP/1.1\r\nhost: localhost\r\nprefer: wait=60\r\nconnection: close\r\n\r\n";
    let (mut one, mut two) = (service.open(read).await, service.open(read).await);
    let text = tokio::select! {
        text = to_end(&mut one) => text,
        text = to_end(&mut two) => text,
    };
    assert_eq!(Answer::read(&text).unwrap().body, "at once");
    // One seat is left, and one of these finds it.
    let (mut three, mut four) = (service.open(WAIT).await, service.open(WAIT).await);
    let text = tokio::select! {
        text = to_end(&mut three) => text,
        text = to_end(&mut four) => text,
    };
    let answer = Answer::read(&text).unwrap();
    assert_eq!(answer.code(), refused(503, "overloaded"));
    service.shutdown.request();
    let mut rest = Vec::new();
    for stream in [one, two, three, four] {
        rest.extend(Answer::read(&to_end(stream).await).map(|answer| answer.body));
    }
    assert_eq!(rest, ["closing", "closing"]);
}

#[tokio::test]
async fn a_shutdown_lets_waiting_calls_answer_and_closes_the_rest() {
    let service = start(|_| {}).await;
    let waiting = service.open(WAIT).await;
    let idle = service.open("").await;
    // Accepted in order: once this one is answered, the two before it are connections too.
    assert_eq!(service.get("/tasks/7").await.status, 200);
    service.shutdown.request();
    let answer = Answer::read(&to_end(waiting).await).unwrap();
    assert!(matches!(
        (answer.status, answer.body.as_str()),
        (200, "closing") | (503, _)
    ));
    assert_eq!(to_end(idle).await, "");
    service.task.await.unwrap();
}
