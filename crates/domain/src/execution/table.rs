//! The machines as one document: what `docs/state-machine.md` shows and a snapshot pins.
//!
//! Every cell is computed by the function that decides in production; nothing is written by hand.

mod bindings;
mod executions;
mod markdown;
mod starts;
mod stops;

const INTRO: &str = "\
# State machine

Generated from the functions that decide (`crates/domain`); do not edit: run `cargo xtask docs`.
This is what the code does, cell by cell.";

/// Renders the document, which ends with a line feed.
pub fn render_markdown() -> String {
    let mut text = [
        INTRO.to_owned(),
        executions::render(),
        starts::render(),
        stops::render(),
        bindings::render(),
    ]
    .join("\n\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_execution_is_as_it_was_agreed() {
        insta::assert_snapshot!("execution", executions::render());
    }

    #[test]
    fn every_cell_of_the_start_is_as_it_was_agreed() {
        insta::assert_snapshot!("start", starts::render());
    }

    #[test]
    fn every_cell_of_the_stop_is_as_it_was_agreed() {
        insta::assert_snapshot!("stop", stops::render());
    }

    #[test]
    fn every_cell_of_the_binding_is_as_it_was_agreed() {
        insta::assert_snapshot!("binding", bindings::render());
    }

    #[test]
    fn the_committed_document_is_what_the_code_does() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/state-machine.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == render_markdown(),
            "docs/state-machine.md is not what the code does: run `cargo xtask docs`"
        );
    }
}
