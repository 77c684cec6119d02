//! The machine of the stop: status × event, as `stop::advance` decides it.

use super::markdown::{Diagram, grid};
use crate::stop::{StopChange, StopEvent, StopStatus, advance};

const TEXT: &str = "\
## Stop

What becomes known about the end of a stopped attempt. *Evidence*: the status stands, and an empty
stamp or missing evidence is filled. STOPPED, PRESUMED and NOT_NEEDED are settled: slots are free,
and the way to the next attempt is too. Everything else holds them. *Released*: an operator took it
on (`release-stuck`), the status stands, and they are free; what becomes known later still moves the
status, and frees nothing a second time.";

pub(super) fn render() -> String {
    let mut head = vec!["Event"];
    head.extend(StopStatus::ALL.map(StopStatus::as_str));
    let rows: Vec<Vec<String>> = StopEvent::ALL.into_iter().map(row).collect();
    let facts = grid(
        &["Status", "Settled", "Order repeated"],
        &StopStatus::ALL.map(fact),
    );
    [TEXT.to_owned(), grid(&head, &rows), facts, diagram()].join("\n\n")
}

fn row(event: StopEvent) -> Vec<String> {
    let mut cells = vec![event.as_str().to_owned()];
    cells.extend(StopStatus::ALL.map(|status| match advance(status, event) {
        StopChange::Moved(next) => format!("→ {}", next.as_str()),
        StopChange::Evidence => "evidence".to_owned(),
        StopChange::Released => "released".to_owned(),
        StopChange::Refused => "refused".to_owned(),
        StopChange::NoOp => "no-op".to_owned(),
    }));
    cells
}

fn fact(status: StopStatus) -> Vec<String> {
    let yes = |holds| if holds { "yes" } else { "" }.to_owned();
    vec![
        status.as_str().to_owned(),
        yes(status.is_settled()),
        yes(status.wants_order()),
    ]
}

fn diagram() -> String {
    let starts = [
        StopStatus::NotNeeded.as_str(),
        StopStatus::Requested.as_str(),
    ];
    let mut diagram = Diagram::starting_at(&starts);
    for status in StopStatus::ALL {
        for event in StopEvent::ALL {
            if let StopChange::Moved(next) = advance(status, event) {
                diagram.arrow(status.as_str(), next.as_str(), event.as_str());
            }
        }
    }
    diagram.render()
}
