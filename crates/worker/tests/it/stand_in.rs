//! A scheduler whose every answer the test gives, late, wrong or never.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Json};
use futures_util::stream;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::worker::PATIENCE;

/// Kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Register,
    Claim,
    Results,
    Starts,
    Stops,
    Heartbeat,
    Orders,
    Goodbye,
}

/// A call that waits for its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    pub(crate) body: Value,
    reply: oneshot::Sender<Reply>,
}

#[derive(Debug)]
enum Reply {
    Json(u16, Value),
    /// The call is taken, and its answer gets lost on the way.
    Lost,
    Orders(mpsc::UnboundedReceiver<Value>),
}

/// The scheduler; the calls that a test does not script are answered as a good one would.
pub(crate) struct StandIn {
    url: String,
    calls: HashMap<Kind, mpsc::UnboundedReceiver<Asked>>,
    shared: Arc<Shared>,
}

struct Shared {
    scripted: HashMap<Kind, mpsc::UnboundedSender<Asked>>,
    log: Mutex<Vec<(Kind, Value)>>,
    /// What the next heartbeat is told.
    news: Mutex<Option<(u16, Value)>>,
    lease_ms: u64,
    heartbeat_ms: u64,
}

const KINDS: [Kind; 8] = [
    Kind::Register,
    Kind::Claim,
    Kind::Results,
    Kind::Starts,
    Kind::Stops,
    Kind::Heartbeat,
    Kind::Orders,
    Kind::Goodbye,
];

impl StandIn {
    /// A scheduler of which the test answers these calls itself, with a heartbeat so rare that
    /// nothing hangs on it.
    pub(crate) async fn scripting(kinds: &[Kind]) -> Self {
        Self::with_heartbeat_ms(kinds, 600_000).await
    }

