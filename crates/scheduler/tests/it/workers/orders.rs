//! `GET /v1/workers/{id}/orders`: a stream over a real socket.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::service::{AT_ONCE, Call, PATIENCE, Service, start};
use crate::worker::{Worker, stage};

/// A stream, read event by event.
struct Orders {
    response: reqwest::Response,
    text: String,
}

impl Orders {
    async fn open(address: SocketAddr, worker: &Worker) -> Self {
        let url = format!("http://{address}{}", worker.path("/orders"));
        let request = reqwest::Client::new().get(url);
        let request = request.header("taskpilot-session-token", &worker.token);
        let response = tokio::time::timeout(PATIENCE, request.send()).await;
        let response = response.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event or comment, as it is written; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("a quiet stream says so").ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next order, past the signs of life; `None` at the end of the stream.
    async fn order(&mut self) -> Option<Value> {
        let order = async {
            loop {
                let block = self.next().await?;
                if !block.starts_with(':') {
                    let data = block.strip_prefix("event: stop\ndata: ");
                    return Some(serde_json::from_str(data.expect("an order")).unwrap());
                }
            }
        };
        let order = tokio::time::timeout(PATIENCE, order).await;
        order.expect("an order, or the end of the stream")
    }
}

async fn streaming() -> (Service, Worker, Value, Orders) {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let address = service.listen().await;
    let mut orders = Orders::open(address, &worker).await;
    assert_eq!(orders.next().await.as_deref(), Some(": alive"));
    (service, worker, grant, orders)
}

#[tokio::test]
async fn an_order_is_pushed() {
    let (service, _worker, grant, mut orders) = streaming().await;
    let cancel = Call::put("/tasks/1/cancel").json(&json!({"reason": "enough"}));
    service
        .say(cancel.header("taskpilot-principal", "eve"))
        .await;
    let order = tokio::time::timeout(AT_ONCE, orders.order()).await.unwrap();
    let expected = json!({"executionId": 1, "attempt": 1, "token": grant["token"],
        "cause": "USER", "graceMs": 10_000, "requestedAt": "2026-03-01T00:00:00.000Z",
        "requestedBy": "eve", "reason": "enough"});
    assert_eq!(order, Some(expected));
}

#[tokio::test]
async fn what_is_unconfirmed_is_replayed_and_what_is_confirmed_is_not() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    let address = service.listen().await;
    for _ in 0..2 {
        let order = Orders::open(address, &worker).await.order().await.unwrap();
        assert_eq!(order["executionId"], 1);
    }
    service
        .say(worker.stops(&[stage(&grant, "delivered")]))
        .await;
    let mut confirmed = Orders::open(address, &worker).await;
    assert_eq!(confirmed.next().await.as_deref(), Some(": alive"));
}

#[tokio::test]
async fn a_newer_stream_replaces_the_older() {
    let (service, worker, _grant, mut older) = streaming().await;
    let address = service.listen().await;
    let mut newer = Orders::open(address, &worker).await;
    assert_eq!(older.order().await, None);
    service.cancel(1).await;
    assert_eq!(newer.order().await.unwrap()["executionId"], 1);
}

#[tokio::test]
async fn who_has_not_the_token_closes_no_stream() {
    let (service, worker, _grant, mut orders) = streaming().await;
    let forger = Worker {
        token: "0".repeat(32),
        ..worker
    };
    let call = forger.signed(Call::get(&forger.path("/orders")));
    assert_eq!(service.send(call).await.code(), (404, "worker_not_found"));
    service.cancel(1).await;
    assert_eq!(orders.order().await.unwrap()["executionId"], 1);
}

#[tokio::test]
async fn a_stream_ends_with_the_service_and_with_its_session() {
    let (service, _worker, _grant, mut orders) = streaming().await;
    service.shutdown.request();
    let end = tokio::time::timeout(AT_ONCE, orders.order()).await;
    assert_eq!(end.unwrap(), None);
    let (service, worker, _grant, mut orders) = streaming().await;
    service.send(worker.goodbye()).await;
    assert_eq!(orders.order().await, None);
}

#[tokio::test]
async fn a_stopping_service_opens_no_stream() {
    let service = start().await;
    let worker = service.register(1).await;
    service.shutdown.request();
    let call = worker.signed(Call::get(&worker.path("/orders")));
    let answer = service.send(call).await;
    assert_eq!(answer.code(), (503, "shutting_down"));
    assert!(answer.header("retry-after").is_some());
}
