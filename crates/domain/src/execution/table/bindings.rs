//! The machine of the binding: task status × event, as `binding::advance` decides it.

use super::markdown::{Diagram, grid};
use crate::binding::{BindingChange, BindingEvent, TaskStatus, advance};
use crate::ids::ExecutionId;

const TEXT: &str = "\
## Binding

What a task's status allows; it is never the state of its execution. Answers of the scheduler are
those to the binding key in force. *Unchanged*: success for the caller. *Conflict*: 409. *Alarm*: an
invariant is broken, nothing changes.";

pub(super) fn render() -> String {
    let mut head = vec!["Event"];
    head.extend(TaskStatus::ALL.map(TaskStatus::as_str));
    let rows: Vec<Vec<String>> = events().map(row).into();
    [TEXT.to_owned(), grid(&head, &rows), diagram()].join("\n\n")
}

/// Every event, with the detail that tells two of the same name apart.
fn events() -> [(BindingEvent, &'static str); 5] {
    [
        (BindingEvent::BindRequested, ""),
        (
            BindingEvent::Accepted(id(1)),
            " (the execution it is bound to, if it is bound)",
        ),
        (BindingEvent::Accepted(id(2)), " (another execution)"),
        (BindingEvent::Refused, ""),
        (BindingEvent::Withdrawn, ""),
    ]
}

fn row((event, detail): (BindingEvent, &str)) -> Vec<String> {
    let mut cells = vec![format!("{}{detail}", event.name())];
    cells.extend(TaskStatus::ALL.map(|status| match decide(status, event) {
        BindingChange::Moved(next) => format!("→ {}", next.as_str()),
        BindingChange::Unchanged => "unchanged".to_owned(),
        BindingChange::Conflict => "conflict".to_owned(),
        BindingChange::Alarm => "alarm".to_owned(),
    }));
    cells
}

fn decide(status: TaskStatus, event: BindingEvent) -> BindingChange {
    let bound_to = match status {
        TaskStatus::Bound => Some(id(1)),
        TaskStatus::Pending | TaskStatus::Binding | TaskStatus::Canceled => None,
    };
    advance(status, bound_to, event)
}

fn id(number: i64) -> ExecutionId {
    ExecutionId::new(number).expect("invariant: small positive numbers are ids")
}

fn diagram() -> String {
    let mut diagram = Diagram::starting_at(&[TaskStatus::Pending.as_str()]);
    for status in TaskStatus::ALL {
        for (event, _) in events() {
            if let BindingChange::Moved(next) = decide(status, event) {
                diagram.arrow(status.as_str(), next.as_str(), event.name());
            }
        }
    }
    diagram.render()
}
