//! Files that are handed to one program: there as a whole or not at all, and for its user only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes one for a program to find. A failure leaves nothing.
pub(crate) fn hand_out(path: &Path, text: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let written = write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        take_back(&[unfinished]);
    }
    written
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text)
}

/// Nothing is left of the program. Few programs have all the files that they might have.
pub(crate) fn take_back(paths: &[PathBuf]) {
    for path in paths {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_there_for_its_user_until_it_is_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("marker.cleanup.json");
        hand_out(&path, b"{}").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(
            (fs::read(&path).unwrap(), mode & 0o777),
            (b"{}".to_vec(), 0o600)
        );
        take_back(&[path]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_handed_out_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        fs::create_dir(&path).unwrap();
        hand_out(&path, b"{}").unwrap_err();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
