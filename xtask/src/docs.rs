//! The documents that the product writes about itself: `cargo xtask docs`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Where a document is, and the function that writes it.
pub(crate) type Document = (&'static str, fn() -> String);

pub(crate) const DOCUMENTS: &[Document] = &[
    ("docs/errors.md", taskpilot_api::errors::render_markdown),
    (
        "docs/state-machine.md",
        taskpilot_domain::execution::table::render_markdown,
    ),
];

/// Writes every document, or with `check` only says which ones are not what the code says.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, render) in DOCUMENTS {
        let place = root.join(path);
        let text = render();
        if std::fs::read_to_string(&place).is_ok_and(|found| found == text) {
            continue;
        }
        stale.push(*path);
        if !check {
            std::fs::write(&place, text).with_context(|| format!("failed to write {path}"))?;
        }
    }
    ensure!(
        stale.is_empty() || !check,
        "{} not what the code says: run `cargo xtask docs`",
        stale.join(", ")
    );
    Ok(())
}
