//! The worker in shell stands in the page on its protocol as it is, and is as short as promised.

use crate::finding::Finding;
use crate::tree::Tree;

const PAGE: &str = "docs/worker-protocol.md";
const SCRIPT: &str = "examples/shell-worker/worker.sh";
/// What the page promises.
const LINES_MAX: usize = 40;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (Some(page), Some(script)) = (tree.file(PAGE), tree.file(SCRIPT)) else {
        return vec![Finding::at(PAGE, 1, format!("it or {SCRIPT} is missing"))];
    };
    let mut found = Vec::new();
    if !page.text.contains(&format!("```sh\n{}```\n", script.text)) {
        let told = format!("{SCRIPT} does not stand in it as it is");
        found.push(Finding::at(PAGE, 1, told));
    }
    let lines = script.text.lines().count();
    if lines > LINES_MAX {
        let told = format!("{lines} lines, {LINES_MAX} are promised");
        found.push(Finding::at(SCRIPT, LINES_MAX + 1, told));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str, script: &str) -> usize {
        check(&Tree::of(&[(PAGE, page), (SCRIPT, script)])).len()
    }

    #[test]
    fn another_text_and_too_many_lines_are_found() {
        assert_eq!(found("a\n```sh\nx\ny\n```\n", "x\ny\n"), 0);
        assert_eq!(found("a\n```sh\nx\n```\n", "x\ny\n"), 1);
        let long = "x\n".repeat(41);
        assert_eq!(found(&format!("```sh\n{long}```\n"), &long), 1);
        assert_eq!(check(&Tree::of(&[(PAGE, "")])).len(), 1);
    }
}
