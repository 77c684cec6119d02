//! A service with a route of every kind, and a client that can break the rules.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use taskpilot_api::health::{Check, Readiness};
use taskpilot_api::problem::Problem;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::clock::ManualClock;
use taskpilot_server::context::{Forwarding, RequestContext};
use taskpilot_server::edge::Edge;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{JsonBody, OptionalJsonBody, PathId, Patience, Query};
use taskpilot_server::health::{Probe, livez};
use taskpilot_server::listener::Listener;
use taskpilot_server::permission::Permission;
use taskpilot_server::routes::{Route, Table};
use taskpilot_server::settings::Settings;
use taskpilot_server::shutdown::Shutdown;
use taskpilot_server::waiting::Waits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Echo {
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    limit: Option<u32>,
}

const LARGE: usize = 64 * 1024 * 1024;

pub(crate) fn table() -> Table<()> {
    let any = Permission::Everybody;
    Table::new([
        Route::post(
            "/echo",
            "echo",
            any,
            async |JsonBody(echo): JsonBody<Echo>| Json(echo),
        ),
        Route::put(
            "/echo",
            "echoDefault",
            any,
            async |OptionalJsonBody(echo): OptionalJsonBody<Echo>| Json(echo),
        ),
        Route::get(
            "/tasks/{id}",
            "getTask",
            Permission::TasksRead,
            async |PathId(id): PathId<TaskId>| id.to_string(),
        ),
        Route::get(
            "/tasks",
            "listTasks",
            Permission::TasksRead,
            async |Query(filter): Query<Filter>| format!("{:?}", filter.limit),
        )
        .with_query(),
        Route::get("/who", "who", any, async |context: RequestContext| {
            format!(
                "{} {} {}",
                context.principal, context.namespace, context.request_id
            )
        }),
        Route::get("/panic", "panic", any, async || -> String {
            panic!("on purpose")
        }),
        Route::get("/raw", "raw", any, async || {
            (axum::http::StatusCode::BAD_GATEWAY, "secret")
        }),
        Route::get("/livez", "livez", any, livez),
        Route::get("/readyz", "readyz", any, async || {
            let missing = Check::unavailable("store", Timestamp::EPOCH, "full".into());
            Probe(Readiness::of(false, vec![missing]))
        }),
        Route::get("/fault", "fault", any, async || {
            ApiError::fault("secret cause")
        }),
        // More than the buffers of a connection take up.
        Route::get("/large", "large", any, async || "x".repeat(LARGE)),
        Route::get("/wait", "wait", any, wait).waits(),
        Route::get("/read", "read", any, read).waits(),
        Route::get("/waitUnlisted", "waitUnlisted", any, wait),
    ])
}

async fn wait(waits: Waits) -> Result<&'static str, ApiError> {
    let seat = waits.enter()?;
    seat.closing().await;
    Ok("closing")
}

async fn read(patience: Patience) -> &'static str {
    let Some((_, seat)) = patience.sit_down() else {
        return "at once";
    };
    seat.closing().await;
    "closing"
}

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) task: JoinHandle<()>,
}

/// Starts the service; `change` sets its bounds.
pub(crate) async fn start(change: impl FnOnce(&mut Settings)) -> Service {
    start_with(change, Forwarding::Refused).await
}

pub(crate) async fn start_with(
    change: impl FnOnce(&mut Settings),
    forwarding: Forwarding,
) -> Service {
    let mut settings = Settings::default();
    change(&mut settings);
    let shutdown = Shutdown::new(Duration::from_secs(5));
    let edge = Edge {
        settings,
        forwarding,
        response_headers: vec![(
            HeaderName::from_static("taskpilot-extensions"),
            HeaderValue::from_static("list"),
        )],
        ..Edge::new(
            Arc::new(ManualClock::at(Timestamp::EPOCH)),
            shutdown.clone(),
        )
    };
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr();
    let router = table().into_router((), edge);
    let task = tokio::spawn(listener.serve(router, settings, shutdown.clone()));
    Service {
        address,
        shutdown,
        task,
    }
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads an answer whose connection was closed behind it; `None` where nothing came.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("\r\n{name}: ");
        let (_, rest) = self.head.split_once(&start)?;
        rest.split("\r\n").next()
    }

    /// The problem document, checked to be a whole one.
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem: Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(
            problem.r#type,
            format!("urn:taskpilot:error:{}", problem.code)
        );
        problem
    }

    /// Its status and code, the short form of most expectations.
    pub(crate) fn code(&self) -> (u16, String) {
        let problem = self.problem();
        assert_eq!(
            self.header("x-request-id"),
            Some(problem.request_id.as_str())
        );
        (problem.status, problem.code)
    }
}

pub(crate) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

impl Service {
    /// Sends `lines` (a request line and headers, `Host` and `Connection: close` are added) and `body`.
    pub(crate) async fn send(&self, lines: &str, body: &str) -> Answer {
        let length = match body {
            "" => String::new(),
            body => format!("content-length: {}\r\n", body.len()),
        };
        let lines = lines.replace('\n', "\r\n");
        self.exchange(&format!(
            "{lines}\r\nhost: localhost\r\n{length}connection: close\r\n\r\n{body}"
        ))
        .await
    }

    /// Sends JSON.
    pub(crate) async fn send_json(&self, line: &str, body: &str) -> Answer {
        self.send(
            &format!("{line} HTTP/1.1\ncontent-type: application/json"),
            body,
        )
        .await
    }

    /// Sends a request without a body.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1"), "").await
    }

    /// Sends these very bytes and reads to the end of the connection.
    pub(crate) async fn exchange(&self, bytes: &str) -> Answer {
        let stream = self.open(bytes).await;
        Answer::read(&to_end(stream).await).expect("an answer")
    }

    /// A connection on which these bytes were sent.
    pub(crate) async fn open(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }
}

/// What comes until the server closes the connection.
pub(crate) async fn to_end(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let ended = tokio::time::timeout(Duration::from_secs(10), read).await;
    ended
        .expect("the server closes the connection")
        .expect("no reset");
    String::from_utf8(bytes).unwrap()
}
