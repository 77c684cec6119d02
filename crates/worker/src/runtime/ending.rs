//! From the start of an attempt to its end, and what is reported of it: one truth, in its hand-in.

use taskpilot_api::workers::{
    EvidenceBody, FailureBody, FencedAttempt, HandInOutcome, Stage as StopStage,
};
use taskpilot_domain::stop::{Containment, How};
use taskpilot_fault::{self as fault, Step as Point};

use super::attempts::{Attempt, Phase, Stop, Why};
use super::dispatcher::Dispatcher;
use super::drafts::Draft;
use super::function_loop::Reins;
use super::messages::{Ready, Step};
use super::ordering::{abandoned, stuck};
use super::stops::StopNote;
use crate::clock::BootInstant;
use crate::handlers::{InProcess, Returned};
use crate::supervised::{NotDelivered, Supervised};
use crate::wire::{EndCause, Ended, Event};

impl Dispatcher {
    pub(super) fn on_step(&mut self, fenced: FencedAttempt, step: Step) {
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        match step {
            Step::Ready(Ready::Program(supervised)) => self.start(fenced, supervised),
            Step::Ready(Ready::InProcess(code)) => self.run_in_process(fenced, &code),
            Step::Ready(Ready::Function(reins)) => self.begin(fenced, reins),
            Step::NotStarted(failure) => {
                let draft = not_started(fenced, attempt, failure);
                self.end(fenced, draft);
            }
            Step::TimedOut => {
                let grace_ms = attempt.grace_ms;
                attempt.stop(Stop::new(Why::HandlerTimeout, grace_ms));
            }
            Step::NeverBegan => self.end(fenced, Draft::never_started(fenced)),
            Step::Told(at) => self.on_told(fenced, at),
            Step::Ignored(at) => self.on_ignored(fenced, at),
            Step::Returned(returned) => {
                let draft = returned_draft(fenced, attempt, returned);
                self.end(fenced, draft);
            }
            Step::Event(event) => self.on_event(fenced, event),
        }
    }

    /// The fork: orders that are here by now have put a stop on the attempt, and what comes later
    /// goes down the same pipe behind the start.
    fn start(&mut self, fenced: FencedAttempt, supervised: Supervised) {
        let lease_end = self.lease_end;
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        let _ = supervised.extend_lease(lease_end);
        attempt.awaits_start = attempt.confirms_start && attempt.stop.is_none();
        let awaits_start = attempt.awaits_start;
        if attempt.stop.is_none()
            && !awaits_start
            && let_run(&supervised) == Err(NotDelivered::Busy)
        {
            // One that has ended is heard of by its events; of this one nothing would ever come.
            tracing::warn!("a supervisor does not read its start");
            let grace_ms = attempt.grace_ms;
            attempt.stop(Stop::new(Why::NotStarted, grace_ms));
        }
        attempt.phase = Phase::Running(supervised);
        attempt.press();
        if awaits_start {
            self.starts.push(fenced);
        }
    }

    /// The same for a function: what was ordered to stop by now never begins.
    fn begin(&mut self, fenced: FencedAttempt, reins: Reins) {
        let lease_end = self.lease_end;
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        reins.extend_lease(lease_end);
        attempt.awaits_start = attempt.confirms_start && attempt.stop.is_none();
        let awaits_start = attempt.awaits_start;
        if attempt.stop.is_none() && !awaits_start {
            reins.start();
        }
        attempt.phase = Phase::Calling(reins);
        attempt.press();
        if awaits_start {
            self.starts.push(fenced);
        }
    }

    fn run_in_process(&mut self, fenced: FencedAttempt, code: &InProcess) {
        let ordered = self.attempts.get_mut(fenced);
        if ordered.is_some_and(|attempt| attempt.stop.is_some()) {
            return self.end(fenced, Draft::never_started(fenced));
        }
        let draft = match code.run() {
            Ok(result) => Draft::new(fenced, HandInOutcome::Succeeded).result(result),
            Err(failure) => Draft::failed(fenced, failure),
        };
        let evidence = EvidenceBody {
            proof: Some(proof_by(Containment::InProcess)),
            ..EvidenceBody::default()
        };
        let draft = draft.how(How::Finished);
        self.end(fenced, draft.proof(Containment::InProcess, evidence));
    }

