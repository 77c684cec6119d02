//! A program as a handler: from the payload to the exact arguments, environment and input.

use std::collections::BTreeMap;
use std::path::PathBuf;

use taskpilot_api::json::JsonText;
use taskpilot_api::workers::{FailureBody, Grant, OutputBody};
use taskpilot_domain::limits::OUTPUT_TAIL_BYTES_DEFAULT;

use super::argv::Arguments;
use super::handler::Command;
use super::judge::Judgement;
use crate::spec::ResourceLimits;
use crate::wire::{Ended, OutputTail};

/// A program that an operator declared, checked.
#[derive(Debug)]
pub(crate) struct CommandHandler {
    /// An absolute path.
    pub(super) program: String,
    pub(super) arguments: Arguments,
    /// Without what every attempt adds.
    pub(super) environment: BTreeMap<String, String>,
    pub(super) directory: PathBuf,
    pub(super) limits: ResourceLimits,
    pub(super) stdin: Stdin,
    pub(super) output_tail_bytes: usize,
    pub(super) timeout_ms: Option<u64>,
    pub(super) grace_ms: Option<u64>,
    pub(super) judgement: Judgement,
}

/// What the program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stdin {
    /// The payload, as the JSON text it is.
    #[default]
    Payload,
    /// Nothing.
    None,
}

impl CommandHandler {
    /// One run of the program for a grant.
    pub(super) fn prepare(&self, grant: &Grant) -> Result<Command, FailureBody> {
        let mut argv = vec![self.program.clone()];
        argv.extend(self.arguments.render(&grant.payload).map_err(invalid)?);
        Ok(Command {
            argv,
            environment: self.environment_for(grant),
            directory: self.directory.clone(),
            limits: self.limits,
            stdin: self.stdin.bytes(&grant.payload),
            output_tail_bytes: self.output_tail_bytes,
            timeout_ms: self.timeout_ms,
        })
    }

    pub(super) fn grace_ms(&self) -> Option<u64> {
        self.grace_ms
    }

    pub(super) fn timeout_ms(&self) -> Option<u64> {
        self.timeout_ms
    }

    pub(super) fn judge(&self, ended: &Ended) -> Result<JsonText, FailureBody> {
        self.judgement.of(ended, self.keeps())
    }

    pub(super) fn output(&self, stdout: OutputTail, stderr: OutputTail) -> OutputBody {
        OutputBody {
            stdout_truncated: stdout.bytes > self.keeps(),
            stderr_truncated: stderr.bytes > self.keeps(),
            stdout: stdout.text,
            stderr: stderr.text,
        }
    }

    /// Bytes that are kept of each output.
    fn keeps(&self) -> u64 {
        let keeps = self.output_tail_bytes.min(OUTPUT_TAIL_BYTES_DEFAULT);
        u64::try_from(keeps).unwrap_or(u64::MAX)
    }

    fn environment_for(&self, grant: &Grant) -> BTreeMap<String, String> {
        let mut environment = self.environment.clone();
        let canceled = grant.cleanup_of.as_ref();
        let about = [
            ("EXECUTION_ID", Some(grant.execution_id.to_string())),
            ("ATTEMPT", Some(grant.attempt.to_string())),
            ("TYPE", Some(grant.r#type.clone())),
            ("REFERENCE", grant.reference.clone()),
            ("DEADLINE", grant.deadline.map(|at| at.to_string())),
            ("CLEANUP_OF", canceled.map(|of| of.execution_id.to_string())),
        ];
        for (name, value) in about {
            // A reference is any text, a variable is none with a NUL in it.
            if let Some(value) = value.filter(|value| !value.contains('\0')) {
                environment.insert(format!("TASKPILOT_{name}"), value);
            }
        }
        environment
    }
}

impl Stdin {
    fn bytes(self, payload: &JsonText) -> Vec<u8> {
        match self {
            Self::Payload => payload.as_str().as_bytes().to_vec(),
            Self::None => Vec::new(),
        }
    }
}

/// Another attempt would get the same payload.
pub(super) fn invalid(message: String) -> FailureBody {
    FailureBody {
        code: "invalid_payload".to_owned(),
        message,
        retryable: false,
    }
}
