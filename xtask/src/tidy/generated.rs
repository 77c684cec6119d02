//! A generated document is what its generator writes now.

use crate::docs::{DOCUMENTS, Document};
use crate::finding::Finding;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    stale(tree, DOCUMENTS)
}

fn stale(tree: &Tree, documents: &[Document]) -> Vec<Finding> {
    let old = documents.iter().filter(|(path, render)| {
        let text = tree.file(path).map(|file| file.text.as_str());
        text != Some(render().as_str())
    });
    old.map(|(path, _)| Finding::at(path, 1, "not what the code says: run `cargo xtask docs`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> usize {
        stale(&Tree::of(files), &[("docs/a.md", || "new".to_owned())]).len()
    }

    #[test]
    fn a_stale_and_a_missing_document_are_found() {
        assert_eq!(found(&[("docs/a.md", "old")]), 1);
        assert_eq!(found(&[]), 1);
        assert_eq!(found(&[("docs/a.md", "new")]), 0);
    }
}
