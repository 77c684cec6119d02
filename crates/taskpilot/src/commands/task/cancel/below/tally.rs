//! What became of a tree that was waited for: how many of what, and the code of the worst end.

use std::collections::BTreeMap;

use serde::Serialize;
use taskpilot_api::executions::ExecutionView;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::stop::StopStatus;

use super::super::{cleanup, proof};
use crate::commands::{describe, wait};
use crate::exit::Code;

/// Those of the tree that are named one by one; `task tree` shows all.
const NAMED_MAX: usize = 10;

/// In the place of a status where the scheduler tells nothing of a stop.
const UNTOLD: &str = "none";

/// What became of what is bound below a task.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Below {
    /// How many there are.
    pub(super) tasks: usize,
    canceled: usize,
    /// Those that had ended otherwise, before it was their turn.
    ended: usize,
    /// Those that were not decided when the wait ran out.
    open: usize,
    /// Those of which nothing is known.
    unknown: usize,
    /// How many of those that are canceled have a stop with which status.
    stops: BTreeMap<String, usize>,
    /// How many of the cleanups that are owed are in which state.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    cleanups: BTreeMap<String, usize>,
    /// Whether there are more than were waited for.
    more: bool,
    /// Whether the cleanups were waited for, and count for the code.
    #[serde(skip)]
    with_cleanup: bool,
    /// Those that are to be looked at, one by one.
    #[serde(skip)]
    named: Vec<String>,
    #[serde(skip)]
    code: Code,
}

/// What programs are told.
#[derive(Serialize)]
struct Line<'b> {
    below: &'b Below,
}

/// What was seen of one task.
pub(super) enum Seen {
    Execution(Box<ExecutionView>),
    /// It has ended so long ago that it is forgotten, or deleted.
    Forgotten,
    /// It was being bound, and that has come to nothing.
    NotBound,
    /// It is not known whether it was ever bound, and waiting does not help.
    Lost,
    /// The wait ran out before it was looked at.
    NotLookedAt,
}

impl Below {
    pub(super) fn of(tasks: usize, with_cleanup: bool) -> Self {
        Self {
            tasks,
            canceled: 0,
            ended: 0,
            open: 0,
            unknown: 0,
            stops: BTreeMap::new(),
            cleanups: BTreeMap::new(),
            more: false,
            with_cleanup,
            named: Vec::new(),
            code: Code::Ok,
        }
    }

    /// There are more than are waited for, of which nothing is proven.
    pub(super) fn is_cut(&mut self) {
        self.more = true;
        self.code = worst(self.code, Code::StopNotProven);
    }

    pub(super) fn count(&mut self, id: TaskId, seen: &Seen) {
        let view = match seen {
            Seen::Execution(view) => view,
            Seen::Forgotten => {
                self.ended += 1;
                return;
            }
            Seen::NotBound => {
                self.tasks -= 1;
                return;
            }
            Seen::Lost => {
                self.unknown += 1;
                self.code = worst(self.code, Code::StopNotProven);
                self.name(|| format!("task {id}: it is not known whether it was bound"));
                return;
            }
            Seen::NotLookedAt => {
                self.unknown += 1;
                self.code = worst(self.code, Code::TimedOut);
                self.name(|| format!("task {id}: the wait ran out before it was looked at"));
                return;
            }
        };
        match view.status.known() {
            Some(State::Canceled) => {
                self.canceled += 1;
                let stop = view.stop.as_ref();
                let status = stop.map_or(UNTOLD.to_owned(), |stop| stop.status.to_string());
                *self.stops.entry(status).or_default() += 1;
            }
            Some(state) if state.is_final() => self.ended += 1,
            Some(_) | None => self.open += 1,
        }
        if let Some(owed) = &view.cleanup {
            *self.cleanups.entry(owed.status.to_string()).or_default() += 1;
        }
        let (stop, owed) = (code_of(view), wait::cleanup_code(view));
        let code = if self.with_cleanup {
            worst(stop, owed)
        } else {
            stop
        };
        self.code = worst(self.code, code);
        // A cleanup that failed is never kept quiet.
        if code != Code::Ok || owed == Code::CleanupFailed {
            self.name(|| end_of(id, view));
        }
    }

    fn name(&mut self, why: impl FnOnce() -> String) {
        if self.named.len() < NAMED_MAX {
            self.named.push(why());
        }
    }

