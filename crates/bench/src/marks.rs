//! What the processes of a measurement say of themselves, through a pipe that no service sees.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::{OpenOptions, Receiver};
use tokio::sync::Notify;

use crate::clock::patiently;

/// A mark: the process, and the instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) pid: i32,
    pub(crate) instant_ns: u64,
}

/// All marks so far. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    shared: Rc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    started: RefCell<HashMap<u64, Mark>>,
    signaled: RefCell<HashMap<u64, Mark>>,
    news: Notify,
}

impl Marks {
    /// Makes the pipe in the directory and reads it as long as the local set runs.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("marks");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Also open for writing, so that it never ends.
        let pipe = OpenOptions::new().read_write(true).open_receiver(&path)?;
        let marks = Self::default();
        let reader = marks.clone();
        tokio::task::spawn_local(async move { reader.read(pipe).await });
        Ok(marks)
    }

    /// Waits until the work of this number has begun.
    pub(crate) async fn started(&self, number: u64) -> Result<Mark> {
        let found = self.find(|shared| shared.started.borrow().get(&number).copied());
        patiently(|| format!("the begin of process {number}"), found).await
    }

    /// Waits until the process of this number was told to end.
    pub(crate) async fn signaled(&self, number: u64) -> Result<Mark> {
        let found = self.find(|shared| shared.signaled.borrow().get(&number).copied());
        patiently(|| format!("the signal to process {number}"), found).await
    }

    async fn find<T>(&self, find: impl Fn(&Shared) -> Option<T>) -> Result<T> {
        loop {
            let news = self.shared.news.notified();
            if let Some(found) = find(&self.shared) {
                return Ok(found);
            }
            news.await;
        }
    }

    async fn read(&self, pipe: Receiver) -> Result<()> {
        let mut lines = BufReader::new(pipe).lines();
        while let Some(line) = lines.next_line().await? {
            let (word, number, mark) = parse(&line)?;
            let place = match word {
                "start" => &self.shared.started,
                _ => &self.shared.signaled,
            };
            place.borrow_mut().insert(number, mark);
            self.shared.news.notify_waiters();
        }
        Ok(())
    }
}

fn parse(line: &str) -> Result<(&str, u64, Mark)> {
    let mut words = line.split(' ');
    let mut next = || words.next().context("a mark that is cut");
    let (word, number) = (next()?, next()?.parse()?);
    let (pid, instant_ns) = (next()?.parse()?, next()?.parse()?);
    Ok((word, number, Mark { pid, instant_ns }))
}
