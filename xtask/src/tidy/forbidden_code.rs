//! Code that postpones work or silences a check: unfinished bodies, tests that do not run, `allow` instead of `expect`.

use crate::finding::Finding;
use crate::tree::{RustFile, Tree};

const MACROS: &[&str] = &["todo", "unimplemented"];

const ATTRIBUTES: &[(&str, &str)] = &[
    ("ignore", "a test runs or does not exist"),
    (
        "allow",
        "`expect` with a reason says when it is no longer needed",
    ),
];

/// An example in a doc comment that is not compiled is a test that does not run.
const FENCES: &[&str] = &["```ignore", "```rust,ignore"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(|file| forbidden_in(&file)).collect()
}

fn forbidden_in(file: &RustFile<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines = file.parts.code.lines().zip(file.parts.comments.lines());
    for (number, (code, comment)) in (1..).zip(lines) {
        let code: String = code.split_whitespace().collect();
        let what = forbidden_code(&code).into_iter();
        for what in what.chain(forbidden_fence(comment)) {
            found.push(Finding::at(file.path, number, what));
        }
    }
    found
}

/// `code` is one line without blanks.
fn forbidden_code(code: &str) -> Vec<String> {
    let macros = MACROS.iter().filter(|name| {
        let call = format!("{name}!");
        code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '!'))
            .any(|word| word == call)
    });
    let macros = macros.map(|name| format!("`{name}!`: finish it, or leave it out"));
    let attributes = ATTRIBUTES.iter().filter(|(name, _)| {
        let after = ["#[", "#!["].map(|open| format!("{open}{name}"));
        after.iter().any(|start| {
            let rest = code.split_once(start.as_str()).map(|(_, rest)| rest);
            rest.is_some_and(|rest| rest.starts_with(['(', ']', '=']))
        })
    });
    macros
        .chain(attributes.map(|(name, why)| format!("the attribute `{name}`: {why}")))
        .collect()
}

fn forbidden_fence(comment: &str) -> Option<String> {
    FENCES
        .iter()
        .any(|fence| comment.contains(fence))
        .then(|| "an example that does not run: let it, or mark it `text`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        check(&Tree::of(&[("a.rs", text)])).len()
    }

    #[test]
    fn unfinished_bodies_are_found() {
        for name in MACROS {
            assert_eq!(found(&format!("fn a() {{ {name}!() }}\n")), 1, "{name}");
            assert_eq!(
                found(&format!("fn a() {{ {name} ! (\"b\") }}\n")),
                1,
                "{name}"
            );
            assert_eq!(found(&format!("fn a() {{ my_{name}!() }}\n")), 0, "{name}");
            assert_eq!(
                found(&format!("const A: &str = \"{name}!()\";\n")),
                0,
                "{name}"
            );
        }
    }

    #[test]
    fn forbidden_attributes_are_found_in_every_form() {
        for (name, _) in ATTRIBUTES {
            for end in ["]", "(dead_code)]", " = \"slow\"]"] {
                assert_eq!(found(&format!("#[{name}{end}\n")), 1, "{name}{end}");
                assert_eq!(found(&format!("  # ! [ {name} {end}\n")), 1, "{name}{end}");
                assert_eq!(found(&format!("// #[{name}{end}\n")), 0, "{name}{end}");
            }
            assert_eq!(found(&format!("#[{name}_case]\n")), 0, "{name}");
        }
    }

    #[test]
    fn examples_that_do_not_run_are_found() {
        for fence in FENCES {
            assert_eq!(found(&format!("/// {fence}\n")), 1, "{fence}");
        }
        assert_eq!(found("/// ```text\n"), 0);
    }
}