    /// The line for programs.
    pub(in super::super) fn json(&self) -> String {
        let line = serde_json::to_string(&Line { below: self });
        line.expect("invariant: words and numbers are JSON")
    }

    /// The exit code of the worst of it.
    pub(in super::super) fn code(&self) -> Code {
        self.code
    }

    /// A line for people, and one for each whose end is not proven or whose cleanup failed, up to ten.
    pub(in super::super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.counts()];
        lines.extend(self.named.iter().cloned());
        lines
    }

    fn counts(&self) -> String {
        let mut stops: Vec<(&String, &usize)> = self.stops.iter().collect();
        stops.sort_by_key(|(status, _)| stop_word(status).0);
        let stops = stops.iter().map(|(status, count)| {
            let (_, word) = stop_word(status);
            format!("{count} {word}")
        });
        let stops: Vec<String> = stops.collect();
        let canceled = format!("{} canceled ({})", self.canceled, stops.join(", "));
        let parts = [
            (self.canceled, canceled),
            (self.ended, format!("{} had ended", self.ended)),
            (self.open, format!("{} not decided yet", self.open)),
            (self.unknown, format!("{} not known", self.unknown)),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(_, text)| text).collect();
        let more = if self.more {
            ", and there are more"
        } else {
            ""
        };
        if parts.is_empty() {
            return "nothing is bound below it".to_owned();
        }
        let cleanups = self.cleanups.iter();
        let cleanups = cleanups.map(|(state, count)| format!("{count} {state}"));
        let cleanups: Vec<String> = cleanups.collect();
        let cleanups = match &cleanups[..] {
            [] => String::new(),
            some => format!("; cleanups: {}", some.join(", ")),
        };
        format!("below it: {}{more}{cleanups}", parts.join(", "))
    }
}

/// How one of them has ended, or how far it is.
fn end_of(id: TaskId, view: &ExecutionView) -> String {
    if !wait::is_final(view) {
        return format!("task {id} {}: not decided yet", describe::state(view));
    }
    let summary = proof::summary(id, view);
    match &view.cleanup {
        Some(owed) => format!("{summary}; {}", cleanup::line(owed)),
        None => summary,
    }
}

/// A place in the order from good to bad, and the word of a sentence.
fn stop_word(status: &str) -> (u8, String) {
    let known = status.parse().ok();
    let place = match known {
        Some(StopStatus::Stopped) => 0,
        Some(StopStatus::NotNeeded) => return (1, "did not run".to_owned()),
        Some(StopStatus::Presumed) => 2,
        Some(StopStatus::Requested | StopStatus::Delivered | StopStatus::Acknowledged) => 3,
        Some(StopStatus::Abandoned | StopStatus::Stuck) => 4,
        None if status == UNTOLD => return (5, "of which nothing is told".to_owned()),
        None => 5,
    };
    (place, status.to_lowercase())
}

/// What an execution below says about the end of its work.
fn code_of(view: &ExecutionView) -> Code {
    match (view.status.known(), &view.stop) {
        _ if !wait::is_final(view) => Code::TimedOut,
        // Nothing of it was ever stopped.
        (Some(State::Succeeded | State::Failed), None) => Code::Ok,
        _ => wait::stop_code(view),
    }
}

