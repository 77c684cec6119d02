//! A request as a stand-in saw it.

use anyhow::{Context, Result};
use serde_json::Value;

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
