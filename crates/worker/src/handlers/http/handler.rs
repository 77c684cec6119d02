//! A call as a handler: from a grant to a request that can be sent.

use std::sync::Arc;

use hyper::Method;
use serde::Deserialize;
use taskpilot_api::workers::{FailureBody, Grant};

use super::allow::AllowList;
use super::call::Call;
use super::headers::Headers;
use super::response::Rules;
use super::target::Target;
use crate::handlers::command::invalid;
use crate::handlers::function::Function;
use crate::handlers::parameters::Parameters;

/// A call that an operator declared, checked.
#[derive(Debug)]
pub(crate) struct HttpHandler {
    pub(super) target: Target,
    pub(super) method: Method,
    pub(super) headers: Headers,
    /// `None`: any payload will do.
    pub(super) parameters: Option<Arc<Parameters>>,
    pub(super) body: Body,
    pub(super) timing: Timing,
    pub(super) rules: Rules,
    pub(super) allow: Arc<AllowList>,
}

/// What the request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    /// The payload, as the JSON text it is.
    Payload,
    /// Nothing.
    None,
}

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) total_ms: u64,
    /// Of that, until the connection stands.
    pub(super) connect_ms: u64,
}

impl HttpHandler {
    /// The call for a grant.
    pub(in crate::handlers) fn prepare(&self, grant: &Grant) -> Result<Function, FailureBody> {
        let values = match &self.parameters {
            Some(parameters) => parameters.values(&grant.payload).map_err(invalid)?,
            None => Vec::new(),
        };
        let call = Arc::new(Call {
            origin: self.target.origin.clone(),
            allow: self.allow.clone(),
            method: self.method.clone(),
            path: self.target.render(&values).map_err(invalid)?,
            headers: self.headers.render(&values, grant).map_err(invalid)?,
            body: match self.body {
                Body::Payload => Some(grant.payload.clone()),
                Body::None => None,
            },
            timing: self.timing,
            rules: self.rules.clone(),
        });
        Ok(Function::of(move |context| {
            let call = call.clone();
            async move { call.make(&context).await }
        }))
    }
}
