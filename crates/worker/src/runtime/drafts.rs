//! Hand-ins before they are sent: how an attempt ended, and when.

use taskpilot_api::json::JsonText;
use taskpilot_api::workers::{
    EvidenceBody, FailureBody, FencedAttempt, HandIn, HandInOutcome, OutputBody,
};
use taskpilot_domain::stop::{Containment, How};

use crate::clock::BootInstant;
use crate::limits::HAND_INS_BYTES_MAX;

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    hand_in: HandIn,
    ended_at: BootInstant,
    bytes: usize,
    bare: bool,
}

impl Draft {
    /// An end of this moment; whatever more is known is added.
    pub(crate) fn new(fenced: FencedAttempt, outcome: HandInOutcome) -> Self {
        let hand_in = HandIn {
            execution_id: fenced.execution_id,
            attempt: fenced.attempt,
            token: fenced.token,
            outcome,
            result: None,
            error: None,
            ago_ms: 0,
            output: None,
            exit_code: None,
            signal: None,
            how: None,
            containment: None,
            evidence: None,
        };
        Self {
            hand_in,
            ended_at: BootInstant::now(),
            bytes: 0,
            bare: false,
        }
        .measured()
    }

    /// Nothing of it ever ran, and nothing ever will.
    pub(crate) fn never_started(fenced: FencedAttempt) -> Self {
        Self::new(fenced, HandInOutcome::Released).how(How::NeverStarted)
    }

    /// It failed before anything ran.
    pub(crate) fn failed(fenced: FencedAttempt, failure: FailureBody) -> Self {
        Self::new(fenced, HandInOutcome::Failed).error(failure)
    }

    pub(crate) fn result(mut self, result: JsonText) -> Self {
        self.hand_in.result = Some(result);
        self.measured()
    }

    pub(crate) fn error(mut self, failure: FailureBody) -> Self {
        self.hand_in.error = Some(failure);
        self.measured()
    }

    pub(crate) fn how(mut self, how: How) -> Self {
        self.hand_in.how = Some(how);
        self
    }

    /// Under which containment the end was seen, and what was seen.
    pub(crate) fn proof(mut self, containment: Containment, evidence: EvidenceBody) -> Self {
        self.hand_in.containment = Some(containment);
        self.hand_in.evidence = Some(evidence);
        self
    }

    pub(crate) fn exit(mut self, code: Option<i32>, signal: Option<i32>) -> Self {
        self.hand_in.exit_code = code;
        self.hand_in.signal = signal;
        self
    }

    /// The end of the output; of an output that takes too much room as JSON, a shorter end.
    pub(crate) fn output(mut self, output: OutputBody) -> Self {
        self.hand_in.output = Some(output);
        self = self.measured();
        while self.bytes > HAND_INS_BYTES_MAX {
            if !self.hand_in.output.as_mut().is_some_and(halve) {
                break;
            }
            self = self.measured();
        }
        self
    }

    pub(crate) fn ended_at(mut self, at: BootInstant) -> Self {
        self.ended_at = at;
        self
    }

    /// As it is sent now.
    pub(crate) fn at(&self, now: BootInstant) -> HandIn {
        HandIn {
            ago_ms: now.ms_since(self.ended_at),
            ..self.hand_in.clone()
        }
    }

    /// What is left of it if the scheduler accepts no more: a failure, or the end alone.
    pub(crate) fn bare(&self) -> Self {
        let outcome = match self.hand_in.outcome {
            HandInOutcome::Succeeded | HandInOutcome::Failed => HandInOutcome::Failed,
            other => other,
        };
        let mut bare = Self::new(self.fenced(), outcome).ended_at(self.ended_at);
        bare.hand_in.how = self.hand_in.how;
        bare.bare = true;
        if outcome == HandInOutcome::Failed {
            bare = bare.error(FailureBody {
                code: "report_refused".to_owned(),
                message: "the scheduler did not accept the report of the end".to_owned(),
                retryable: false,
            });
        }
        bare
    }

    /// Whether there is nothing to leave out any more.
    pub(crate) fn is_bare(&self) -> bool {
        self.bare
    }

    pub(crate) fn fenced(&self) -> FencedAttempt {
        FencedAttempt {
            execution_id: self.hand_in.execution_id,
            attempt: self.hand_in.attempt,
            token: self.hand_in.token,
        }
    }

    pub(crate) fn outcome(&self) -> HandInOutcome {
        self.hand_in.outcome
    }

    /// Bytes on the wire.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn measured(mut self) -> Self {
        let text = serde_json::to_vec(&self.hand_in).expect("invariant: a hand-in is plain data");
        self.bytes = text.len();
        self
    }
}

/// Drops the first half of the longer output; `false` when there is nothing left to drop.
fn halve(output: &mut OutputBody) -> bool {
    let (text, cut) = if output.stdout.len() >= output.stderr.len() {
        (&mut output.stdout, &mut output.stdout_truncated)
    } else {
        (&mut output.stderr, &mut output.stderr_truncated)
    };
    let from = text.ceil_char_boundary(text.len().div_ceil(2));
    *cut |= from > 0;
    text.drain(..from).next().is_some()
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};

    use super::*;

    #[test]
    fn an_output_that_is_long_as_json_is_cut_and_the_result_is_not() {
        let fenced = FencedAttempt {
            execution_id: ExecutionId::new(1).unwrap(),
            attempt: AttemptNumber(1),
            token: Token::from_bytes([1; 16]),
        };
        let result = JsonText::of(&"r".repeat(250 * 1024)).unwrap();
        // Six bytes each as JSON.
        let noise = "\u{1}".repeat(64 * 1024);
        let draft = Draft::new(fenced, HandInOutcome::Succeeded)
            .result(result.clone())
            .output(OutputBody {
                stdout: noise.clone(),
                stderr: noise,
                ..OutputBody::default()
            });
        assert!(draft.bytes() <= HAND_INS_BYTES_MAX);
        let sent = draft.at(BootInstant::now());
        assert_eq!(sent.result, Some(result));
        let output = sent.output.unwrap();
        assert!(output.stdout_truncated && !output.stdout.is_empty());
    }
}
