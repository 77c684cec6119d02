//! What the own end of a program means: a result, or a failure that helps whoever reads it.

use taskpilot_api::json::JsonText;
use taskpilot_api::workers::FailureBody;
use taskpilot_domain::limits::RESULT_BYTES_MAX;

use crate::limits::RESULT_DEPTH_MAX;
use crate::wire::Ended;

/// The rules of one handler.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(super) result: ResultKind,
    pub(super) retries: Retries,
}

/// What the result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResultKind {
    /// Exit code and outputs.
    #[default]
    Output,
    /// The standard output, which is JSON.
    Json,
    /// Null.
    None,
}

/// After which exit codes another attempt could help.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Retries {
    /// After each but 0.
    #[default]
    Always,
    /// After these.
    Only(Vec<i32>),
    /// After each but 0 and these.
    Except(Vec<i32>),
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputResult<'a> {
    exit_code: i32,
    stdout: &'a str,
    stderr: &'a str,
    truncated: bool,
}

impl Judgement {
    /// `keeps` bytes of each output were kept.
    pub(super) fn of(&self, ended: &Ended, keeps: u64) -> Result<JsonText, FailureBody> {
        if let Some(signal) = ended.signal {
            let what = format!("the program was ended by signal {signal}");
            return Err(failure("signal", with_reason(what, ended), true));
        }
        match ended.exit_code {
            Some(0) => self.succeeded(ended, keeps),
            Some(code) => {
                let what = format!("the program ended with exit code {code}");
                let retryable = self.retries.are_of_use_after(code);
                Err(failure("exit_code", with_reason(what, ended), retryable))
            }
            None => {
                let message = "nobody saw how the program ended".to_owned();
                Err(failure("end_unknown", message, true))
            }
        }
    }

    fn succeeded(&self, ended: &Ended, keeps: u64) -> Result<JsonText, FailureBody> {
        match self.result {
            ResultKind::None => Ok(JsonText::null()),
            ResultKind::Output => Ok(output(ended, keeps)),
            ResultKind::Json if ended.stdout.bytes > keeps => {
                let message = format!("the standard output has more than {keeps} bytes");
                Err(failure("result_not_json", message, false))
            }
            ResultKind::Json => {
                let text = ended.stdout.text.trim();
                // The parser's own text shows nothing of what it read.
                if let Err(error) = JsonText::from_text(text) {
                    let message = format!("the standard output is not JSON: {error}");
                    return Err(failure("result_not_json", message, false));
                }
                result(text.to_owned())
            }
        }
    }
}

impl Retries {
    fn are_of_use_after(&self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::Only(codes) => codes.contains(&code),
            Self::Except(codes) => !codes.contains(&code),
        }
    }
}

/// JSON text as a result, if the scheduler takes it.
pub(super) fn result(text: String) -> Result<JsonText, FailureBody> {
    let too_large = |message: String| failure("result_too_large", message, false);
    if text.len() > RESULT_BYTES_MAX {
        let message = format!("the result has more than {RESULT_BYTES_MAX} bytes");
        return Err(too_large(message));
    }
    if depth(&text) > RESULT_DEPTH_MAX {
        let message = format!("the result nests deeper than {RESULT_DEPTH_MAX}");
        return Err(too_large(message));
    }
    JsonText::from_text(text).map_err(|error| failure("result_not_json", error.to_string(), false))
}

pub(super) fn timed_out(timeout_ms: u64) -> FailureBody {
    let message = format!("the handler allows {timeout_ms} ms");
    failure("attempt_timed_out", message, true)
}

/// The outputs as they are kept, shortened further if they are too long as JSON.
fn output(ended: &Ended, keeps: u64) -> JsonText {
    let (mut stdout, mut stderr) = (ended.stdout.text.as_str(), ended.stderr.text.as_str());
    let mut truncated = ended.stdout.bytes > keeps || ended.stderr.bytes > keeps;
    loop {
        let result = OutputResult {
            exit_code: ended.exit_code.unwrap_or_default(),
            stdout,
            stderr,
            truncated,
        };
        let text = JsonText::of(&result).expect("invariant: a result is plain data");
        if text.byte_len() <= RESULT_BYTES_MAX {
            return text;
        }
        truncated = true;
        let longer = if stdout.len() >= stderr.len() {
            &mut stdout
        } else {
            &mut stderr
        };
        *longer = &longer[longer.ceil_char_boundary(longer.len() / 2)..];
    }
}

