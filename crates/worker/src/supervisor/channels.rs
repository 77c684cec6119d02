//! The supervisor's ends of the two control pipes. Neither ever blocks the loop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, ioctl_fionbio, read, write};

use crate::wire::{Decoder, Order, Report};

/// Orders from the worker.
pub(crate) struct Orders {
    pipe: Option<OwnedFd>,
    decoder: Decoder,
}

/// Reports to the worker.
pub(crate) struct Reports {
    pipe: Option<OwnedFd>,
    unsent: Vec<u8>,
}

impl Orders {
    /// From standard input.
    pub(crate) fn from_stdin() -> io::Result<Self> {
        let pipe = io::stdin().as_fd().try_clone_to_owned()?;
        ioctl_fionbio(&pipe, true)?;
        Ok(Self {
            pipe: Some(pipe),
            decoder: Decoder::default(),
        })
    }

    /// What to poll for reading, as long as the worker is there.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// What has arrived; the second value says that the worker was found gone just now.
    pub(crate) fn take(&mut self) -> (Vec<Order>, bool) {
        let mut orders = Vec::new();
        let mut buffer = [0; 16 * 1024];
        while let Some(pipe) = &self.pipe {
            match read(pipe, &mut buffer) {
                Ok(count) if count > 0 => self.decoder.push(&buffer[..count]),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return (orders, false),
                Ok(_) | Err(_) => break,
            }
            loop {
                match self.decoder.next() {
                    Ok(Some(order)) => orders.push(order),
                    Ok(None) => break,
                    // Whoever writes this is not our worker.
                    Err(_) => self.pipe = None,
                }
                if self.pipe.is_none() {
                    break;
                }
            }
        }
        self.pipe = None;
        (orders, true)
    }
}

impl Reports {
    /// To standard output.
    pub(crate) fn to_stdout() -> io::Result<Self> {
        let pipe = io::stdout().as_fd().try_clone_to_owned()?;
        ioctl_fionbio(&pipe, true)?;
        Ok(Self {
            pipe: Some(pipe),
            unsent: Vec::new(),
        })
    }

    /// What to poll for writing, while something is unsent.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe
            .as_ref()
            .filter(|_| !self.unsent.is_empty())
            .map(AsFd::as_fd)
    }

    /// Whether nothing is unsent that could still be sent.
    pub(crate) fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }

    pub(crate) fn push(&mut self, report: &Report) {
        let line = serde_json::to_vec(report).expect("invariant: a report is plain data");
        self.unsent.extend(line);
        self.unsent.push(b'\n');
    }

    /// Writes what the pipe takes. Without a reader everything counts as sent.
    pub(crate) fn flush(&mut self) {
        while let Some(pipe) = self.pipe.as_ref().filter(|_| !self.unsent.is_empty()) {
            match write(pipe, &self.unsent) {
                Ok(count) => {
                    self.unsent.drain(..count);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.pipe = None,
            }
        }
        if self.pipe.is_none() {
            self.unsent.clear();
        }
    }
}
