//! The machine of the execution: state × event, as `transition` decides it.

use super::markdown::{Diagram, grid};
use crate::execution::{Event, Phase, Refused, Standing, State, Transition, transition};
use crate::ids::AttemptNumber;
use crate::limits::UNCOUNTED_MAX;
use crate::retry::{Jitter, RetryPolicy};
use crate::stop::{StopChange, StopEvent, StopStatus, advance};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::EPOCH;
/// The longest draw, so that a back-off shows.
const JITTER: Jitter = Jitter(u64::MAX);

const TEXT: &str = "\
## Execution

A cell says what an event does to an execution that is due, has one of its attempts behind it and
has attempts left. A cell that decides otherwise under another condition names the condition:
*not due* or *stop unproven* (PENDING), *none left* (no counted attempt is left) or *100 uncounted*
(that many endings that did not count, RUNNING). In the final states none of these matters.

`attempt` is the fence and only rises, `count` is what counts against `maxAttempts`; `ended` is what
is written on the attempt, `stop` where its stop begins, `error` what the system writes as
`lastError`. *Duplicate*: success for the sender. *Late*: refused, kept as evidence. *Stale*,
*refused*, *no-op*: nothing changes. The last column is what the event proves about a stop of its
attempt that is still open, whatever it does to the execution.";

/// A condition that can change what an event does.
struct Condition {
    name: &'static str,
    apply: fn(&mut Standing),
}

const NOT_DUE: Condition = Condition {
    name: "not due",
    apply: |standing| standing.available_at = NOW.plus_ms(1),
};
const STOP_UNPROVEN: Condition = Condition {
    name: "stop unproven",
    apply: |standing| standing.stop_unproven = true,
};
const NONE_LEFT: Condition = Condition {
    name: "none left",
    apply: |standing| standing.attempt_count = standing.policy.max_attempts,
};
const UNCOUNTED: Condition = Condition {
    name: "100 uncounted",
    apply: |standing| standing.uncounted = UNCOUNTED_MAX,
};

pub(super) fn render() -> String {
    let states = State::ALL.map(State::as_str);
    let mut head = vec!["Event", "Fence"];
    head.extend(states);
    head.push("Open stop of its attempt");
    let rows: Vec<Vec<String>> = Event::all().map(row).collect();
    [TEXT.to_owned(), grid(&head, &rows), diagram()].join("\n\n")
}

fn row(event: Event) -> Vec<String> {
    let fence = event.fence().map_or("", |fence| fence.name());
    let mut cells = vec![event.name().to_owned(), fence.to_owned()];
    cells.extend(State::ALL.map(|state| cell(state, event)));
    cells.push(about_stop(event));
    cells
}

fn cell(state: State, event: Event) -> String {
    let usual = decision(&standing(state), event);
    let mut text = usual.clone();
    for condition in conditions(state) {
        let mut standing = standing(state);
        (condition.apply)(&mut standing);
        let special = decision(&standing, event);
        if special != usual {
            text.push_str("; *");
            text.push_str(condition.name);
            text.push_str("*: ");
            text.push_str(&special);
        }
    }
    text
}

/// Conditions that can occur in a state. Those of the final states show that they do not matter.
fn conditions(state: State) -> &'static [Condition] {
    match state {
        State::Pending => &[NOT_DUE, STOP_UNPROVEN],
        State::Running => &[NONE_LEFT, UNCOUNTED],
        State::Succeeded | State::Failed | State::Canceled => {
            &[NONE_LEFT, UNCOUNTED, STOP_UNPROVEN]
        }
    }
}

fn standing(state: State) -> Standing {
    Standing {
        state,
        attempt: AttemptNumber(1),
        attempt_count: 1,
        processing_started_at: Some(NOW),
        ..Standing::accepted(NOW, RetryPolicy::default())
    }
}

fn decision(standing: &Standing, event: Event) -> String {
    match transition(standing, event, NOW, JITTER) {
        Ok(change) => changed(standing, &change, event),
        Err(refused) => not_changed(refused).to_owned(),
    }
}

fn not_changed(refused: Refused) -> &'static str {
    match refused {
        Refused::Duplicate => "duplicate",
        Refused::Late => "late",
        Refused::Stale => "stale",
        Refused::Refused => "refused",
        Refused::NoOp => "no-op",
    }
}

fn changed(before: &Standing, change: &Transition, event: Event) -> String {
    let next = &change.next;
    let phase = next.phase(NOW).map_or("", Phase::as_str);
    let slash = if phase.is_empty() { "" } else { "/" };
    let mut parts = vec![format!("→ {}{slash}{phase}", next.state.as_str())];
    if next.attempt > before.attempt {
        parts.push("attempt + 1".to_owned());
    }
    if next.attempt_count > before.attempt_count {
        parts.push("count + 1".to_owned());
    }
    if next.attempt_count < before.attempt_count {
        parts.push("count − 1".to_owned());
    }
    parts.extend(
        change
            .ended
            .map(|ended| format!("ended `{}`", ended.as_str())),
    );
    parts.extend(change.first_stop_status().map(|status| {
        let cause = change
            .stop
            .map_or(String::new(), |cause| format!(" ({})", cause.as_str()));
        format!("stop {}{cause}", status.as_str())
    }));
    parts.extend(
        change
            .error(event)
            .map(|error| format!("error `{}`", error.code)),
    );
    parts.join(", ")
}

fn about_stop(event: Event) -> String {
    let Some(proof) = event.about_stop(None) else {
        return String::new();
    };
    let how = match proof {
        StopEvent::Ended(how) => format!(" (`{}`, or as reported)", how.as_str()),
        StopEvent::Delivered
        | StopEvent::Acknowledged
        | StopEvent::WorkerGone
        | StopEvent::GaveUp
        | StopEvent::Unkillable
        | StopEvent::Overdue
        | StopEvent::ReleasedByOperator => String::new(),
    };
    match advance(StopStatus::Requested, proof) {
        StopChange::Moved(status) => format!("→ {}{how}", status.as_str()),
        StopChange::Evidence | StopChange::NoOp | StopChange::Released | StopChange::Refused => {
            String::new()
        }
    }
}

fn diagram() -> String {
    let mut diagram = Diagram::starting_at(&[State::Pending.as_str()]);
    for state in State::ALL {
        for event in Event::all() {
            let mut standings = vec![standing(state)];
            standings.extend(conditions(state).iter().map(|condition| {
                let mut standing = standing(state);
                (condition.apply)(&mut standing);
                standing
            }));
            for before in standings {
                if let Ok(change) = transition(&before, event, NOW, JITTER) {
                    diagram.arrow(state.as_str(), change.next.state.as_str(), event.name());
                }
            }
        }
    }
    diagram.render()
}