    fn on_event(&mut self, fenced: FencedAttempt, event: Event) {
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        let is_ordered = attempt.why() == Some(Why::Order);
        match event {
            Event::Started { containment, .. } => attempt.containment = containment,
            Event::Signaled { at, .. } => {
                let first = attempt.signaled_at.is_none();
                attempt.signaled_at.get_or_insert(at);
                if first && is_ordered {
                    self.stops
                        .push(StopNote::new(fenced, StopStage::Acknowledged, at));
                }
            }
            Event::Stuck { survivors, at } => {
                tracing::error!(
                    ?survivors,
                    "SIGKILL does not end the processes of an attempt"
                );
                attempt.survivors = survivors;
                if is_ordered {
                    self.stops.extend(stuck(fenced, attempt, at));
                }
            }
            Event::Ended(ended) => {
                let draft = ended_draft(fenced, attempt, without_nul(*ended));
                self.end(fenced, draft);
            }
            Event::Lost { survivors, cause } if survivors.is_empty() => {
                let draft = supervisor_lost(fenced, attempt, cause);
                self.end(fenced, draft);
            }
            // The attempt is held until they are gone.
            Event::Lost { survivors, .. } => {
                attempt.survivors = survivors;
                if is_ordered {
                    let note = stuck(fenced, attempt, BootInstant::now());
                    self.stops.extend(note);
                }
            }
        }
    }

    /// Its handler was signaled, as far as a function can be.
    fn on_told(&mut self, fenced: FencedAttempt, at: BootInstant) {
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        attempt.signaled_at.get_or_insert(at);
        if attempt.why() == Some(Why::Order) {
            let note = StopNote::new(fenced, StopStage::Acknowledged, at);
            self.stops.push(note.in_process());
        }
    }

    /// It may run for ever. Its slot is held until it returns.
    fn on_ignored(&mut self, fenced: FencedAttempt, at: BootInstant) {
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        tracing::error!(
            execution = fenced.execution_id.get(),
            attempt = fenced.attempt.0,
            "a handler ignores its cancellation token"
        );
        attempt.ignored_at = Some(at);
        if attempt.why() == Some(Why::Order) {
            self.stops.push(abandoned(fenced, at));
        }
    }

    /// Nothing is left of an attempt. What was lost is nobody's business any more.
    pub(super) fn end(&mut self, fenced: FencedAttempt, draft: Draft) {
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        attempt.phase = Phase::Ended;
        if attempt.is_lost() {
            self.attempts.settle(fenced);
        } else {
            self.results.push(draft);
        }
    }
}

/// The program may run from now on.
pub(super) fn let_run(supervised: &Supervised) -> Result<(), NotDelivered> {
    fault::before(Point::ProgramStart).map_err(|_| NotDelivered::Busy)?;
    supervised.start()
}

fn not_started(fenced: FencedAttempt, attempt: &Attempt, failure: FailureBody) -> Draft {
    match &attempt.stop {
        Some(_) => Draft::never_started(fenced),
        None => Draft::failed(fenced, failure).how(How::NeverStarted),
    }
}

/// The end of a function. What returns a result has done its work, also when it was told to end;
/// any other end after that word is one that it obeyed.
fn returned_draft(fenced: FencedAttempt, attempt: &Attempt, returned: Returned) -> Draft {
    let draft = match returned {
        Ok(result) => Draft::new(fenced, HandInOutcome::Succeeded)
            .result(result)
            .how(How::Finished),
        Err(_) if attempt.signaled_at.is_some() => {
            Draft::new(fenced, HandInOutcome::Interrupted).how(How::Cooperative)
        }
        Err(failure) => Draft::failed(fenced, failure).how(How::Finished),
    };
    let evidence = EvidenceBody {
        proof: Some(proof_by(Containment::InProcess)),
        ..EvidenceBody::default()
    };
    draft.proof(Containment::InProcess, evidence)
}

