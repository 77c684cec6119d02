//! `lib.rs` and `mod.rs` are faces: documentation, `mod` and `pub use`, and nothing that does something.

use crate::finding::Finding;
use crate::tree::{RustFile, Tree};

/// What defines something.
const DEFINES: &[&str] = &[
    "const", "enum", "fn", "impl", "static", "struct", "trait", "type",
];

/// What may stand before that.
const BEFORE: &[&str] = &["async", "crate", "in", "pub", "super"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let faces = tree
        .rust()
        .filter(|file| file.path.ends_with("/lib.rs") || file.path.ends_with("/mod.rs"));
    faces.flat_map(|file| definitions(&file)).collect()
}

/// Relies on rustfmt: what a file defines itself is not indented.
fn definitions(file: &RustFile<'_>) -> Vec<Finding> {
    let lines = (1..).zip(file.parts.code.lines());
    let found = lines.filter_map(|(number, line)| {
        let defined = defined(line).filter(|_| !is_own_test(file, number))?;
        let what = format!("`{defined}` in a face: move it into a file named after its concept");
        Some(Finding::at(file.path, number, what))
    });
    found.collect()
}

fn defined(line: &str) -> Option<&str> {
    let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
    let mut words = words.skip_while(|word| word.is_empty() || BEFORE.contains(word));
    let first = words.next().filter(|_| !line.starts_with(' '))?;
    DEFINES.contains(&first).then_some(first)
}

/// A trailing `mod tests` is not what a face shows.
fn is_own_test(file: &RustFile<'_>, line: usize) -> bool {
    file.parts.tests_from.is_some_and(|from| line >= from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_face_defines_is_found() {
        let face = "//! A face.\nmod a;\npub(crate) use a::b;\nmacro_rules! c {\n    () => { fn d() {} };\n}\npub(crate) async fn e() {}\nconst F: u8 = 1;\npub struct G;\nimpl G {\n    fn h() {}\n}\n#[cfg(test)]\nmod tests {\n    fn i() {}\n}\n";
        let other = "//! No face.\npub fn e() {}\n";
        let tree = Tree::of(&[
            ("a/mod.rs", face),
            ("a/lib.rs", "//! A.\nfn x() {}\n"),
            ("a/b.rs", other),
        ]);
        let found: Vec<_> = check(&tree)
            .into_iter()
            .map(|found| (found.path, found.line))
            .collect();
        let lines = |path: &str, lines: &[usize]| -> Vec<_> {
            lines.iter().map(|line| (path.to_owned(), *line)).collect()
        };
        let expected = [lines("a/mod.rs", &[7, 8, 9, 10]), lines("a/lib.rs", &[2])];
        assert_eq!(found, expected.concat());
    }
}
