//! A trait of more than 25 methods is two seams.

use crate::finding::Finding;
use crate::tree::{RustFile, Tree};

const MAX_METHODS: usize = 25;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(|file| wide_traits(&file)).collect()
}

/// Relies on rustfmt: an unindented trait ends at an unindented brace, its methods are indented once.
fn wide_traits(file: &RustFile<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (number, line) in (1..).zip(file.parts.code.lines()) {
        let line = line.trim_end();
        if line.contains("trait ") && !line.starts_with(' ') {
            open = Some((number, 0));
        } else if line == "}" {
            found.extend(open.take().filter(|(_, methods)| *methods > MAX_METHODS));
        } else if is_method(line)
            && let Some((_, methods)) = &mut open
        {
            *methods += 1;
        }
    }
    found
        .into_iter()
        .map(|(number, methods)| Finding::at(file.path, number, wide(methods)))
        .collect()
}

fn is_method(line: &str) -> bool {
    line.strip_prefix("    ")
        .is_some_and(|line| !line.starts_with(' ') && line.split(' ').any(|word| word == "fn"))
}

fn wide(methods: usize) -> String {
    format!("{methods} methods in one trait: split it, {MAX_METHODS} is the limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_26th_method_is_found() {
        let fits = "    async fn a(&self);\n".repeat(MAX_METHODS);
        let text = format!(
            "pub trait Fits {{\n{fits}}}\nimpl X {{\n    fn b() {{}}\n}}\npub trait Wide: Fits {{\n{fits}    fn c() {{\n        fn d() {{}}\n    }}\n}}\n"
        );
        let found = check(&Tree::of(&[("a.rs", &text)]));
        assert_eq!(found, [Finding::at("a.rs", 31, wide(26))]);
    }
}