/// Not every database keeps a NUL in a text.
fn without_nul(mut ended: Ended) -> Ended {
    for tail in [&mut ended.stdout, &mut ended.stderr] {
        if tail.text.contains('\0') {
            tail.text = tail.text.replace('\0', "\u{fffd}");
        }
    }
    ended
}

/// The end of a program, as its supervisor proved it.
fn ended_draft(fenced: FencedAttempt, attempt: &Attempt, ended: Ended) -> Draft {
    let draft = outcome(fenced, attempt, &ended);
    let evidence = EvidenceBody {
        swept: Some(ended.swept),
        proof: Some(proof_by(ended.containment)),
        detail: None,
    };
    draft
        .how(ended.how)
        .exit(ended.exit_code, ended.signal)
        .proof(ended.containment, evidence)
        .ended_at(ended.at)
        .output(attempt.handler.output(ended.stdout, ended.stderr))
}

fn outcome(fenced: FencedAttempt, attempt: &Attempt, ended: &Ended) -> Draft {
    if let (Some(error), None) = (&ended.start_error, &attempt.stop) {
        let failure = FailureBody {
            code: error.code.as_str().to_owned(),
            message: error.message.clone(),
            retryable: error.code.is_retryable(),
        };
        return Draft::failed(fenced, failure);
    }
    match (ended.how, attempt.why()) {
        (How::NeverStarted, _) => Draft::never_started(fenced),
        (How::Finished, _) => match attempt.handler.judge(ended) {
            Ok(result) => Draft::new(fenced, HandInOutcome::Succeeded).result(result),
            Err(failure) => Draft::failed(fenced, failure),
        },
        (How::Cooperative | How::Terminated | How::Killed, Some(Why::HandlerTimeout)) => {
            Draft::failed(fenced, attempt.handler.timed_out())
        }
        (How::Cooperative | How::Terminated | How::Killed, _) => {
            Draft::new(fenced, HandInOutcome::Interrupted)
        }
    }
}

/// The supervisor died or was given up; the worker has ended what it left, and has proven it.
fn supervisor_lost(fenced: FencedAttempt, attempt: &Attempt, cause: Option<EndCause>) -> Draft {
    let draft = match (attempt.why(), cause) {
        (Some(Why::HandlerTimeout), _) => Draft::failed(fenced, attempt.handler.timed_out()),
        (Some(_), _) | (None, Some(EndCause::Lease)) => {
            Draft::new(fenced, HandInOutcome::Interrupted)
        }
        (None, _) => {
            let failure = FailureBody {
                code: "supervisor_lost".to_owned(),
                message: "the supervisor process of the attempt was killed".to_owned(),
                retryable: true,
            };
            Draft::failed(fenced, failure)
        }
    };
    let evidence = EvidenceBody {
        proof: Some(proof_by(attempt.containment)),
        detail: Some("the supervisor was lost; the worker ended what it left".to_owned()),
        ..EvidenceBody::default()
    };
    draft.how(How::Killed).proof(attempt.containment, evidence)
}

