//! A file that needs more than 600 lines holds more than one concept. A trailing `mod tests` is not counted.

use crate::finding::Finding;
use crate::tree::{RustFile, Tree};

const MAX_LINES: usize = 600;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().filter_map(|file| too_long(&file)).collect()
}

fn too_long(file: &RustFile<'_>) -> Option<Finding> {
    let all = file.text.lines().count();
    let lines = file.parts.tests_from.map_or(all, |from| from - 1);
    let what =
        format!("{lines} lines without the tests: split it by concept, {MAX_LINES} is the limit");
    (lines > MAX_LINES).then(|| Finding::at(file.path, MAX_LINES, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_601_is_found_and_tests_are_not_counted() {
        let limit = "//\n".repeat(MAX_LINES);
        let tests = "#[cfg(test)]\nmod tests {\n}\n";
        let tree = Tree::of(&[
            ("fits.rs", &limit),
            ("long.rs", &format!("{limit}//\n")),
            ("tested.rs", &format!("{limit}{tests}")),
        ]);
        let paths: Vec<String> = check(&tree).into_iter().map(|found| found.path).collect();
        assert_eq!(paths, ["long.rs"]);
    }
}
