//! File and folder names that name nothing attract everything: they are banned.

use crate::finding::Finding;
use crate::tree::Tree;

const BANNED: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "type", "types", "util", "utils",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter_map(|file| named_for_nothing(file.path))
        .collect()
}

fn named_for_nothing(path: &str) -> Option<Finding> {
    let mut names = path.trim_end_matches(".rs").split('/');
    let bad = names.find(|name| BANNED.contains(name))?;
    Some(Finding::at(
        path,
        1,
        format!("`{bad}` says nothing: name the file after the concept it owns"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_named_for_nothing_are_found() {
        let tree = Tree::of(&[
            ("crates/a/src/utils.rs", ""),
            ("crates/a/tests/common/mod.rs", ""),
            ("crates/a/src/task_types.rs", ""),
            ("docs/common/x.md", ""),
        ]);
        let paths: Vec<String> = check(&tree).into_iter().map(|found| found.path).collect();
        assert_eq!(
            paths,
            ["crates/a/src/utils.rs", "crates/a/tests/common/mod.rs"]
        );
    }
}
