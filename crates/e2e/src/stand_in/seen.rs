//! A request as a stand-in saw it.

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::AsyncBufRead;

use crate::http1::{self, Unframed};

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

impl Seen {
    /// Reads a request whole; `None` where the caller closed instead.
    pub(crate) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Self>> {
        let Some(head) = http1::read_head(stream).await? else {
            return Ok(None);
        };
        let mut words = head.start_line.split(' ');
        let (method, path) = words
            .next()
            .zip(words.next())
            .context("not a request line")?;
        let (method, path) = (method.to_owned(), path.to_owned());
        let body = http1::read_body(stream, &head.headers, Unframed::Empty).await?;
        Ok(Some(Self {
            method,
            path,
            headers: head.headers,
            body,
        }))
    }

    /// Whether it creates an execution.
    pub fn is_create(&self) -> bool {
        self.method == "POST" && self.path == "/tasks"
    }

    /// Whether it cancels an execution.
    pub fn is_cancel(&self) -> bool {
        self.method == "PUT" && self.path.ends_with("/cancel")
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).context("a body that is no JSON")
    }
}
