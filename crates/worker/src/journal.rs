//! Which supervisors a worker has, on disk: what a new worker needs to end its previous life.
//!
//! One small file per supervisor, written before its program may run and removed at the proof of
//! its end. Not synced: a record is needed only while the same boot lasts.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use serde::{Deserialize, Serialize};
use taskpilot_fault::{self as fault, Step};

use crate::groups::Group;
use crate::process_table::{ProcessId, boot_id};
use crate::spec::CommandSpec;

/// The journal directory of one worker. Held exclusively: a second worker that swept it would kill
/// the first one's work.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    boot_id: String,
    _lock: File,
}

/// One supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `/proc/sys/kernel/random/boot_id` when it was started.
    pub boot_id: String,
    /// The supervisor process.
    pub supervisor: ProcessId,
    /// The marker in the environment of its tree.
    pub marker: String,
    /// What it was for.
    pub subject: String,
    /// The control group that it was to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another worker that lives has this directory.
    #[error("the journal {} belongs to another worker that is running", .directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory cannot be read or written.
    #[error("the journal {} cannot be used: {source}", .directory.display())]
    Io {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A record that is in the journal.
pub(crate) struct Entry {
    path: PathBuf,
    pub(crate) record: Record,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Journal")
            .field(&self.shared.directory)
            .finish()
    }
}

impl Journal {
    /// Creates or opens the directory and takes its lock, which ends with this process or with the
    /// last clone. Blocks for some file operations.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io {
            directory: directory.to_owned(),
            source,
        };
        fs::create_dir_all(directory).map_err(failed)?;
        let lock = File::create(directory.join("lock")).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse {
                directory: directory.to_owned(),
            },
            TryLockError::Error(source) => failed(source),
        })?;
        let shared = Shared {
            // Programs run elsewhere, and are told of a file in it.
            directory: std::path::absolute(directory).map_err(failed)?,
            boot_id: boot_id().map_err(failed)?,
            _lock: lock,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Where the program of a marker may find why it is stopped; the directory is there after
    /// [`Self::clear_stop_files`].
    pub(crate) fn stop_file(&self, marker: &str) -> Option<PathBuf> {
        let path = self.stop_files().join(format!("{marker}.json"));
        // A supervisor is told it in JSON.
        path.to_str().is_some().then_some(path)
    }

    /// Where the program of a cleanup finds what it is about, beside that.
    pub(crate) fn cleanup_file(&self, marker: &str) -> Option<PathBuf> {
        let path = self.stop_files().join(format!("{marker}.cleanup.json"));
        path.to_str().is_some().then_some(path)
    }

    /// Removes what programs of a previous life were handed, and makes room for those of this one.
    pub(crate) fn clear_stop_files(&self) -> io::Result<()> {
        let directory = self.stop_files();
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        DirBuilder::new().mode(0o700).create(directory)
    }

    fn stop_files(&self) -> PathBuf {
        self.shared.directory.join("stops")
    }

    /// The records of supervisors whose end was not proven, of whatever boot.
    pub fn records(&self) -> io::Result<Vec<Record>> {
        Ok(self
            .entries()?
            .into_iter()
            .map(|entry| entry.record)
            .collect())
    }

    pub(crate) fn is_of_this_boot(&self, record: &Record) -> bool {
        record.boot_id == self.shared.boot_id
    }

    /// Adds a record. It is there as a whole or not at all.
    pub(crate) fn add(&self, supervisor: ProcessId, spec: &CommandSpec) -> io::Result<Entry> {
        let record = Record {
            boot_id: self.shared.boot_id.clone(),
            supervisor,
            marker: spec.marker.clone(),
            subject: spec.subject.clone(),
            group: spec.group.clone(),
        };
        let name = format!("{}-{}", supervisor.pid, supervisor.start_ticks);
        let path = self.shared.directory.join(format!("{name}.json"));
        let unfinished = self.shared.directory.join(format!("{name}.unfinished"));
        let text = serde_json::to_vec(&record).expect("invariant: a record is plain data");
        fault::within(Step::JournalAdd, || {
            fs::write(&unfinished, text)?;
            fs::rename(&unfinished, &path)
        })?;
        Ok(Entry { path, record })
    }

    /// All entries. What cannot be read as one is from a crash of the machine: removed, aloud.
    pub(crate) fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.shared.directory)? {
            let path = file?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if !matches!(extension, Some("json" | "unfinished")) {
                continue;
            }
            match serde_json::from_slice(&fs::read(&path)?) {
                Ok(record) if extension == Some("json") => entries.push(Entry { path, record }),
                Ok(_) | Err(_) => {
                    tracing::warn!(path = %path.display(), "removing a torn journal record");
                    fs::remove_file(&path)?;
                }
            }
        }
        Ok(entries)
    }
}

impl Entry {
    /// Takes the record out with the control group that it names: nothing is left in it.
    pub(crate) fn remove_with_group(self) {
        if let Some(group) = &self.record.group {
            disband(group);
        }
        self.remove();
    }

    /// Takes the record out: its end is proven, or its boot is over.
    pub(crate) fn remove(self) {
        let removed = fault::within(Step::JournalRemove, || fs::remove_file(&self.path));
        if let Err(error) = removed {
            let path = self.path.display();
            tracing::warn!(%path, %error, "cannot remove a journal record");
        }
    }
}

/// Removes a group in which nothing is left. What cannot be removed costs some memory of the kernel.
pub(crate) fn disband(group: &Group) {
    if let Err(error) = group.remove() {
        let path = group.directory().display();
        tracing::warn!(%path, %error, "cannot remove a control group");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::BootInstant;

    #[test]
    fn a_record_is_there_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(directory.path()).unwrap();
        let id = ProcessId {
            pid: 7,
            start_ticks: 9,
        };
        let spec = CommandSpec::new(Vec::new(), "marker".to_owned(), BootInstant::now());
        let entry = journal.add(id, &spec).unwrap();
        assert_eq!(
            journal.records().unwrap(),
            std::slice::from_ref(&entry.record)
        );
        entry.remove();
        assert_eq!(journal.records().unwrap(), []);
    }

    #[test]
    fn a_second_worker_is_refused_while_the_first_lives() {
        let directory = tempfile::tempdir().unwrap();
        let first = Journal::open(directory.path()).unwrap();
        let refused = Journal::open(directory.path()).unwrap_err();
        assert!(matches!(refused, JournalError::InUse { .. }), "{refused}");
        drop(first);
        Journal::open(directory.path()).unwrap();
    }

    #[test]
    fn a_torn_record_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(directory.path()).unwrap();
        fs::write(directory.path().join("1-2.json"), "{\"boot").unwrap();
        fs::write(directory.path().join("3-4.unfinished"), "").unwrap();
        assert_eq!(journal.records().unwrap(), []);
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "the lock"
        );
    }
}
