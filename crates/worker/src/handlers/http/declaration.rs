//! A call as the operator wrote it, and the checks that make it one that can be made.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Method;
use serde::Deserialize;
use taskpilot_domain::limits::{ATTEMPT_TIMEOUT_MS_MAX, RESULT_BYTES_MAX};

use super::allow::AllowList;
use super::handler::{Body, HttpHandler, Timing};
use super::headers::Headers;
use super::response::{ResultKind, Rules, Statuses};
use super::target::Target;
use crate::handlers::parameters::Parameters;
use crate::limits::{HTTP_CONNECT_MS, HTTP_TIMEOUT_MS};

/// What a `[[handler]]` of `kind = "http"` says of its call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::handlers) struct HttpDeclaration {
    url: String,
    #[serde(default)]
    method: Verb,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    environment_headers: BTreeMap<String, String>,
    body: Option<Body>,
    timeout_ms: Option<u64>,
    connect_timeout_ms: Option<u64>,
    response_bytes_max: Option<usize>,
    #[serde(default)]
    expect: Vec<String>,
    #[serde(default)]
    result: ResultKind,
}

/// The methods that make sense here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    Delete,
    Get,
    Patch,
    #[default]
    Post,
    Put,
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Self::Delete => Method::DELETE,
            Self::Get => Method::GET,
            Self::Patch => Method::PATCH,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
        }
    }

    /// What such a request carries where nothing is said.
    fn body(self) -> Body {
        match self {
            Self::Delete | Self::Get => Body::None,
            Self::Patch | Self::Post | Self::Put => Body::Payload,
        }
    }
}

impl HttpDeclaration {
    /// Checks it, for payloads of this schema, against what the operator lets calls reach.
    pub(in crate::handlers) fn check(
        self,
        allow: &Arc<AllowList>,
        parameters: Option<Arc<Parameters>>,
    ) -> Result<HttpHandler, String> {
        let target = Target::parse(&self.url)?;
        if !allow.has(&target.origin) {
            return Err(format!(
                "url: {} is not in [http] allow: put its origin there",
                target.origin.authority
            ));
        }
        let headers = Headers::check(&self.headers, &self.environment_headers)
            .map_err(|error| format!("headers: {error}"))?;
        for name in target.parameters().chain(headers.parameters()) {
            match &parameters {
                Some(parameters) => parameters.check_always_there(name)?,
                None => return Err(format!("{{{name}}} needs a schema: parameters = {{…}}")),
            }
        }
        let timing = Timing {
            total_ms: in_range("timeout_ms", self.timeout_ms, HTTP_TIMEOUT_MS)?,
            connect_ms: in_range(
                "connect_timeout_ms",
                self.connect_timeout_ms,
                HTTP_CONNECT_MS,
            )?,
        };
        let bytes_max = self.response_bytes_max.unwrap_or(RESULT_BYTES_MAX);
        if bytes_max > RESULT_BYTES_MAX {
            return Err(format!("response_bytes_max is at most {RESULT_BYTES_MAX}"));
        }
        Ok(HttpHandler {
            target,
            method: self.method.method(),
            headers,
            parameters,
            body: self.body.unwrap_or_else(|| self.method.body()),
            timing,
            rules: Rules {
                expected: Statuses::parse(&self.expect)?,
                bytes_max,
                result: self.result,
            },
            allow: allow.clone(),
        })
    }
}

fn in_range(name: &str, value: Option<u64>, default: u64) -> Result<u64, String> {
    let value = value.unwrap_or(default);
    if (1..=ATTEMPT_TIMEOUT_MS_MAX).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{name} is from 1 to {ATTEMPT_TIMEOUT_MS_MAX}"))
    }
}
