//! One HTTP connection that is used again and again: a generator that costs as little as it can.

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use taskpilot_api::headers;
use tokio::net::TcpStream;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

/// What is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    /// The token of a session.
    pub(crate) token: Option<String>,
    /// Makes a create repeatable.
    pub(crate) key: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            ..Self::default()
        }
    }

    pub(crate) fn json(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl Answer {
    /// An answer other than a success ends a measurement.
    pub(crate) fn success(self) -> Result<Bytes> {
        ensure!(
            self.status.is_success(),
            "the server answered {}: {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        Ok(self.body)
    }
}

impl Connection {
    /// Connects to an address such as `http://127.0.0.1:8080`.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let host = url
            .strip_prefix("http://")
            .with_context(|| {
                format!("a server address is like http://127.0.0.1:8080, not {url:?}")
            })?
            .trim_end_matches('/');
        let stream = TcpStream::connect(host)
            .await
            .with_context(|| format!("no connection to {url}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // How a connection ends is seen by the call that it ends under.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            sender,
            host: host.to_owned(),
        })
    }

    /// Sends one call and reads its answer.
    pub(crate) async fn send(&mut self, call: Call) -> Result<Answer> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.path)
            .header("host", &self.host)
            .header("content-type", "application/json");
        if let Some(token) = call.token {
            request = request.header(headers::SESSION_TOKEN, token);
        }
        if let Some(key) = call.key {
            request = request.header(headers::IDEMPOTENCY_KEY, key);
        }
        let request = request.body(Full::new(Bytes::from(call.body)))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}