/// The worse of two ends: what may run on, then what is still being stopped, then what nobody can
/// prove, then a cleanup that failed.
pub(in super::super) fn worst(one: Code, other: Code) -> Code {
    let order = [
        Code::StopGivenUp,
        Code::TimedOut,
        Code::StopNotProven,
        Code::CleanupFailed,
    ];
    let worst = order.into_iter().find(|code| [one, other].contains(code));
    worst.unwrap_or(Code::Ok)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(status: &str, stop: &Value) -> Seen {
        let view = json!({"schedulerTaskId": 1, "status": status, "stop": stop});
        Seen::Execution(Box::new(serde_json::from_value(view).unwrap()))
    }

    fn below(seen: &[Seen]) -> Below {
        let mut below = Below::of(seen.len(), false);
        for (id, seen) in (5..).zip(seen) {
            below.count(TaskId::new(id).unwrap(), seen);
        }
        below
    }

    fn stop(status: &str) -> Value {
        json!({"status": status})
    }

    #[test]
    fn a_tree_is_as_good_as_its_worst_end() {
        let code = |statuses: &[&str]| {
            let seen: Vec<Seen> = statuses
                .iter()
                .map(|status| seen("CANCELED", &stop(status)))
                .collect();
            below(&seen).code()
        };
        assert_eq!(code(&[]), Code::Ok);
        assert_eq!(code(&["STOPPED", "NOT_NEEDED"]), Code::Ok);
        assert_eq!(code(&["PRESUMED", "STOPPED"]), Code::StopNotProven);
        assert_eq!(code(&["PRESUMED", "DELIVERED"]), Code::TimedOut);
        assert_eq!(
            code(&["ABANDONED", "REQUESTED", "PRESUMED"]),
            Code::StopGivenUp
        );
        assert_eq!(code(&["REQUESTED", "STUCK"]), Code::StopGivenUp);
        let alone = |seen: Seen| below(&[seen]).code();
        assert_eq!(alone(seen("SUCCEEDED", &Value::Null)), Code::Ok);
        assert_eq!(alone(seen("FAILED", &stop("STUCK"))), Code::StopGivenUp);
        assert_eq!(alone(seen("CANCELED", &Value::Null)), Code::StopNotProven);
        assert_eq!(alone(seen("RUNNING", &Value::Null)), Code::TimedOut);
        assert_eq!(alone(Seen::Forgotten), Code::Ok);
        assert_eq!(alone(Seen::NotBound), Code::Ok);
        assert_eq!(alone(Seen::Lost), Code::StopNotProven);
        assert_eq!(alone(Seen::NotLookedAt), Code::TimedOut);
    }

    #[test]
    fn what_became_of_a_tree_is_one_line_and_a_line_for_what_is_not_proven() {
        let below = below(&[
            seen("CANCELED", &stop("STOPPED")),
            seen("CANCELED", &stop("STOPPED")),
            seen("CANCELED", &stop("NOT_NEEDED")),
            seen("CANCELED", &stop("PRESUMED")),
            seen("SUCCEEDED", &Value::Null),
            seen("RUNNING", &Value::Null),
            Seen::Lost,
        ]);
        let expected = [
            "below it: 4 canceled (2 stopped, 1 did not run, 1 presumed), 1 had ended, \
             1 not decided yet, 1 not known",
            "task 8 canceled, stop PRESUMED: its worker is gone, and nobody can prove that the work \
             has ended",
            "task 10 RUNNING: not decided yet",
            "task 11: it is not known whether it was bound",
        ];
        assert_eq!(below.lines(), expected);
        let told = json!({"below": {"tasks": 7, "canceled": 4, "ended": 1, "open": 1, "unknown": 1, "more": false,
            "stops": {"NOT_NEEDED": 1, "PRESUMED": 1, "STOPPED": 2}}});
        let line: Value = serde_json::from_str(&below.json()).unwrap();
        assert_eq!(line, told);
        assert_eq!(Below::of(0, false).lines(), ["nothing is bound below it"]);
    }

    #[test]
    fn a_cleanup_that_failed_is_named_and_counts_where_it_was_waited_for() {
        let owed = |status: &str| {
            let view = json!({"schedulerTaskId": 1, "status": "CANCELED", "stop": stop("STOPPED"),
                "cleanup": {"schedulerTaskId": 12, "status": status}});
            Seen::Execution(Box::new(serde_json::from_value(view).unwrap()))
        };
        let told = |with_cleanup: bool, statuses: &[&str]| {
            let mut below = Below::of(statuses.len(), with_cleanup);
            for (id, status) in (5..).zip(statuses) {
                below.count(TaskId::new(id).unwrap(), &owed(status));
            }
            below
        };
        let below = told(true, &["SUCCEEDED", "FAILED", "SUCCEEDED"]);
        let expected = [
            "below it: 3 canceled (3 stopped); cleanups: 1 FAILED, 2 SUCCEEDED",
            "task 6 canceled, stop STOPPED; cleanup FAILED (execution 12)",
        ];
        assert_eq!(below.lines(), expected);
        assert_eq!(below.code(), Code::CleanupFailed);
        let alone = told(false, &["FAILED"]);
        assert_eq!((alone.code(), alone.lines().len()), (Code::Ok, 2));
        assert_eq!(told(true, &["RUNNING", "FAILED"]).code(), Code::TimedOut);
        assert_eq!(told(false, &["RUNNING"]).code(), Code::Ok);
    }

    #[test]
    fn of_many_that_are_not_proven_the_first_are_named() {
        let seen: Vec<Seen> = (0..20).map(|_| Seen::NotLookedAt).collect();
        assert_eq!(below(&seen).lines().len(), 1 + NAMED_MAX);
    }
}
