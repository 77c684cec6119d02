//! The start of work: state × fence, as `confirm_start` decides it.

use super::markdown::grid;
use crate::execution::{FenceMatch, Refused, State, confirm_start};
use crate::time::Timestamp;

const TEXT: &str = "\
## Start

What a worker is told that asks whether the attempt may begin (`confirmStart`). *Duplicate*: it was
told so before, and may. *Late*, *stale*: it never begins.";

pub(super) fn render() -> String {
    let mut head = vec!["Fence"];
    head.extend(State::ALL.map(State::as_str));
    let rows = FenceMatch::ALL.map(row);
    [TEXT.to_owned(), grid(&head, &rows)].join("\n\n")
}

fn row(fence: FenceMatch) -> Vec<String> {
    let mut cells = vec![fence.name().to_owned()];
    cells.extend(State::ALL.map(|state| cell(state, fence)));
    cells
}

fn cell(state: State, fence: FenceMatch) -> String {
    let word = |confirmed| match confirm_start(state, fence, confirmed) {
        Ok(()) => "begins",
        Err(Refused::Duplicate) => "duplicate",
        Err(Refused::Late) => "late",
        Err(Refused::Stale) => "stale",
        Err(Refused::Refused) => "refused",
        Err(Refused::NoOp) => "no-op",
    };
    let (first, again) = (word(None), word(Some(Timestamp::EPOCH)));
    if first == again {
        first.to_owned()
    } else {
        format!("{first}; again: {again}")
    }
}
