//! No test sleeps: it would be slow on a fast machine and wrong on a slow one. It waits for what it needs.

use crate::finding::Finding;
use crate::tree::{RustFile, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(|file| sleeps_in(&file)).collect()
}

fn sleeps_in(file: &RustFile<'_>) -> Vec<Finding> {
    let lines = (1..).zip(file.parts.code.lines());
    lines
        .filter(|(number, line)| file.is_test(*number) && sleeps(line))
        .map(|(number, _)| {
            Finding::at(
                file.path,
                number,
                "a test does not sleep: wait for the event, step the clock, or call `tick`",
            )
        })
        .collect()
}

/// Names a `sleep` of `std::thread` or `tokio::time`, or calls one that was imported.
fn sleeps(line: &str) -> bool {
    let line: String = line.split_whitespace().collect();
    let named = line.contains("thread::sleep") || line.contains("time::sleep");
    let called = line.match_indices("sleep(").any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
            && !line[..at].ends_with("fn")
    });
    named || called
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)]))
            .into_iter()
            .map(|found| found.line)
            .collect()
    }

    #[test]
    fn sleeps_in_tests_are_found_however_they_are_named() {
        let text =
            "std::thread::sleep(a);\nuse tokio::time::sleep;\nsleep(b).await;\ndemo_sleep(c);\n";
        assert_eq!(lines_found("crates/a/tests/it/main.rs", text), [1, 2, 3]);
        assert_eq!(lines_found("crates/e2e/src/ports.rs", text), [1, 2, 3]);
        assert_eq!(lines_found("crates/a/src/lease/tests.rs", text), [1, 2, 3]);
    }

    #[test]
    fn product_code_is_left_to_clippy() {
        let text = "fn a() { sleep(b) }\n#[cfg(test)]\nmod tests {\n    sleep(b);\n}\n";
        assert_eq!(lines_found("crates/a/src/lease.rs", text), [4]);
    }
}
