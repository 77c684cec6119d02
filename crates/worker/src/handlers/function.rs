//! A function as a handler: code inside the worker, with a token that says when it shall end.
//!
//! Nothing can end such code from outside. What ignores its token is reported as abandoned, and
//! keeps its slot until it returns.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use taskpilot_api::json::JsonText;
use taskpilot_api::workers::FailureBody;
use tokio::task::JoinHandle;

use super::context::Context;
use super::handler::InProcess;
use super::judge;

/// Why a function did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) retryable: bool,
}

impl Failure {
    /// Another attempt may help. The code is short and for programs, the message for people.
    pub fn retryable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: true,
        }
    }

    /// No other attempt would help.
    pub fn lasting(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            retryable: false,
            ..Self::retryable(code, message)
        }
    }

    /// It ended because its token told it to.
    pub fn canceled() -> Self {
        Self::retryable("canceled", "ended as it was told to")
    }
}

impl From<FailureBody> for Failure {
    fn from(failure: FailureBody) -> Self {
        let FailureBody {
            code,
            message,
            retryable,
        } = failure;
        Self {
            code,
            message,
            retryable,
        }
    }
}

impl From<Failure> for FailureBody {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            retryable: failure.retryable,
        }
    }
}

/// What a function came to.
pub(crate) type Returned = Result<JsonText, FailureBody>;

type Start = dyn Fn(Context) -> JoinHandle<Returned> + Send + Sync;

/// A function that was registered for a type.
#[derive(Clone)]
pub(crate) struct Function {
    start: Arc<Start>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

impl Function {
    /// Of something that can wait without keeping a thread.
    pub(super) fn of<F, Fut, R>(function: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
        R: Serialize,
    {
        let function = Arc::new(function);
        let start = move |context| {
            let function = function.clone();
            // Called in its task, so that a panic in its first lines is caught too.
            tokio::spawn(async move { returned(function(context).await) })
        };
        Self {
            start: Arc::new(start),
        }
    }

    /// Of something that keeps its thread.
    pub(super) fn of_blocking<F, R>(function: F) -> Self
    where
        F: Fn(Context) -> Result<R, Failure> + Send + Sync + 'static,
        R: Serialize,
    {
        let function = Arc::new(function);
        let start = move |context| {
            let function = function.clone();
            tokio::task::spawn_blocking(move || returned(function(context)))
        };
        Self {
            start: Arc::new(start),
        }
    }

    /// Of code of ours that returns at once.
    pub(crate) fn of_code(code: InProcess) -> Self {
        Self::of(move |_| {
            let returned = code.run().map_err(Failure::from);
            async move { returned }
        })
    }

    /// Begins one run; it goes on if the handle is dropped.
    pub(crate) fn start(&self, context: Context) -> JoinHandle<Returned> {
        (self.start)(context)
    }
}

fn returned<R: Serialize>(returned: Result<R, Failure>) -> Returned {
    let result = serde_json::to_string(&returned?);
    judge::result(result.map_err(|error| FailureBody {
        code: "result_not_json".to_owned(),
        message: error.to_string(),
        retryable: false,
    })?)
}
