//! The search for an order that explains a history: J. Wing and C. Gong, "Testing and Verifying
//! Concurrent Objects", 1993, with the memory of G. Lowe, "Testing for Linearizability", 2017.

use std::collections::HashSet;
use std::fmt;

use super::execution::{Answer, Call, Execution};

/// Operations of one history: what has happened so far is one word of bits.
const OPERATIONS_MAX: usize = 128;

/// One call and its answer. The instants are those of a clock that all clients share and that never
/// shows one instant twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// When it was called.
    pub called_at: u64,
    /// What was asked.
    pub call: Call,
    /// When which answer came; `None`: nobody knows whether it has happened.
    pub answered: Option<(u64, Answer)>,
}

/// No order explains the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unexplained {
    /// All of it, by the time of the calls.
    pub history: Vec<Operation>,
    /// The most of its answers that an order could explain.
    pub explained: usize,
}

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let explained = self.explained;
        writeln!(
            f,
            "no order explains more than {explained} answers of these:"
        )?;
        for one in &self.history {
            let (called_at, call) = (one.called_at, one.call);
            let answered = match one.answered {
                Some((at, answer)) => format!("{at:>6}: {call:?} → {answer:?}"),
                None => format!("     ?: {call:?}"),
            };
            writeln!(f, "{called_at:>6} to {answered}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Unexplained {}

/// Looks for an order of `history` that begins with an execution as `first` and explains it all.
pub fn explain(first: &Execution, mut history: Vec<Operation>) -> Result<(), Unexplained> {
    assert!(
        history.len() <= OPERATIONS_MAX,
        "a history of {} operations is too long",
        history.len()
    );
    history.sort_by_key(|one| one.called_at);
    let mut search = Search {
        history: &history,
        known: HashSet::new(),
        most: 0,
    };
    if search.goes_on(0, first) {
        return Ok(());
    }
    let explained = search.most;
    Err(Unexplained { history, explained })
}

struct Search<'h> {
    history: &'h [Operation],
    /// Where the search has been: what had happened, and how the execution was then.
    known: HashSet<(u128, Execution)>,
    most: usize,
}

impl Search<'_> {
    /// Whether what has not happened yet can be explained from here.
    fn goes_on(&mut self, happened: u128, execution: &Execution) -> bool {
        let open = |index: &usize| happened & (1 << index) == 0;
        let left: Vec<usize> = (0..self.history.len()).filter(open).collect();
        let answered = self.history.iter().enumerate();
        let explained = answered
            .filter(|(index, one)| happened & (1 << index) != 0 && one.answered.is_some())
            .count();
        self.most = self.most.max(explained);
        let answers = left
            .iter()
            .filter_map(|index| self.history[*index].answered);
        let Some(first_answer) = answers.map(|(at, _)| at).min() else {
            return true;
        };
        if !self.known.insert((happened, execution.clone())) {
            return false;
        }
        // What was called after an answer came happened after what was answered.
        let mut next = left
            .into_iter()
            .filter(|index| self.history[*index].called_at < first_answer);
        next.any(|index| {
            let one = &self.history[index];
            let answer = one.answered.map(|(_, answer)| answer);
            execution
                .after(one.call, answer)
                .is_some_and(|after| self.goes_on(happened | (1 << index), &after))
        })
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::execution::State;

    use super::super::execution::{Outcome, Verdict};
    use super::*;

    const CREATED: (Call, Answer) = (Call::Create, Answer::Created);
    const CLAIMED: (Call, Answer) = (Call::Claim, Answer::Granted { attempt: 1 });
    const CANCELED: (Call, Answer) = (Call::Cancel, Answer::Canceled);

    fn done(called_at: u64, at: u64, (call, answer): (Call, Answer)) -> Operation {
        Operation {
            called_at,
            call,
            answered: Some((at, answer)),
        }
    }

    fn lost(called_at: u64, call: Call) -> Operation {
        Operation {
            called_at,
            call,
            answered: None,
        }
    }

    fn finished(verdict: Verdict) -> (Call, Answer) {
        let call = Call::Finish {
            attempt: 1,
            is_forged: false,
            outcome: Outcome::Succeeded,
        };
        (call, Answer::Judged(verdict))
    }

    fn told(state: State, attempt_count: u32) -> (Call, Answer) {
        let told = Answer::Told {
            state,
            attempt_count,
        };
        (Call::Get, told)
    }

    fn explained(history: Vec<Operation>) -> Result<(), usize> {
        let first = Execution::before_its_create(3);
        explain(&first, history).map_err(|unexplained| unexplained.explained)
    }

    #[test]
    fn what_overlaps_may_have_happened_in_either_order() {
        for verdict in [Verdict::Applied, Verdict::Late] {
            let cancel = match verdict {
                Verdict::Applied => (Call::Cancel, Answer::Refused),
                _ => CANCELED,
            };
            let history = vec![
                done(1, 2, CREATED),
                done(3, 4, CLAIMED),
                done(5, 8, finished(verdict)),
                done(6, 7, cancel),
            ];
            assert_eq!(explained(history), Ok(()), "{verdict:?}");
        }
    }

    #[test]
    fn two_winners_have_no_order() {
        let history = vec![
            done(1, 2, CREATED),
            done(3, 4, CLAIMED),
            done(5, 8, finished(Verdict::Applied)),
            done(6, 7, CANCELED),
        ];
        assert_eq!(explained(history), Err(3));
    }

    #[test]
    fn a_lease_after_a_cancel_has_no_order() {
        let history = vec![
            done(1, 2, CREATED),
            done(3, 4, CANCELED),
            done(5, 6, CLAIMED),
        ];
        assert_eq!(explained(history), Err(2));
    }

    #[test]
    fn a_read_that_is_behind_has_no_order() {
        let history =
            |read: (Call, Answer)| vec![done(1, 2, CREATED), done(3, 4, CLAIMED), done(5, 6, read)];
        assert_eq!(explained(history(told(State::Running, 1))), Ok(()));
        assert_eq!(explained(history(told(State::Pending, 0))), Err(2));
    }

    #[test]
    fn what_was_lost_may_have_happened_or_not_but_not_before_it_was_called() {
        for state in [State::Pending, State::Canceled] {
            let history = vec![
                done(1, 2, CREATED),
                lost(3, Call::Cancel),
                done(4, 5, told(state, 0)),
            ];
            assert_eq!(explained(history), Ok(()), "{state:?}");
        }
        let history = vec![
            done(1, 2, CREATED),
            done(3, 4, told(State::Canceled, 0)),
            lost(5, Call::Cancel),
        ];
        assert_eq!(explained(history), Err(1));
    }

    #[test]
    fn a_cancel_that_was_seen_stays() {
        let history = vec![
            done(1, 2, CREATED),
            lost(3, Call::Cancel),
            done(4, 5, told(State::Canceled, 0)),
            done(6, 7, told(State::Pending, 0)),
        ];
        assert_eq!(explained(history), Err(2));
    }

    #[test]
    fn a_canceled_key_takes_its_create_and_runs_nothing() {
        let history = |last: (Call, Answer)| {
            vec![
                done(1, 2, (Call::CancelKey, Answer::Canceled)),
                done(3, 4, CREATED),
                done(5, 6, last),
            ]
        };
        assert_eq!(explained(history(told(State::Canceled, 0))), Ok(()));
        assert_eq!(explained(history(CLAIMED)), Err(2));
    }
}
