//! Statements live in `.sql` files of the engine crates, where a test prepares each of them; nowhere else.

use crate::finding::Finding;
use crate::tree::{RustFile, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = stray_files(tree);
    let crates = tree.rust().filter(|file| file.path.starts_with("crates/"));
    found.extend(crates.flat_map(|file| statements_in(&file)));
    found
}

fn stray_files(tree: &Tree) -> Vec<Finding> {
    const WHAT: &str = "`.sql` files live in crates/store-*/sql and crates/store-*/migrations";
    let files = tree.files().filter(|file| file.is("sql"));
    files
        .filter(|file| !is_home(&file.path))
        .map(|file| Finding::at(&file.path, 1, WHAT))
        .collect()
}

fn is_home(path: &str) -> bool {
    let mut folders = path.split('/');
    folders.next() == Some("crates")
        && folders
            .next()
            .is_some_and(|name| name.starts_with("store-"))
        && matches!(folders.next(), Some("sql" | "migrations"))
}

fn statements_in(file: &RustFile<'_>) -> Vec<Finding> {
    let literals = file
        .parts
        .literals
        .iter()
        .filter(|literal| !file.is_test(literal.line));
    literals
        .filter(|literal| is_statement(&literal.text))
        .map(|literal| {
            Finding::at(
                file.path,
                literal.line,
                "SQL in a literal: give it a file under crates/store-*/sql",
            )
        })
        .collect()
}

fn is_statement(literal: &str) -> bool {
    let words = literal.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
    let lower = words.to_lowercase();
    let shouted = words.contains("SELECT ")
        || words.contains("INSERT INTO ")
        || words.contains("DELETE FROM ")
        || (words.contains("UPDATE ") && words.contains(" SET "));
    let whispered = (lower.starts_with("select ") && lower.contains(" from "))
        || lower.starts_with("insert into ")
        || lower.starts_with("delete from ")
        || (lower.starts_with("update ") && lower.contains(" set ") && lower.contains('='));
    shouted || whispered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn statements_in_literals_are_found() {
        for sql in [
            "SELECT 1",
            "select id from task",
            "INSERT INTO task VALUES (1)",
            "DELETE FROM task",
            "UPDATE task\\n SET a = 1",
            "update task set a = 1",
        ] {
            let text = format!("const A: &str = \"{sql}\";\n");
            assert_eq!(found("crates/store-sqlite/src/tasks.rs", &text), 1, "{sql}");
            assert_eq!(
                found("crates/store-sqlite/tests/tasks.rs", &text),
                0,
                "{sql}"
            );
            assert_eq!(
                found("crates/control/src/tasks.rs", &format!("// {sql}\n")),
                0,
                "{sql}"
            );
        }
    }

    #[test]
    fn prose_is_not_a_statement() {
        for prose in [
            "selects the queue",
            "update the settings",
            "SELECTED",
            "select a queue",
        ] {
            assert_eq!(
                found(
                    "crates/a/src/b.rs",
                    &format!("const A: &str = \"{prose}\";\n")
                ),
                0,
                "{prose}"
            );
        }
    }

    #[test]
    fn a_statement_file_outside_the_engines_is_found() {
        assert_eq!(found("crates/control/sql/tasks/list.sql", ""), 1);
        assert_eq!(found("crates/store-sqlite/src/list.sql", ""), 1);
        assert_eq!(found("crates/store-sqlite/sql/tasks/list.sql", ""), 0);
        assert_eq!(
            found("crates/store-sqlite/migrations/control/V1__tasks.sql", ""),
            0
        );
    }
}
