//! The end of a program's outputs, in bounded memory.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, ioctl_fionbio, read};

use crate::limits::{OUTPUT_BYTES_AFTER_END, OUTPUT_BYTES_PER_TURN};
use crate::wire::OutputTail;

const CHUNK: usize = 16 * 1024;

/// One output of the program.
pub(crate) struct Capture {
    pipe: Option<OwnedFd>,
    last: VecDeque<u8>,
    keep: usize,
    bytes: u64,
}

impl Capture {
    /// The last `keep` bytes of what comes out of the pipe.
    pub(crate) fn new(pipe: Option<OwnedFd>, keep: usize) -> Self {
        // A pipe that cannot be set non-blocking could hang the supervisor: better no output.
        let pipe = pipe.filter(|pipe| ioctl_fionbio(pipe, true).is_ok());
        Self {
            pipe,
            last: VecDeque::new(),
            keep,
            bytes: 0,
        }
    }

    /// What to poll for reading, until the end of the output.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Takes what is there, without waiting.
    pub(crate) fn drain(&mut self) {
        self.drain_at_most(OUTPUT_BYTES_PER_TURN);
    }

    /// Takes the rest and lets go of the pipe, whoever else still holds it.
    pub(crate) fn close(&mut self) {
        self.drain_at_most(OUTPUT_BYTES_AFTER_END);
        self.pipe = None;
    }

    /// The end of the output as text.
    pub(crate) fn tail(&self) -> OutputTail {
        let bytes: Vec<u8> = self.last.iter().copied().collect();
        let cut = u64::try_from(bytes.len()).is_ok_and(|kept| kept < self.bytes);
        let whole = if cut {
            without_cut_character(&bytes)
        } else {
            &bytes
        };
        OutputTail {
            text: String::from_utf8_lossy(whole).into_owned(),
            bytes: self.bytes,
        }
    }

    fn drain_at_most(&mut self, limit: usize) {
        let mut buffer = [0; CHUNK];
        let mut taken = 0;
        while let Some(pipe) = self.pipe.as_ref().filter(|_| taken < limit) {
            match read(pipe, &mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => {
                    taken += count;
                    self.push(&buffer[..count]);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.pipe = None,
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        self.last.extend(bytes);
        let surplus = self.last.len().saturating_sub(self.keep);
        self.last.drain(..surplus);
    }
}

/// A cut in the middle of a character leaves up to three bytes that are no text.
fn without_cut_character(bytes: &[u8]) -> &[u8] {
    let continuation = bytes
        .iter()
        .take(3)
        .take_while(|byte| **byte & 0xC0 == 0x80)
        .count();
    &bytes[continuation..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept_and_begins_with_a_whole_character() {
        let mut capture = Capture::new(None, 4);
        capture.push("aé".as_bytes());
        assert_eq!(capture.tail(), tail("aé", 3));
        capture.push("xyz".as_bytes());
        assert_eq!(capture.tail(), tail("xyz", 6));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut capture = Capture::new(None, 8);
        capture.push(b"\x80ok\xff");
        assert_eq!(capture.tail(), tail("\u{fffd}ok\u{fffd}", 4));
    }

    fn tail(text: &str, bytes: u64) -> OutputTail {
        OutputTail {
            text: text.to_owned(),
            bytes,
        }
    }
}
