//! One owner per service and directory: an exclusive lock of the operating system for its lifetime.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::open::OpenError;

/// The right to write to a database. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub(crate) struct Ownership {
    /// The lock belongs to the open file: it is never opened a second time by this process.
    _file: File,
}

impl Ownership {
    /// Takes the lock of `service` in `directory`, which is made where it is missing.
    pub(crate) fn take(directory: &Path, service: &str) -> Result<Self, OpenError> {
        let path = directory.join(format!("{service}.lock"));
        let io = |source| OpenError::Io {
            path: path.clone(),
            source,
        };
        make_private(directory).map_err(io)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(OpenError::Locked {
                    path,
                    holder: read_holder(&mut file),
                });
            }
            Err(errno) => return Err(io(errno.into())),
        }
        write_holder(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// Payloads are nobody else's business: only the owner of the directory reads them.
fn make_private(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}

/// `None` in the instant between the lock and the line that names its holder.
fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_who_holds_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let first = Ownership::take(directory.path(), "control").unwrap();
        let second = Ownership::take(directory.path(), "control").unwrap_err();
        let OpenError::Locked { holder, .. } = second else {
            panic!("{second}");
        };
        assert_eq!(holder, Some(process::id()));
        drop(first);
        Ownership::take(directory.path(), "control").unwrap();
    }

    #[test]
    fn the_two_services_own_one_directory_side_by_side() {
        let directory = tempfile::tempdir().unwrap();
        let _control = Ownership::take(directory.path(), "control").unwrap();
        Ownership::take(directory.path(), "scheduler").unwrap();
    }
}
