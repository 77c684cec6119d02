//! The ways in which a stand-in answers.

use std::net::SocketAddr;

use serde_json::Value;

use super::Seen;
use crate::http1::header_lines;

/// How every request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// As the plain contract has it.
    Plain,
    /// With this, whatever was asked.
    Says(Says),
    /// With these bytes, after which the connection is closed.
    Bytes(Vec<u8>),
    /// With these bytes, after which nothing comes and the connection stays open.
    BytesAndHangs(Vec<u8>),
    /// Not at all, while the connection stays open.
    Hangs,
    /// Not at all: the connection is closed when the request was read.
    HangsUp,
    /// Not at all, after the request was carried out as the plain contract has it.
    WorksAndHangsUp,
    /// As another server answers it.
    Forwards(SocketAddr),
    /// Not at all, after the other server has answered.
    ForwardsAndHangsUp(SocketAddr),
    /// Creates in one way, everything else in another.
    Split {
        /// How creates are answered.
        creates: Box<Manner>,
        /// How the others are.
        others: Box<Manner>,
    },
}

impl Manner {
    /// Creates in this way, everything else as the plain contract has it.
    #[must_use]
    pub fn for_creates(self) -> Self {
        self.for_creates_else(Self::Plain)
    }

    /// Creates in this way, everything else in the other.
    #[must_use]
    pub fn for_creates_else(self, others: Self) -> Self {
        Self::Split {
            creates: Box::new(self),
            others: Box::new(others),
        }
    }

    /// The way for one request.
    pub(super) fn of(self, request: &Seen) -> Self {
        match self {
            Self::Split { creates, .. } if request.is_create() => creates.of(request),
            Self::Split { others, .. } => others.of(request),
            simple => simple,
        }
    }
}

/// An answer of HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Says {
    /// The status code.
    pub status: u16,
    /// Headers beside those of the framing.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Says {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a body of any bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a JSON body.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.header("Content-Type", "application/json")
            .body(value.to_string())
    }

    /// The bytes of the whole message.
    pub(super) fn message(&self) -> Vec<u8> {
        let lines = header_lines(&self.headers);
        let start = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\n", self.status);
        // 204 and 304 have no body and, of our making, no length either.
        if self.status == 204 || self.status == 304 {
            return [&start, &*lines, "\r\n"].concat().into_bytes();
        }
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        let mut message = [&start, &*lines, &length].concat().into_bytes();
        message.extend(&self.body);
        message
    }
}

impl From<Says> for Manner {
    fn from(says: Says) -> Self {
        Self::Says(says)
    }
}
