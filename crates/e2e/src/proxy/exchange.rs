//! What a proxy remembers of one request.

use anyhow::{Context, Result};
use serde_json::Value;

use super::fault::Fault;
use crate::stand_in::Seen;

/// More than any answer that a test reads again; of a longer one, the beginning.
const REPLY_BYTES_KEPT: usize = 256 * 1024;

/// A request and what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The request as it came.
    pub request: Seen,
    /// What went wrong.
    pub fault: Option<Fault>,
    /// What the server sent back, each time that it was asked.
    pub replies: Vec<Vec<u8>>,
    /// Whether it, or its answer, is held at the moment.
    pub is_held: bool,
    /// Whether an answer was passed on, or the beginning of a long one.
    pub is_passed: bool,
}

impl Exchange {
    pub(super) fn new(request: Seen, fault: Option<Fault>) -> Self {
        Self {
            request,
            fault,
            replies: Vec::new(),
            is_held: false,
            is_passed: false,
        }
    }

    pub(super) fn keep(&mut self, copy: usize, bytes: &[u8]) {
        if let Some(reply) = self.replies.get_mut(copy) {
            let room = REPLY_BYTES_KEPT.saturating_sub(reply.len());
            reply.extend(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Whether the server has answered, or begun to.
    pub fn is_answered(&self) -> bool {
        self.replies.iter().any(|reply| !reply.is_empty())
    }

    /// The body of an answer that is JSON of a known length.
    pub fn reply_json(&self, copy: usize) -> Result<Value> {
        let reply = self.replies.get(copy).context("it was not forwarded")?;
        let end = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let body = &reply[end.context("an answer without an end of its head")? + 4..];
        serde_json::from_slice(body).context("an answer that is no JSON")
    }
}
