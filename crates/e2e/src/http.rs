//! A raw HTTP client: it sends exactly what a test says, once, and hands back exactly what came.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http1::{self, Head, Headers, Unframed};

/// Longer than any answer may take: five seconds overall, plus the longest wait that a test asks for.
const PATIENCE: Duration = Duration::from_secs(40);

/// The members that every problem document has.
const PROBLEM_MEMBERS: [&str; 8] = [
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "retryable",
    "requestId",
];

/// A server, by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http {
    address: SocketAddr,
}

/// A request that is being put together.
#[derive(Debug, Clone)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
    /// The path that was asked for.
    path: String,
}

impl Http {
    /// The server at an address.
    pub fn at(address: SocketAddr) -> Self {
        Self { address }
    }

    /// The server of a URL such as `http://127.0.0.1:8081`.
    pub fn of_url(url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").context("not an http URL")?;
        let address = address.trim_end_matches('/').parse();
        Ok(Self::at(address.with_context(|| {
            format!("{url} is not an address and a port")
        })?))
    }

    /// Its address.
    pub fn address(self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a slash at the end.
    pub fn url(self) -> String {
        format!("http://{}", self.address)
    }

    /// A `GET`.
    pub fn get(self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// A `POST` without a body.
    pub fn post(self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// A `PUT` without a body.
    pub fn put(self, path: &str) -> Call {
        self.call("PUT", path)
    }

    /// Any request.
    pub fn call(self, method: &str, path: &str) -> Call {
        Call {
            address: self.address,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// A connection for bytes that are no request.
    pub async fn connect(self) -> Result<TcpStream> {
        TcpStream::connect(self.address)
            .await
            .with_context(|| format!("failed to connect to {}", self.address))
    }
}

impl Call {
    /// Adds a header. `Host`, `Content-Length` and `Connection` replace those sent otherwise.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends a JSON value as `application/json`.
    pub fn json(self, value: &Value) -> Self {
        self.json_text(value.to_string())
    }

    /// Sends a text as `application/json`, whatever it is.
    pub fn json_text(self, text: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", "application/json").body(text)
    }

    /// Sends bytes, without a content type unless one is named.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends the request on a connection of its own and reads the answer.
    pub async fn send(self) -> Result<Reply> {
        let what = format!("{} {}{}", self.method, self.address, self.path);
        let reply = timeout(PATIENCE, self.exchange());
        reply
            .await
            .with_context(|| format!("{what}: no answer within {PATIENCE:?}"))?
            .with_context(|| format!("{what} failed"))
    }

    async fn exchange(self) -> Result<Reply> {
        let stream = TcpStream::connect(self.address)
            .await
            .context("failed to connect")?;
        let (reading, mut writing) = stream.into_split();
        let mut reading = BufReader::new(reading);
        let (head, body) = (self.head(), self.body.unwrap_or_default());
        let write = async {
            writing.write_all(head.as_bytes()).await?;
            writing.write_all(&body).await?;
            writing.flush().await
        };
        // A server may answer and close before it has read all: that answer counts.
        let (_, read): (std::io::Result<()>, _) = tokio::join!(write, read_reply(&mut reading));
        let (head, body) = read?;
        Ok(Reply {
            status: status_of(&head)?,
            headers: head.headers,
            body,
            path: self.path,
        })
    }

    fn head(&self) -> String {
        let mut headers = self.headers.clone();
        let mut otherwise = |name: &str, value: String| {
            if http1::header(&headers, name).is_none() {
                headers.push((name.to_owned(), value));
            }
        };
        otherwise("Host", self.address.to_string());
        otherwise("Connection", "close".to_owned());
        if let Some(body) = &self.body {
            otherwise("Content-Length", body.len().to_string());
        } else if self.method != "GET" {
            otherwise("Content-Length", "0".to_owned());
        }
        let lines = http1::header_lines(&headers);
        format!("{} {} HTTP/1.1\r\n{lines}\r\n", self.method, self.path)
    }
}

async fn read_reply<R>(stream: &mut BufReader<R>) -> Result<(Head, Vec<u8>)>
where
    R: tokio::io::AsyncRead + Unpin,
{
    loop {
        let head = http1::read_head(stream).await?;
        let head = head.context("the connection was closed without an answer")?;
        let status = status_of(&head)?;
        if status == 204 || status == 304 {
            return Ok((head, Vec::new()));
        }
        // 100 Continue and its like come before the answer.
        if status >= 200 {
            let body = http1::read_body(stream, &head.headers, Unframed::UntilClose).await?;
            return Ok((head, body));
        }
    }
}

fn status_of(head: &Head) -> Result<u16> {
    let mut words = head.start_line.split(' ');
    let version = words.next().unwrap_or_default();
    ensure!(
        version.starts_with("HTTP/1."),
        "not an answer of HTTP: {}",
        head.start_line
    );
    words
        .next()
        .and_then(|word| word.parse().ok())
        .context("an answer without a status")
}

impl Reply {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers: &Headers = &self.headers;
        http1::header(headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// This reply, if it has the status.
    pub fn expect(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "{}: {status} expected, but it was {}: {}",
            self.path,
            self.status,
            self.text()
        );
        Ok(self)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{}: not JSON: {}", self.path, self.text()))
    }

    /// The problem document of this reply, whole and with this code.
    pub fn problem(&self, status: u16, code: &str) -> Result<Value> {
        let problem = self.any_problem()?;
        ensure!(
            self.status == status && problem["code"] == code,
            "{}: {status} {code} expected, but it was {}: {problem}",
            self.path,
            self.status
        );
        Ok(problem)
    }

    /// The problem document of this reply, whole: every answer that is no success has one.
    pub fn any_problem(&self) -> Result<Value> {
        let media_type = self.header("content-type").unwrap_or_default();
        if self.status < 400 || media_type.split(';').next() != Some("application/problem+json") {
            bail!(
                "{}: no problem but {} {media_type}: {}",
                self.path,
                self.status,
                self.text()
            );
        }
        let problem = self.json()?;
        for member in PROBLEM_MEMBERS {
            ensure!(
                problem.get(member).is_some(),
                "{}: no {member} in {problem}",
                self.path
            );
        }
        for member in ["type", "title", "detail", "code", "requestId"] {
            let text = problem[member].as_str().unwrap_or_default();
            ensure!(
                !text.is_empty(),
                "{}: an empty {member} in {problem}",
                self.path
            );
        }
        ensure!(
            problem["status"] == self.status,
            "{}: another status in {problem}",
            self.path
        );
        ensure!(
            problem["retryable"].is_boolean(),
            "{}: retryable in {problem}",
            self.path
        );
        let path = self.path.split('?').next().unwrap_or_default();
        ensure!(
            problem["instance"] == path,
            "{path}: another instance in {problem}"
        );
        Ok(problem)
    }
}