/// The last thing that a program says before it fails is mostly the reason.
fn with_reason(what: String, ended: &Ended) -> String {
    let mut lines = ended.stderr.text.lines().map(str::trim);
    match lines.rfind(|line| !line.is_empty()) {
        Some(line) => format!("{what}: {line}"),
        None => what,
    }
}

fn failure(code: &str, message: String, retryable: bool) -> FailureBody {
    FailureBody {
        code: code.to_owned(),
        message,
        retryable,
    }
}

/// How deep brackets nest outside strings.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::stop::{Containment, How};

    use super::*;
    use crate::clock::BootInstant;
    use crate::wire::OutputTail;

    fn ended(exit_code: i32, stdout: &str, stderr: &str) -> Ended {
        let tail = |text: &str| OutputTail {
            text: text.to_owned(),
            bytes: text.len().try_into().unwrap(),
        };
        Ended {
            how: How::Finished,
            cause: None,
            containment: Containment::Subreaper,
            exit_code: Some(exit_code),
            signal: None,
            swept: 0,
            stdout: tail(stdout),
            stderr: tail(stderr),
            start_error: None,
            at: BootInstant::default(),
        }
    }

    fn judged(judgement: &Judgement, ended: &Ended) -> Result<String, (String, String, bool)> {
        let outcome = judgement.of(ended, 64 * 1024);
        outcome
            .map(|result| result.as_str().to_owned())
            .map_err(|failure| (failure.code, failure.message, failure.retryable))
    }

    fn failed(
        code: &str,
        message: &str,
        retryable: bool,
    ) -> Result<String, (String, String, bool)> {
        Err((code.to_owned(), message.to_owned(), retryable))
    }

    #[test]
    fn the_result_is_the_output_unless_told_otherwise() {
        let end = ended(0, "out\n", "err");
        let output = r#"{"exitCode":0,"stdout":"out\n","stderr":"err","truncated":false}"#;
        let of = |result| Judgement {
            result,
            ..Judgement::default()
        };
        assert_eq!(judged(&Judgement::default(), &end), Ok(output.to_owned()));
        assert_eq!(judged(&of(ResultKind::None), &end), Ok("null".to_owned()));
        let json = ended(0, " {\"a\": 1.10}\n", "");
        let text = r#"{"a": 1.10}"#.to_owned();
        assert_eq!(judged(&of(ResultKind::Json), &json), Ok(text));
    }

    #[test]
    fn a_result_that_is_not_whole_json_is_a_failure() {
        let judgement = Judgement {
            result: ResultKind::Json,
            ..Judgement::default()
        };
        let mut cut = ended(0, "[1]", "");
        cut.stdout.bytes = 64 * 1024 + 1;
        for end in [
            ended(0, "", ""),
            ended(0, "{} {}", ""),
            ended(0, "secret", ""),
            cut,
        ] {
            let (code, message, retryable) = judged(&judgement, &end).unwrap_err();
            assert_eq!((code.as_str(), retryable), ("result_not_json", false));
            assert!(!message.contains("secret"), "{message}");
        }
        let deep = ended(0, &format!("{}{}", "[".repeat(62), "]".repeat(62)), "");
        assert_eq!(judged(&judgement, &deep).unwrap_err().0, "result_too_large");
    }

    #[test]
    fn a_failure_says_the_last_line_of_the_error_output() {
        let end = ended(3, "", "first\n  the reason  \n\n");
        let message = "the program ended with exit code 3: the reason";
        assert_eq!(
            judged(&Judgement::default(), &end),
            failed("exit_code", message, true)
        );
        let killed = Ended {
            exit_code: None,
            signal: Some(9),
            ..ended(0, "", "")
        };
        let message = "the program was ended by signal 9";
        assert_eq!(
            judged(&Judgement::default(), &killed),
            failed("signal", message, true)
        );
    }

    #[test]
    fn exit_codes_decide_on_retries() {
        let retryable = |retries: Retries, code| {
            let judgement = Judgement {
                retries,
                ..Judgement::default()
            };
            judged(&judgement, &ended(code, "", "")).unwrap_err().2
        };
        assert!(retryable(Retries::Only(vec![75]), 75));
        assert!(!retryable(Retries::Only(vec![75]), 1));
        assert!(!retryable(Retries::Except(vec![64]), 64));
        assert!(retryable(Retries::Except(vec![64]), 1));
    }

    #[test]
    fn an_output_that_is_too_long_as_json_is_shortened() {
        let noise = "\u{1}".repeat(64 * 1024);
        let text = judged(&Judgement::default(), &ended(0, &noise, &noise)).unwrap();
        assert!(text.len() <= RESULT_BYTES_MAX);
        assert!(text.ends_with("\"truncated\":true}"));
    }
}
