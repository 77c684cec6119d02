//! Sessions in a document: what a reader types and what he is told to see.
//!
//! A session is a fenced block of the language `console`. A line that starts with `$ ` is a command
//! (a `\` at its end continues it on the next line); the lines after it are its output, in which
//! `…` stands for any text within a line, and a line of `…` alone for any number of lines.

use anyhow::{Result, bail, ensure};

/// Stands for what differs from run to run.
const ANY: &str = "…";

/// One command and its output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The line of the document, from 1.
    pub line: usize,
    /// What is typed, with its continuation lines.
    pub command: String,
    /// What is to be seen.
    pub expected: Vec<String>,
}

/// Reads all steps of all sessions of a document.
pub fn steps(document: &str) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    let mut lines = (1..).zip(document.lines());
    while let Some((line, text)) = lines.next() {
        match (inside, text.trim_end()) {
            (false, text) => inside = text == "```console",
            (true, "```") => inside = false,
            (true, text) => match text.strip_prefix("$ ") {
                Some(command) => {
                    let mut command = command.to_owned();
                    while command.ends_with('\\') {
                        let Some((_, more)) = lines.next() else {
                            bail!("line {line}: the command does not end");
                        };
                        command.push('\n');
                        command.push_str(more);
                    }
                    steps.push(Step {
                        line,
                        command,
                        expected: Vec::new(),
                    });
                }
                None => match steps.last_mut() {
                    Some(step) => step.expected.push(text.to_owned()),
                    None => bail!("line {line}: output before the first command"),
                },
            },
        }
    }
    ensure!(!inside, "the last session does not end");
    Ok(steps)
}

impl Step {
    /// Fails, naming both, unless the output is the expected one.
    pub fn compare(&self, output: &str) -> Result<()> {
        let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
        let expected: Vec<&str> = self.expected.iter().map(String::as_str).collect();
        ensure!(
            all_match(&expected, &lines),
            "line {}: $ {}\n--- as documented:\n{}\n--- as it is:\n{}",
            self.line,
            self.command,
            expected.join("\n"),
            lines.join("\n")
        );
        Ok(())
    }
}

fn all_match(expected: &[&str], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((&ANY, rest)) => (0..=lines.len()).any(|skipped| all_match(rest, &lines[skipped..])),
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, others)| line_matches(first, line) && all_match(rest, others)),
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split(ANY);
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(line: usize, command: &str, expected: &[&str]) -> Step {
        let expected = expected.iter().map(|&line| line.to_owned()).collect();
        Step {
            line,
            command: command.to_owned(),
            expected,
        }
    }

    #[test]
    fn the_steps_of_a_document_are_those_of_its_console_blocks() {
        let document = "\
text
```sh
$ not run
```
```console
$ one
1
2
$ two \\
    --more
```
";
        let expected = [
            step(6, "one", &["1", "2"]),
            step(9, "two \\\n    --more", &[]),
        ];
        assert_eq!(steps(document).unwrap(), expected);
        assert_eq!(steps("nothing").unwrap(), []);
    }

    #[test]
    fn a_block_that_does_not_end_or_begin_is_an_error() {
        for document in [
            "```console\n$ a\n",
            "```console\nx\n```\n",
            "```console\n$ a \\\n",
        ] {
            assert!(steps(document).is_err(), "{document}");
        }
    }

    #[test]
    fn placeholders_match_any_text_and_nothing_else_does() {
        for (expected, output, matches) in [
            (&["a"][..], "a\n", true),
            (&["a"], "b", false),
            (&["a"], "a\nb", false),
            (&[], "a", false),
            (
                &["{\"id\":…,\"at\":\"…\"}"],
                "{\"id\":1,\"at\":\"now\"}",
                true,
            ),
            (&["{\"id\":…,\"at\":\"…\"}"], "{\"id\":1}", false),
            (&["…b"], "abab", true),
            (&["a…a"], "a", false),
            (&["a", "…", "z"], "a\nb\nc\nz", true),
            (&["a", "…", "z"], "a\nz", true),
            (&["a", "…", "z"], "a\nb", false),
        ] {
            let compared = step(1, "x", expected).compare(output);
            assert_eq!(compared.is_ok(), matches, "{expected:?} {output:?}");
        }
    }
}