/// Who says that nothing is left: the kernel of the children that are gone, or of the group too.
fn proof_by(containment: Containment) -> String {
    let proof = match containment {
        Containment::Cgroup => "cgroup",
        Containment::Subreaper => "waitpid",
        Containment::InProcess => "handler",
    };
    proof.to_owned()
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};

    use super::*;
    use crate::handlers::Handlers;
    use crate::wire::{OutputTail, StartError, StartErrorCode};

    const FAILED: HandInOutcome = HandInOutcome::Failed;
    const INTERRUPTED: HandInOutcome = HandInOutcome::Interrupted;
    const RELEASED: HandInOutcome = HandInOutcome::Released;
    const SUCCEEDED: HandInOutcome = HandInOutcome::Succeeded;

    fn fenced() -> FencedAttempt {
        FencedAttempt {
            execution_id: ExecutionId::new(1).unwrap(),
            attempt: AttemptNumber(1),
            token: Token::from_bytes([1; 16]),
        }
    }

    fn attempt(why: Option<Why>) -> Attempt {
        let handler = Handlers::built_in().find("demo-slow").unwrap();
        let mut attempt = Attempt::new(handler, 1);
        attempt.stop = why.map(|why| Stop::new(why, 1));
        attempt
    }

    fn ended(how: How, exit_code: Option<i32>) -> Ended {
        Ended {
            how,
            cause: Some(EndCause::Order),
            containment: Containment::Subreaper,
            exit_code,
            signal: None,
            swept: 0,
            stdout: OutputTail::default(),
            stderr: OutputTail::default(),
            start_error: None,
            at: BootInstant::now(),
        }
    }

    fn reported(why: Option<Why>, ended: Ended) -> (HandInOutcome, Option<String>, Option<How>) {
        let hand_in = ended_draft(fenced(), &attempt(why), ended).at(BootInstant::now());
        (
            hand_in.outcome,
            hand_in.error.map(|error| error.code),
            hand_in.how,
        )
    }

    #[test]
    fn what_is_reported_follows_from_how_it_ended_and_why() {
        let all = [
            None,
            Some(Why::Shutdown),
            Some(Why::SessionDead),
            Some(Why::HandlerTimeout),
            Some(Why::Order),
        ];
        for why in all {
            let finished = reported(why, ended(How::Finished, Some(0)));
            assert_eq!(finished, (SUCCEEDED, None, Some(How::Finished)), "{why:?}");
            let (outcome, code, _) = reported(why, ended(How::Finished, Some(1)));
            assert_eq!(
                (outcome, code),
                (FAILED, Some("exit_code".into())),
                "{why:?}"
            );
            let never = reported(why, ended(How::NeverStarted, None));
            assert_eq!(never, (RELEASED, None, Some(How::NeverStarted)), "{why:?}");
            for how in [How::Terminated, How::Killed] {
                // Also one that cleaned up and ended well: it was told to.
                let expected = match why {
                    Some(Why::HandlerTimeout) => (FAILED, Some("attempt_timed_out".into())),
                    _ => (INTERRUPTED, None),
                };
                let (outcome, code, told) = reported(why, ended(how, Some(0)));
                assert_eq!(((outcome, code), told), (expected, Some(how)), "{why:?}");
            }
        }
    }

    #[test]
    fn a_program_that_could_not_start_is_a_failure_unless_it_was_stopped() {
        let refused = || Ended {
            start_error: Some(StartError {
                code: StartErrorCode::ProgramNotFound,
                message: "no program".to_owned(),
            }),
            ..ended(How::NeverStarted, None)
        };
        let (outcome, code, _) = reported(None, refused());
        assert_eq!((outcome, code), (FAILED, Some("program_not_found".into())));
        let (outcome, code, _) = reported(Some(Why::Order), refused());
        assert_eq!((outcome, code), (RELEASED, None));
    }

    #[test]
    fn the_reason_that_counts_does_not_depend_on_which_came_first() {
        let reasons = [Why::Shutdown, Why::HandlerTimeout, Why::Order];
        for first in reasons {
            for second in reasons {
                let mut attempt = attempt(Some(first));
                attempt.stop(Stop::new(second, 5));
                let stop = Stop::new(first.max(second), 1);
                assert_eq!(attempt.stop, Some(stop), "the shorter grace too");
            }
        }
    }

    #[test]
    fn a_text_has_no_nul() {
        let mut end = ended(How::Finished, Some(0));
        end.stdout.text = "a\0b".to_owned();
        assert_eq!(without_nul(end).stdout.text, "a\u{fffd}b");
    }
}