    pub(crate) async fn with_heartbeat_ms(kinds: &[Kind], heartbeat_ms: u64) -> Self {
        let mut calls = HashMap::new();
        let mut scripted = HashMap::new();
        for kind in KINDS.into_iter().filter(|kind| kinds.contains(kind)) {
            let (sender, receiver) = mpsc::unbounded_channel();
            scripted.insert(kind, sender);
            calls.insert(kind, receiver);
        }
        let shared = Arc::new(Shared {
            scripted,
            log: Mutex::default(),
            news: Mutex::default(),
            lease_ms: 600_000,
            heartbeat_ms,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, calls, shared }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next call of a kind that the test answers.
    pub(crate) async fn next(&mut self, kind: Kind) -> Asked {
        let calls = self.calls.get_mut(&kind).unwrap();
        let next = tokio::time::timeout(PATIENCE, calls.recv()).await;
        next.unwrap_or_else(|_| panic!("{kind:?} never came"))
            .unwrap()
    }

    /// The hand-ins of the next claim or call of their own; they are taken, and nothing is granted.
    pub(crate) async fn next_hand_ins(&mut self) -> Vec<Value> {
        let next = poll_fn(|context| {
            for kind in [Kind::Results, Kind::Claim] {
                let calls = self.calls.get_mut(&kind).unwrap();
                if let Poll::Ready(asked) = calls.poll_recv(context) {
                    return Poll::Ready(asked.unwrap());
                }
            }
            Poll::Pending
        });
        let asked = tokio::time::timeout(PATIENCE, next).await.unwrap();
        let (list, is_claim) = match asked.kind {
            Kind::Claim => ("results", true),
            _ => ("items", false),
        };
        let items = asked.body[list].as_array().cloned();
        if is_claim {
            asked.grant(&[]);
        } else {
            asked.apply();
        }
        items.unwrap_or_default()
    }

    /// The next hand-in of all; claims that bring none are granted nothing.
    pub(crate) async fn next_hand_in(&mut self) -> Value {
        let next = async {
            loop {
                let items = self.next_hand_ins().await;
                if let Some(item) = items.into_iter().next() {
                    return item;
                }
            }
        };
        let next = tokio::time::timeout(PATIENCE, next).await;
        next.expect("something is handed in")
    }

    /// Whether no call of this kind waits for its answer.
    pub(crate) fn has_none(&mut self, kind: Kind) -> bool {
        self.calls.get_mut(&kind).unwrap().is_empty()
    }

    /// The bodies of all calls of a kind so far.
    pub(crate) fn heard(&self, kind: Kind) -> Vec<Value> {
        let log = self.shared.log.lock().unwrap();
        let of_kind = log.iter().filter(|(heard, _)| *heard == kind);
        of_kind.map(|(_, body)| body.clone()).collect()
    }

    /// The last heartbeat so far.
    pub(crate) fn last_beat(&self) -> Value {
        self.heard(Kind::Heartbeat).pop().unwrap_or_default()
    }

    /// Tells the next heartbeat of these.
    pub(crate) fn tell(&self, orders: &[Value], lost: &[Value]) {
        let news = json!({"remainingMs": 600_000, "orders": orders, "lost": lost, "verdicts": []});
        *self.shared.news.lock().unwrap() = Some((200, news));
    }

    /// Tells the next heartbeat that its session is over.
    pub(crate) fn end_session(&self) {
        let problem = json!({"code": "session_expired", "detail": "register anew"});
        *self.shared.news.lock().unwrap() = Some((410, problem));
    }

    /// All stop reports so far: stage and way to end.
    pub(crate) fn stages(&self) -> Vec<(String, Value)> {
        let items = self.heard(Kind::Stops).into_iter().flat_map(|body| {
            let items = body["items"].as_array().cloned();
            items.unwrap_or_default()
        });
        items
            .map(|item| {
                (
                    item["stage"].as_str().unwrap().to_owned(),
                    item["how"].clone(),
                )
            })
            .collect()
    }
}

impl Asked {
    pub(crate) fn answer(self, body: Value) {
        self.answer_with(200, body);
    }

    pub(crate) fn answer_with(self, status: u16, body: Value) {
        self.reply.send(Reply::Json(status, body)).ok().unwrap();
    }

    /// The worker never learns what became of the call.
    pub(crate) fn lose_the_answer(self) {
        self.reply.send(Reply::Lost).ok().unwrap();
    }

    /// Answers a registration.
    pub(crate) fn open_session(self, id: i64, heartbeat_ms: u64) {
        let answer = json!({"sessionId": id, "token": token(7), "leaseMs": 600_000,
            "heartbeatMs": heartbeat_ms});
        self.answer_with(201, answer);
    }

    /// Answers a claim with these grants and takes all its hand-ins.
    pub(crate) fn grant(self, grants: &[Value]) {
        let answer = json!({"claimSeq": self.body["claimSeq"], "grants": grants,
            "verdicts": applied(&self.body["results"]), "remainingMs": 600_000});
        self.answer(answer);
    }

    /// Takes all items.
    pub(crate) fn apply(self) {
        let answer = json!({"verdicts": applied(&self.body["items"])});
        self.answer(answer);
    }

    /// Says this of all items.
    pub(crate) fn say(self, word: &str) {
        let mut verdicts = applied(&self.body["items"]);
        for verdict in &mut verdicts {
            verdict["verdict"] = json!(word);
        }
        self.answer(json!({ "verdicts": verdicts }));
    }

    /// Opens the stream of orders.
    pub(crate) fn stream(self) -> mpsc::UnboundedSender<Value> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.reply.send(Reply::Orders(receiver)).ok().unwrap();
        sender
    }
}

/// A grant of the first attempt of an execution.
pub(crate) fn grant(execution: i64, kind: &str, payload: &Value) -> Value {
    json!({"executionId": execution, "attempt": 1, "token": token(execution), "type": kind,
        "payload": payload, "reference": null, "queue": "default", "attemptCount": 1,
        "maxAttempts": 3, "attemptTimeoutMs": null, "cancelGraceMs": 10_000,
        "scheduledFor": "2026-01-01T00:00:00.000Z", "deadline": null})
}

/// The same of a cleanup after this one, which was canceled in its second attempt.
pub(crate) fn cleanup(execution: i64, canceled: i64, kind: &str, payload: &Value) -> Value {
    let mut grant = grant(execution, kind, payload);
    grant["cleanupOf"] = json!({"executionId": canceled, "attempt": 2, "cause": "USER",
        "requestedAt": "2026-01-01T00:00:00.000Z", "requestedBy": "ann", "reason": "no \"longer\"",
        "stop": "STOPPED", "how": "killed", "progress": {"attempt": 2, "percent": 40,
        "message": null, "at": "2026-01-01T00:00:00.000Z"}});
    grant
}

/// An order to stop that attempt.
pub(crate) fn order(execution: i64) -> Value {
    json!({"executionId": execution, "attempt": 1, "token": token(execution), "cause": "USER",
        "graceMs": 10_000})
}

/// How a worker names that attempt.
pub(crate) fn named(execution: i64) -> Value {
    json!({"executionId": execution, "attempt": 1})
}

fn token(execution: i64) -> String {
    format!("{execution:032x}")
}

fn applied(items: &Value) -> Vec<Value> {
    let items = items.as_array().cloned().unwrap_or_default();
    let verdict = |item: Value| {
        json!({"executionId": item["executionId"], "attempt": item["attempt"],
            "verdict": "applied", "status": null})
    };
    items.into_iter().map(verdict).collect()
}

fn kind(method: &Method, path: &str) -> Kind {
    match path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
        ["v1", "workers"] => Kind::Register,
        ["v1", "workers", _, "claims"] => Kind::Claim,
        ["v1", "workers", _, "results"] => Kind::Results,
        ["v1", "workers", _, "starts"] => Kind::Starts,
        ["v1", "workers", _, "stops"] => Kind::Stops,
        ["v1", "workers", _, "heartbeat"] => Kind::Heartbeat,
        ["v1", "workers", _, "orders"] => Kind::Orders,
        ["v1", "workers", _] if method == Method::DELETE => Kind::Goodbye,
        _ => panic!("no call of a worker: {method} {path}"),
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let kind = kind(&parts.method, parts.uri.path());
    let bytes = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    shared.log.lock().unwrap().push((kind, body.clone()));
    let reply = match shared.scripted.get(&kind) {
        Some(test) => {
            let (reply, answer) = oneshot::channel();
            test.send(Asked { kind, body, reply }).ok().unwrap();
            answer.await
        }
        None => Ok(usual(&shared, kind, &body).await),
    };
    match reply {
        Ok(Reply::Json(status, body)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, Json(body)).into_response()
        }
        Ok(Reply::Orders(orders)) => Sse::new(stream::unfold(orders, next_order)).into_response(),
        Ok(Reply::Lost) | Err(_) => {
            let broken = Err::<Bytes, _>(io::Error::other("lost"));
            Response::new(Body::from_stream(stream::iter([broken])))
        }
    }
}

