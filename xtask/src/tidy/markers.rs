//! Marks of unfinished work belong into an issue, not into the tree.

use crate::finding::Finding;
use crate::tree::{File, Tree};

/// Written in halves: this file is searched too.
const MARKERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files().flat_map(marked).collect()
}

fn marked(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric());
        if let Some(word) = words.find(|word| MARKERS.contains(word)) {
            found.push(Finding::at(
                &file.path,
                index + 1,
                format!("`{word}`: finish it, or file an issue"),
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_is_found_as_a_word_of_its_own_in_any_file() {
        for marker in MARKERS {
            let text = format!("one\n# {marker}: later\n");
            assert_eq!(
                check(&Tree::of(&[("Makefile", &text)])).len(),
                1,
                "{marker}"
            );
            let part = format!("mktemp name.{marker}{marker}\n");
            assert_eq!(check(&Tree::of(&[("Makefile", &part)])), [], "{marker}");
        }
    }
}
