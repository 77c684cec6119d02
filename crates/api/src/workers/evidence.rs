//! What a worker says about the end of an attempt, for people: cut to its limits and never refused.
//!
//! A long error message must not cost the result of an attempt.

use serde::{Deserialize, Serialize};
use taskpilot_domain::limits::{
    ERROR_CODE_CHARS_MAX, ERROR_MESSAGE_CHARS_MAX, OUTPUT_TAIL_BYTES_DEFAULT, REASON_CHARS_MAX,
};
use utoipa::ToSchema;

use crate::executions::{Evidence, Failure, OutputTail};

/// A failure, as a worker sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailureBody {
    /// A short code; cut at 64 characters.
    pub code: String,
    /// What happened, for people; cut at 2,000 characters.
    #[serde(default)]
    pub message: String,
    /// Whether another attempt could help; yes unless told otherwise.
    #[serde(default = "yes")]
    pub retryable: bool,
}

impl Default for FailureBody {
    fn default() -> Self {
        Self {
            code: String::new(),
            message: String::new(),
            retryable: yes(),
        }
    }
}

fn yes() -> bool {
    true
}

impl FailureBody {
    /// The failure within its limits.
    pub fn cut(self) -> Failure {
        Failure {
            code: head(self.code, ERROR_CODE_CHARS_MAX),
            message: head(self.message, ERROR_MESSAGE_CHARS_MAX),
            retryable: self.retryable,
        }
    }
}

/// The end of an output, as a worker sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OutputBody {
    /// End of the standard output; all but the last 64 KiB is cut.
    pub stdout: String,
    /// End of the standard error; all but the last 64 KiB is cut.
    pub stderr: String,
    /// Whether more was written to the standard output before.
    pub stdout_truncated: bool,
    /// Whether more was written to the standard error before.
    pub stderr_truncated: bool,
}

impl OutputBody {
    /// The output within its limits.
    pub fn cut(self) -> OutputTail {
        let (stdout, out_cut) = tail(self.stdout);
        let (stderr, err_cut) = tail(self.stderr);
        OutputTail {
            stdout,
            stderr,
            stdout_truncated: self.stdout_truncated || out_cut,
            stderr_truncated: self.stderr_truncated || err_cut,
        }
    }
}

/// What was seen of the end of a process tree, as a worker sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EvidenceBody {
    /// Processes that were signaled: the program and its tree where it was stopped, else what it left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swept: Option<u32>,
    /// What answered that nothing is left: `waitpid`, `cgroup`, `journal` or `handler`; cut at 64
    /// characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// Anything else for people; cut at 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl EvidenceBody {
    /// The evidence within its limits.
    pub fn cut(self) -> Evidence {
        Evidence {
            swept: self.swept,
            proof: self.proof.map(|proof| head(proof, ERROR_CODE_CHARS_MAX)),
            detail: self.detail.map(|detail| head(detail, REASON_CHARS_MAX)),
            overdue: None,
        }
    }
}

fn head(text: String, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

/// The last bytes of a text, from a character on, and whether any were cut.
fn tail(text: String) -> (String, bool) {
    let from = text.len().saturating_sub(OUTPUT_TAIL_BYTES_DEFAULT);
    if from == 0 {
        return (text, false);
    }
    (text[text.ceil_char_boundary(from)..].to_owned(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "é".repeat(OUTPUT_TAIL_BYTES_DEFAULT);
        let odd = format!("{text}x");
        assert_eq!(
            tail(text),
            ("é".repeat(OUTPUT_TAIL_BYTES_DEFAULT / 2), true)
        );
        assert_eq!(tail(odd).0.len(), OUTPUT_TAIL_BYTES_DEFAULT - 1);
        assert_eq!(head("éa".repeat(100), 3), "éaé");
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        assert!(serde_json::from_str::<FailureBody>(r#"{"code":"x","retriable":false}"#).is_err());
    }
}