async fn next_order(
    mut orders: mpsc::UnboundedReceiver<Value>,
) -> Option<(Result<Event, Infallible>, mpsc::UnboundedReceiver<Value>)> {
    let order = orders.recv().await?;
    let event = Event::default().event("stop").json_data(order).unwrap();
    Some((Ok(event), orders))
}

async fn usual(shared: &Shared, kind: Kind, body: &Value) -> Reply {
    match kind {
        Kind::Register => {
            let log = shared.log.lock().unwrap();
            let lives = log.iter().filter(|(heard, _)| *heard == kind).count();
            let answer = json!({"sessionId": lives, "token": token(7), "leaseMs": shared.lease_ms,
                "heartbeatMs": shared.heartbeat_ms});
            Reply::Json(201, answer)
        }
        // Nothing to do, for ever.
        Kind::Claim | Kind::Orders => std::future::pending().await,
        Kind::Results | Kind::Starts | Kind::Stops => {
            Reply::Json(200, json!({"verdicts": applied(&body["items"])}))
        }
        Kind::Heartbeat => {
            if let Some((status, news)) = shared.news.lock().unwrap().take() {
                return Reply::Json(status, news);
            }
            let answer = json!({"remainingMs": shared.lease_ms, "orders": [], "lost": [],
                "verdicts": applied(&body["stops"])});
            Reply::Json(200, answer)
        }
        Kind::Goodbye => Reply::Json(204, Value::Null),
    }
}
