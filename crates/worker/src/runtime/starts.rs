//! Attempts that wait to be told that they may begin.

use taskpilot_api::workers::{FencedAttempt, ItemVerdict, Starts, Verdict};
use taskpilot_domain::limits::WORKER_ITEMS_MAX;

use super::attempts::{Phase, Stop, Why};
use super::dispatcher::Dispatcher;
use super::ending::let_run;
use super::messages::StartsAnswered;
use crate::clock::BootInstant;
use crate::limits::START_FRESH_MS;
use crate::supervised::NotDelivered;

/// What is still to be asked, and what is being asked.
#[derive(Debug, Default)]
pub(crate) struct StartOutbox {
    pending: Vec<FencedAttempt>,
    in_flight: Vec<FencedAttempt>,
}

impl StartOutbox {
    pub(super) fn push(&mut self, fenced: FencedAttempt) {
        self.pending.push(fenced);
    }

    /// The next question, if the last one was answered and there is one.
    pub(super) fn next_batch(&mut self) -> Option<Starts> {
        if !self.in_flight.is_empty() || self.pending.is_empty() {
            return None;
        }
        let count = self.pending.len().min(WORKER_ITEMS_MAX);
        self.in_flight = self.pending.drain(..count).collect();
        let items = self.in_flight.clone();
        Some(Starts { items })
    }
}

impl Dispatcher {
    /// The look for a stop and the start happen in one turn, as for everything that starts.
    pub(super) fn on_starts_answered(&mut self, answered: StartsAnswered) {
        let asked = std::mem::take(&mut self.starts.in_flight);
        let StartsAnswered { asked_at, verdicts } = answered;
        let age_ms = BootInstant::now().ms_since(asked_at);
        for (index, fenced) in asked.into_iter().enumerate() {
            let verdict = verdicts.as_ref().and_then(|all| all.get(index));
            match meaning(fenced, verdict, age_ms) {
                Meaning::Begin => self.begin_confirmed(fenced),
                Meaning::AskAgain => self.ask_again(fenced),
                Meaning::Never => self.give_up_start(fenced),
            }
        }
    }

    fn ask_again(&mut self, fenced: FencedAttempt) {
        let waits = self.attempts.get_mut(fenced);
        if waits.is_some_and(|attempt| attempt.awaits_start && attempt.stop.is_none()) {
            self.starts.push(fenced);
        }
    }

    fn begin_confirmed(&mut self, fenced: FencedAttempt) {
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        attempt.awaits_start = false;
        if attempt.stop.is_some() {
            return;
        }
        match &attempt.phase {
            Phase::Calling(reins) => reins.start(),
            Phase::Running(supervised) if let_run(supervised) == Err(NotDelivered::Busy) => {
                attempt.stop(Stop::new(Why::NotStarted, attempt.grace_ms));
            }
            Phase::Running(_) | Phase::Preparing | Phase::Ended => {}
        }
    }

    /// It never begins: its supervisor, or its function, is told to end and has nothing to end.
    fn give_up_start(&mut self, fenced: FencedAttempt) {
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        if attempt.awaits_start {
            tracing::info!(
                execution = fenced.execution_id.get(),
                attempt = fenced.attempt.0,
                "it may not begin any more"
            );
            attempt.awaits_start = false;
            attempt.stop(Stop::new(Why::NotStarted, 0));
        }
    }
}

/// What an answer means for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Begin,
    /// Much may have happened since it was said.
    AskAgain,
    Never,
}

/// Only a clear and fresh word about this very attempt lets it begin.
fn meaning(fenced: FencedAttempt, verdict: Option<&Verdict>, age_ms: u64) -> Meaning {
    let may_begin = verdict.is_some_and(|given| {
        let about = (given.execution_id, given.attempt);
        let known = given.verdict.known();
        about == (fenced.execution_id, fenced.attempt)
            && matches!(known, Some(ItemVerdict::Applied | ItemVerdict::Duplicate))
    });
    match may_begin {
        true if age_ms > START_FRESH_MS => Meaning::AskAgain,
        true => Meaning::Begin,
        false => Meaning::Never,
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};

    use super::*;

    fn fenced(execution: i64) -> FencedAttempt {
        FencedAttempt {
            execution_id: ExecutionId::new(execution).unwrap(),
            attempt: AttemptNumber(1),
            token: Token::from_bytes([1; 16]),
        }
    }

    #[test]
    fn nothing_but_a_clear_and_fresh_word_about_it_lets_an_attempt_begin() {
        let given = |execution, word: &str, age_ms| {
            let verdict = serde_json::json!({"executionId": execution, "attempt": 1,
                "verdict": word, "status": null});
            let verdict: Verdict = serde_json::from_value(verdict).unwrap();
            meaning(fenced(1), Some(&verdict), age_ms)
        };
        for word in ["applied", "duplicate"] {
            assert_eq!(given(1, word, START_FRESH_MS), Meaning::Begin);
            assert_eq!(given(1, word, START_FRESH_MS + 1), Meaning::AskAgain);
            assert_eq!(given(2, word, 0), Meaning::Never, "it is about another");
        }
        for word in ["late", "stale", "perhaps"] {
            assert_eq!(given(1, word, 0), Meaning::Never, "{word}");
        }
        assert_eq!(meaning(fenced(1), None, 0), Meaning::Never);
    }

    #[test]
    fn one_question_is_asked_at_a_time() {
        let mut starts = StartOutbox::default();
        assert_eq!(starts.next_batch(), None);
        starts.push(fenced(1));
        let first = starts.next_batch().map(|batch| batch.items);
        assert_eq!(first, Some(vec![fenced(1)]));
        starts.push(fenced(2));
        assert_eq!(starts.next_batch(), None);
        starts.in_flight.clear();
        let next = starts.next_batch().map(|batch| batch.items);
        assert_eq!(next, Some(vec![fenced(2)]));
    }
}
