//! `cargo xtask tidy`: the rules of the house that no compiler and no clippy lint holds.
//! One file per rule; each takes a [`Tree`] and answers with what it found, and its tests show it going red.

mod doc_heads;
mod doc_paths;
mod edges;
mod faces;
mod file_length;
mod file_names;
mod forbidden_code;
mod generated;
mod markers;
mod module_docs;
mod shell_worker;
mod sleeps;
mod sql_place;
mod store_halves;
mod trait_size;
mod workplace;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, bail};

use crate::finding::Finding;
use crate::tree::Tree;

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: &[Check] = &[
    doc_heads::check,
    doc_paths::check,
    edges::check,
    faces::check,
    file_length::check,
    file_names::check,
    forbidden_code::check,
    generated::check,
    markers::check,
    module_docs::check,
    shell_worker::check,
    sleeps::check,
    sql_place::check,
    store_halves::check,
    trait_size::check,
    workplace::check,
];

pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::load(root)?;
    let mut out = std::io::stdout().lock();
    let findings = findings(&tree);
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    if !findings.is_empty() {
        bail!("{} places break a rule of CONTRIBUTING.md", findings.len());
    }
    writeln!(
        out,
        "{} rules hold in {} files",
        CHECKS.len(),
        tree.files().count()
    )?;
    Ok(())
}

fn findings(tree: &Tree) -> Vec<Finding> {
    let mut found: Vec<Finding> = CHECKS.iter().flat_map(|check| check(tree)).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let tree = Tree::load(crate::root()).unwrap();
        assert!(tree.rust().count() > 10, "the tree was not read");
        let found: Vec<String> = findings(&tree).iter().map(Finding::to_string).collect();
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }
}
