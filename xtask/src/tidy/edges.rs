//! Dependency edges are architecture: the table in `ARCHITECTURE.md` and the manifests say the same.
//! Dev-dependencies are free, except those of `crates/domain`: its tests are as pure as its rules.

mod manifest;

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::tree::{File, Tree};

const DOCUMENT: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- edges: begin -->";
const END: &str = "<!-- edges: end -->";

/// Who depends, on what, and the line that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
    line: usize,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(document) = tree.file(DOCUMENT) else {
        return vec![Finding::at(
            DOCUMENT,
            1,
            "the table of dependency edges is missing",
        )];
    };
    let manifests: Vec<&File> = tree.files().filter(|file| is_member(&file.path)).collect();
    let listed = listed_edges(&document.text);
    let mut found = unknown_rows(&listed, &manifests);
    for manifest in manifests {
        found.extend(differences(manifest, &listed));
    }
    found
}

fn is_member(path: &str) -> bool {
    let crates = path
        .strip_prefix("crates/")
        .and_then(|rest| rest.strip_suffix("/Cargo.toml"));
    let examples = path
        .strip_prefix("examples/")
        .and_then(|rest| rest.strip_suffix("/Cargo.toml"));
    let member = crates.or(examples);
    path == "xtask/Cargo.toml" || member.is_some_and(|name| !name.contains('/'))
}

/// Rows between the two marks: the crate's folder in the first cell, what it may use in backticks after it.
fn listed_edges(document: &str) -> Vec<Edge> {
    let lines = (1..).zip(document.lines());
    let table = lines
        .skip_while(|(_, line)| *line != BEGIN)
        .take_while(|(_, line)| *line != END);
    let mut edges = Vec::new();
    for (line, row) in table.filter(|(_, row)| row.starts_with("| `")) {
        let mut words = row.split('`').skip(1).step_by(2);
        let Some(from) = words.next() else { continue };
        // A row of its own name keeps a crate without dependencies in the table.
        for to in std::iter::once(from).chain(words) {
            edges.push(Edge {
                from: from.to_owned(),
                to: to.to_owned(),
                line,
            });
        }
    }
    edges
}

fn unknown_rows(listed: &[Edge], manifests: &[&File]) -> Vec<Finding> {
    let folders: BTreeSet<&str> = manifests.iter().map(|file| folder(file)).collect();
    let rows = listed.iter().filter(|edge| edge.from == edge.to);
    rows.filter(|edge| !folders.contains(edge.from.as_str()))
        .map(|edge| {
            Finding::at(
                DOCUMENT,
                edge.line,
                format!("there is no crate `{}`", edge.from),
            )
        })
        .collect()
}

fn differences(file: &File, listed: &[Edge]) -> Vec<Finding> {
    let folder = folder(file);
    let real = manifest::dependencies(&file.text, folder == "crates/domain");
    let rows: Vec<&Edge> = listed.iter().filter(|edge| edge.from == folder).collect();
    if rows.is_empty() {
        return vec![Finding::at(
            &file.path,
            1,
            format!("`{folder}` has no row in {DOCUMENT}"),
        )];
    }
    let new = real
        .iter()
        .filter(|(name, _)| !rows.iter().any(|edge| edge.to == *name));
    let new = new.map(|(name, line)| {
        Finding::at(
            &file.path,
            *line,
            format!("`{folder}` → `{name}` is a new edge: it needs its line in {DOCUMENT}"),
        )
    });
    let gone = rows
        .iter()
        .filter(|edge| edge.to != folder && !real.iter().any(|(name, _)| *name == edge.to));
    let gone = gone.map(|edge| {
        Finding::at(
            DOCUMENT,
            edge.line,
            format!("`{folder}` does not depend on `{}`: take it off", edge.to),
        )
    });
    new.chain(gone).collect()
}

fn folder(manifest: &File) -> &str {
    manifest.path.trim_end_matches("/Cargo.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "text `crates/x`\n<!-- edges: begin -->\n| Crate | Uses |\n|---|---|\n\
        | `crates/domain` | | `serde` |\n| `crates/api` | `taskpilot-domain` | |\n\
        <!-- edges: end -->\n| `crates/y` | |\n";
    const DOMAIN: (&str, &str) = (
        "crates/domain/Cargo.toml",
        "[dependencies]\nserde.workspace = true\n",
    );
    const API: (&str, &str) = (
        "crates/api/Cargo.toml",
        "[dependencies]\ntaskpilot-domain.workspace = true\n",
    );

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files))
            .iter()
            .map(Finding::to_string)
            .collect()
    }

    #[test]
    fn equal_tables_pass_and_dev_dependencies_are_free() {
        let api = (
            "crates/api/Cargo.toml",
            "[dependencies]\ntaskpilot-domain = { path = \"x\" }\n[dev-dependencies]\ninsta = \"1\"\n",
        );
        assert_eq!(found(&[(DOCUMENT, TABLE), DOMAIN, api]), [] as [&str; 0]);
    }

    #[test]
    fn a_new_edge_is_found() {
        let api = (
            "crates/api/Cargo.toml",
            "[dependencies]\naxum = \"1\"\ntaskpilot-domain.workspace = true\n",
        );
        assert_eq!(
            found(&[(DOCUMENT, TABLE), DOMAIN, api]),
            [
                "crates/api/Cargo.toml:2: `crates/api` → `axum` is a new edge: it needs its line in ARCHITECTURE.md"
            ]
        );
    }

    #[test]
    fn a_dev_dependency_of_the_domain_is_an_edge() {
        let domain = (
            "crates/domain/Cargo.toml",
            "[dependencies]\nserde = \"1\"\n[dev-dependencies]\ntokio = \"1\"\n",
        );
        assert_eq!(
            found(&[(DOCUMENT, TABLE), domain, API]),
            [
                "crates/domain/Cargo.toml:4: `crates/domain` → `tokio` is a new edge: it needs its line in ARCHITECTURE.md"
            ]
        );
    }

    #[test]
    fn an_edge_that_is_gone_is_found() {
        assert_eq!(
            found(&[
                (DOCUMENT, TABLE),
                DOMAIN,
                ("crates/api/Cargo.toml", "[dependencies]\n")
            ]),
            ["ARCHITECTURE.md:6: `crates/api` does not depend on `taskpilot-domain`: take it off"]
        );
    }

    #[test]
    fn crates_and_rows_without_each_other_are_found() {
        assert_eq!(
            found(&[(DOCUMENT, TABLE), DOMAIN]),
            ["ARCHITECTURE.md:6: there is no crate `crates/api`"]
        );
        assert_eq!(
            found(&[(DOCUMENT, TABLE), DOMAIN, API, ("xtask/Cargo.toml", "")]),
            ["xtask/Cargo.toml:1: `xtask` has no row in ARCHITECTURE.md"]
        );
        assert_eq!(
            found(&[DOMAIN]),
            ["ARCHITECTURE.md:1: the table of dependency edges is missing"]
        );
    }
}
