//! The text files of the repository, read once. The checks see nothing else, so a test can hand them a tree of its own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::rust_text::RustText;

pub(crate) struct Tree {
    files: Vec<File>,
}

pub(crate) struct File {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Only for `.rs` files.
    rust: Option<RustText>,
}

pub(crate) struct RustFile<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) parts: &'a RustText,
}

impl Tree {
    /// What git tracks, and what it would track after `git add`: a check speaks before the commit.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .context("failed to start git")?;
        ensure!(
            listed.status.success(),
            "{}",
            String::from_utf8_lossy(&listed.stderr).trim()
        );
        let paths = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
        let mut files = Vec::new();
        for path in paths.split('\0').filter(|path| !path.is_empty()) {
            // Deleted but not committed, a link to a directory, or not text: nothing to read.
            if let Ok(bytes) = std::fs::read(root.join(path))
                && let Ok(text) = String::from_utf8(bytes)
            {
                files.push(File::new(path, text));
            }
        }
        Ok(Self { files })
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| File::new(path, (*text).to_owned()))
            .collect();
        Self { files }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = RustFile<'_>> {
        self.files.iter().filter_map(|file| {
            let parts = file.rust.as_ref()?;
            Some(RustFile {
                path: &file.path,
                text: &file.text,
                parts,
            })
        })
    }
}

impl File {
    pub(crate) fn is(&self, extension: &str) -> bool {
        has_extension(&self.path, extension)
    }

    fn new(path: &str, text: String) -> Self {
        let rust = has_extension(path, "rs").then(|| RustText::of(&text));
        Self {
            path: path.to_owned(),
            text,
            rust,
        }
    }
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

impl RustFile<'_> {
    /// Whether line `line` (from 1) is only compiled for tests: by its file, or by a trailing `mod tests`.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        let path = self.path;
        path.starts_with("crates/e2e/")
            || path.contains("/tests/")
            || path.ends_with("/tests.rs")
            || self.parts.tests_from.is_some_and(|from| line >= from)
    }
}
