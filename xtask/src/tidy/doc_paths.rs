//! A path that a document names exists. Documents are the Markdown files; a path is in backticks or is a link.

use crate::finding::Finding;
use crate::tree::{File, Tree};

/// Where a backticked word starts if it means a file of ours.
const ROOTS: &[&str] = &[
    "crates/",
    "xtask/",
    "docs/",
    "scripts/",
    "examples/",
    ".ci/",
    ".config/",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.files().filter(|file| file.is("md"));
    documents.flat_map(|file| dead_paths(tree, file)).collect()
}

fn dead_paths(tree: &Tree, file: &File) -> Vec<Finding> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let quoted = line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| names_a_file(word));
        let links = line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let links = links.map(|link| link.split('#').next().unwrap_or(link));
        let links = links.filter(|link| !link.is_empty() && !link.contains(':'));
        let paths = quoted
            .map(str::to_owned)
            .chain(links.map(|link| resolve(folder, link)));
        for path in paths.filter(|path| !exists(tree, path)) {
            found.push(Finding::at(
                &file.path,
                number,
                format!("`{path}` does not exist"),
            ));
        }
    }
    found
}

/// Patterns such as `crates/store-*/sql` and `crates/<name>` name a kind of file, not one.
fn names_a_file(word: &str) -> bool {
    ROOTS.iter().any(|root| word.starts_with(root)) && !word.contains(['*', '<', '{', ' ', '…'])
}

fn resolve(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn exists(tree: &Tree, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    tree.files().any(|file| {
        file.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Finding> {
        check(&Tree::of(&[
            ("docs/a.md", text),
            ("docs/adr/0001.md", ""),
            ("crates/b/src/lib.rs", ""),
        ]))
    }

    #[test]
    fn dead_paths_and_links_are_found() {
        for text in [
            "`crates/b/src/main.rs`",
            "[x](adr/0002.md)",
            "[x](../docs/b.md#y)",
            "`docs/adr/0001`",
        ] {
            assert_eq!(found(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn living_paths_patterns_and_other_sites_pass() {
        let text = "`crates/b` `crates/b/src/lib.rs` `crates/<n>/x` [x](adr/0001.md#y) [x](#y) [x](https://a.b/c) `docs/…`";
        assert_eq!(found(text), []);
    }
}
