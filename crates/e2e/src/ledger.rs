//! What really ran, as the handlers themselves wrote it down: a file that no service ever sees.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What happened: `start`, `end`, or a word of one handler.
    pub word: String,
    /// The execution, as the worker told the handler.
    pub execution: i64,
    /// The attempt, as the worker told the handler.
    pub attempt: u32,
}

impl Mark {
    /// A mark of the first attempt.
    pub fn first(word: &str, execution: i64) -> Self {
        Self::of(word, execution, 1)
    }

    /// A mark.
    pub fn of(word: &str, execution: i64, attempt: u32) -> Self {
        Self {
            word: word.to_owned(),
            execution,
            attempt,
        }
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (word, execution, attempt) = (words.next()?, words.next()?, words.next()?);
        let mark = Self::of(word, execution.parse().ok()?, attempt.parse().ok()?);
        words.next().is_none().then_some(mark)
    }
}

/// The ledger of one test.
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
}

impl Ledger {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// All marks in the order in which they were written.
    pub fn marks(&self) -> Result<Vec<Mark>> {
        let text = std::fs::read_to_string(&self.path).context("failed to read the ledger")?;
        let lines = text.lines();
        lines
            .map(|line| Mark::read(line).with_context(|| format!("no mark: {line:?}")))
            .collect()
    }

    /// The marks of one execution.
    pub fn of(&self, execution: i64) -> Result<Vec<Mark>> {
        let marks = self.marks()?;
        Ok(marks
            .into_iter()
            .filter(|mark| mark.execution == execution)
            .collect())
    }

    /// Whether a mark was written.
    pub fn has(&self, mark: &Mark) -> Result<bool> {
        Ok(self.marks()?.contains(mark))
    }
}
