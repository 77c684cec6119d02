//! Each service sees its own half of `store`: the control plane never names the scheduler's trait, nor the other way round.

use crate::finding::Finding;
use crate::tree::{RustFile, Tree};

struct Half {
    crate_src: &'static str,
    foreign_trait: &'static str,
    foreign_module: &'static str,
}

const HALVES: &[Half] = &[
    Half {
        crate_src: "crates/control/src/",
        foreign_trait: "SchedulerStore",
        foreign_module: "scheduler",
    },
    Half {
        crate_src: "crates/scheduler/src/",
        foreign_trait: "ControlStore",
        foreign_module: "control",
    },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .flat_map(|file| {
            let halves = HALVES
                .iter()
                .filter(|half| file.path.starts_with(half.crate_src));
            halves
                .filter_map(|half| foreign_name(&file, half))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn foreign_name(file: &RustFile<'_>, half: &Half) -> Option<Finding> {
    let code = &file.parts.code;
    let at = word_at(code, half.foreign_trait).or_else(|| module_at(code, half.foreign_module))?;
    let line = code[..at].matches('\n').count() + 1;
    let what = format!(
        "the `{}` half of store belongs to the other service",
        half.foreign_module
    );
    Some(Finding::at(file.path, line, what))
}

fn word_at(code: &str, word: &str) -> Option<usize> {
    code.match_indices(word).map(|(at, _)| at).find(|at| {
        let after = code[at + word.len()..].chars().next();
        !ends_in_word(&code[..*at]) && !after.is_some_and(is_word)
    })
}

/// `taskpilot_store::scheduler`, also as one of the names in `taskpilot_store::{…}`.
fn module_at(code: &str, module: &str) -> Option<usize> {
    let mut places = code.match_indices("taskpilot_store").map(|(at, _)| at);
    places.find(|at| {
        let import = code[*at..].split(';').next().unwrap_or_default();
        let import: String = import.replace(" as ", "=").split_whitespace().collect();
        let path = import.strip_prefix("taskpilot_store::");
        path.is_some_and(|path| first_names(path).contains(&module))
    })
}

/// `a::b` gives `a`; `{a::{b,c},d=e}` gives `a` and `d`.
fn first_names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else {
        return path.split(|c| !is_word(c)).take(1).collect();
    };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                names.extend(group[start..at].split(|c| !is_word(c)).next());
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)]))
            .into_iter()
            .map(|found| found.line)
            .collect()
    }

    #[test]
    fn the_other_half_is_found_however_it_is_imported() {
        for text in [
            "\nuse taskpilot_store::scheduler::Claim;\n",
            "\nuse taskpilot_store::{StoreError, scheduler};\n",
            "\nuse taskpilot_store::{\n    rows::{self, Task},\n    scheduler as other,\n};\n",
            "\nlet a = taskpilot_store::scheduler::claim();\n",
            "\nfn a(store: &dyn SchedulerStore) {}\n",
        ] {
            assert_eq!(found("crates/control/src/tasks.rs", text), [2], "{text}");
            assert_eq!(
                found("crates/scheduler/src/claims.rs", text),
                [] as [usize; 0],
                "{text}"
            );
        }
        assert_eq!(
            found(
                "crates/scheduler/src/claims.rs",
                "use taskpilot_store::ControlStore;\n"
            ),
            [1]
        );
        assert_eq!(
            found(
                "crates/scheduler/src/a.rs",
                "use taskpilot_store::control::Task;\n"
            ),
            [1]
        );
    }

    #[test]
    fn the_own_half_and_comments_are_free() {
        let text =
            "// not SchedulerStore\nuse taskpilot_store::{control::scheduler, StoreError};\n";
        assert_eq!(found("crates/control/src/tasks.rs", text), [] as [usize; 0]);
    }
}
