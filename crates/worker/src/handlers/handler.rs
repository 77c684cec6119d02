//! One handler, and what it makes of a grant.

use std::collections::BTreeMap;
use std::path::PathBuf;

use taskpilot_api::json::JsonText;
use taskpilot_api::workers::{FailureBody, Grant, OutputBody};

use super::command::CommandHandler;
use super::function::Function;
use super::http::HttpHandler;
use super::judge;
use crate::clock::boot_ns;
use crate::spec::ResourceLimits;
use crate::wire::{Ended, OutputTail};

/// How the work of one type is done.
#[derive(Debug)]
pub(crate) enum Handler {
    /// By a program.
    Command(CommandHandler),
    /// By code of ours that returns at once.
    InProcess(Demo),
    /// By a call of a URL.
    Http(HttpHandler),
    /// By a function of the program that the worker is part of.
    Function(Function),
}

/// What would run.
#[derive(Debug)]
pub(crate) enum Prepared {
    Command(Box<Command>),
    InProcess(InProcess),
    Function(Function),
}

/// One program run.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) argv: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) directory: PathBuf,
    pub(crate) limits: ResourceLimits,
    pub(crate) stdin: Vec<u8>,
    pub(crate) output_tail_bytes: usize,
    pub(crate) timeout_ms: Option<u64>,
}

/// Code inside the worker, with its payload.
#[derive(Debug)]
pub(crate) struct InProcess {
    demo: Demo,
    payload: JsonText,
}

/// The demos that are no programs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Demo {
    /// Returns its payload.
    Echo,
    /// Fails, each time.
    Fail,
    /// Tells when it began.
    Clock,
}

impl Handler {
    /// What a grant comes to. An error is the failure of the attempt: nothing has run.
    pub(crate) fn prepare(&self, grant: &Grant) -> Result<Prepared, FailureBody> {
        match self {
            Self::Command(handler) => {
                let command = handler.prepare(grant)?;
                Ok(Prepared::Command(Box::new(command)))
            }
            Self::InProcess(demo) => Ok(Prepared::InProcess(InProcess {
                demo: *demo,
                payload: grant.payload.clone(),
            })),
            Self::Http(handler) => Ok(Prepared::Function(handler.prepare(grant)?)),
            Self::Function(function) => Ok(Prepared::Function(function.clone())),
        }
    }

    /// From the polite signal to the kill where no order says otherwise, if it has its own.
    pub(crate) fn grace_ms(&self) -> Option<u64> {
        match self {
            Self::Command(handler) => handler.grace_ms(),
            Self::InProcess(_) | Self::Function(_) | Self::Http(_) => None,
        }
    }

    /// What a program's own end means.
    pub(crate) fn judge(&self, ended: &Ended) -> Result<JsonText, FailureBody> {
        match self {
            Self::Command(handler) => handler.judge(ended),
            Self::InProcess(_) | Self::Function(_) | Self::Http(_) => Ok(JsonText::null()),
        }
    }

    /// The failure of an attempt that was stopped because it ran longer than its handler may.
    pub(crate) fn timed_out(&self) -> FailureBody {
        let timeout_ms = match self {
            Self::Command(handler) => handler.timeout_ms(),
            Self::InProcess(_) | Self::Function(_) | Self::Http(_) => None,
        };
        judge::timed_out(timeout_ms.unwrap_or_default())
    }

    /// The ends of a program's outputs, as they are reported.
    pub(crate) fn output(&self, stdout: OutputTail, stderr: OutputTail) -> OutputBody {
        match self {
            Self::Command(handler) => handler.output(stdout, stderr),
            Self::InProcess(_) | Self::Function(_) | Self::Http(_) => OutputBody::default(),
        }
    }
}

impl InProcess {
    /// The end of the attempt.
    pub(crate) fn run(&self) -> Result<JsonText, FailureBody> {
        match self.demo {
            Demo::Echo => {
                let echo = format!("{{\"echo\":{}}}", self.payload.as_str());
                judge::result(echo)
            }
            Demo::Clock => {
                let now = boot_ns();
                judge::result(format!("{{\"bootNs\":{now}}}"))
            }
            Demo::Fail => Err(FailureBody {
                code: "demo_failure".to_owned(),
                message: "this handler fails every time".to_owned(),
                retryable: self.asks_for_retries(),
            }),
        }
    }

    fn asks_for_retries(&self) -> bool {
        let payload: Option<serde_json::Value> = self.payload.read().ok();
        payload.is_none_or(|payload| payload["retryable"] != false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(demo: Demo, payload: &str) -> Result<String, (String, bool)> {
        let payload = JsonText::from_text(payload).unwrap();
        let outcome = InProcess { demo, payload }.run();
        outcome
            .map(|result| result.as_str().to_owned())
            .map_err(|failure| (failure.code, failure.retryable))
    }

    #[test]
    fn the_echo_is_the_payload_as_it_was_written() {
        let echo = run(
            Demo::Echo,
            r#"{"n": 1.10, "big":123456789012345678901234567890}"#,
        );
        let expected = r#"{"echo":{"n": 1.10, "big":123456789012345678901234567890}}"#;
        assert_eq!(echo, Ok(expected.to_owned()));
    }

    #[test]
    fn an_echo_that_is_too_large_or_too_deep_is_a_failure() {
        let long = format!("\"{}\"", "x".repeat(256 * 1024));
        let deep = format!("{}{}", "[".repeat(61), "]".repeat(61));
        for payload in [long, deep] {
            let failure = Err(("result_too_large".to_owned(), false));
            assert_eq!(run(Demo::Echo, &payload), failure);
        }
    }

    #[test]
    fn the_failing_demo_can_be_told_that_retries_are_of_no_use() {
        let failure = |retryable| Err(("demo_failure".to_owned(), retryable));
        assert_eq!(run(Demo::Fail, "\"hello\""), failure(true));
        assert_eq!(run(Demo::Fail, r#"{"retryable": false}"#), failure(false));
    }
}
