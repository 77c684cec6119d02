//! One HTTP connection that is used again and again: a generator that costs as little as it can.

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use taskpilot_api::headers;
use tokio::net::TcpStream;

use crate::clock::now_ns;

/// Time without a call after which a connection is opened anew, well before a server closes it: no
/// call of a measurement finds it closed.
const FRESH_NS: u64 = 5_000_000_000;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    url: String,
    used_ns: u64,
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

impl Connection {
    /// Connects to an address such as `http://127.0.0.1:8080`.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        let opened = connect(host(&url)?).await;
        let sender = opened.with_context(|| format!("no connection to {url}"))?;
        Ok(Self {
            sender,
            url,
            used_ns: now_ns(),
        })
    }

    /// Opens it anew if it was idle for long. Each call does so; whoever is about to take the time of
    /// one does it before.
    pub(crate) async fn refresh(&mut self) -> Result<()> {
        if now_ns() - self.used_ns > FRESH_NS {
            *self = Self::open(&self.url).await?;
        }
        Ok(())
    }

    /// Sends one call and reads its answer, which is a success: any other ends a measurement.
    pub(crate) async fn call(&mut self, call: Call) -> Result<Bytes> {
        self.refresh().await?;
        let (method, path) = (call.method.clone(), call.path.clone());
        let name = || format!("{method} {}{path}", self.url);
        let (status, body) = exchange(&mut self.sender, host(&self.url)?, call)
            .await
            .map_err(plain)
            .with_context(|| format!("{} was not answered", name()))?;
        if !status.is_success() {
            let body = String::from_utf8_lossy(&body);
            bail!("{} was answered with {status}: {body}", name());
        }
        self.used_ns = now_ns();
        Ok(body)
    }
}

/// The part of an address that is neither scheme nor path.
fn host(url: &str) -> Result<&str> {
    let host = url.strip_prefix("http://");
    host.with_context(|| format!("a server address is like http://127.0.0.1:8080, not {url:?}"))
}

async fn connect(host: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // How a connection ends is seen by the call that it ends under.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    host: &str,
    call: Call,
) -> Result<(StatusCode, Bytes)> {
    let mut request = Request::builder()
        .method(call.method)
        .uri(call.path)
        .header("host", host)
        .header("content-type", "application/json");
    if let Some(token) = call.token {
        request = request.header(headers::SESSION_TOKEN, token);
    }
    if let Some(key) = call.key {
        request = request.header(headers::IDEMPOTENCY_KEY, key);
    }
    let request = request.body(Full::new(Bytes::from(call.body)))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, body))
}

/// In words for people: what the library says of a closed connection is of its own channels.
fn plain(error: anyhow::Error) -> anyhow::Error {
    let closed = error.downcast_ref::<hyper::Error>().is_some_and(|error| {
        error.is_closed() || error.is_canceled() || error.is_incomplete_message()
    });
    if closed {
        anyhow!("the server closed the connection")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::limits::HEADER_READ_MS;

    use super::*;
    use crate::stand_in::StandIn;

    #[tokio::test]
    async fn a_connection_that_was_idle_is_opened_anew_before_the_server_closes_it() {
        const { assert!(FRESH_NS * 2 <= HEADER_READ_MS * 1_000_000) };
        let server = StandIn::start("{}").await;
        let mut connection = Connection::open(&server.url).await.unwrap();
        for connections in [1, 1, 2] {
            let call = Call::new(Method::GET, "/tasks/1");
            assert_eq!(connection.call(call).await.unwrap(), "{}");
            assert_eq!(server.connections(), connections);
            if server.calls() == 2 {
                connection.used_ns -= FRESH_NS;
            }
        }
    }

    #[tokio::test]
    async fn an_error_names_the_call_that_failed() {
        let server = StandIn::start("").await;
        let mut connection = Connection::open(&server.url).await.unwrap();
        let call = Call::new(Method::PUT, "/tasks/7/cancel");
        let error = connection.call(call).await.unwrap_err();
        let url = &server.url;
        let expected =
            format!("PUT {url}/tasks/7/cancel was not answered: the server closed the connection");
        assert_eq!(format!("{error:#}"), expected);
    }
}
