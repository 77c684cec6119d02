//! What a worker keeps on disk: the journal of its supervisors, and the session it has.
//!
//! The lock of the journal is the lock of the whole directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use taskpilot_api::workers::Registered;
use taskpilot_domain::ids::{SessionId, Token};
use taskpilot_fault::{self as fault, Step};

use super::worker::WorkerError;
use crate::journal::{Journal, JournalError};

/// The directory of one worker, which no other has.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    directory: PathBuf,
    journal: Journal,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedSession {
    session_id: SessionId,
    token: Token,
}

impl StateDirectory {
    /// Creates or opens it, and takes its lock.
    pub(crate) fn open(directory: &Path) -> Result<Self, WorkerError> {
        let journal = Journal::open(&directory.join("journal")).map_err(|error| match error {
            JournalError::InUse { .. } => WorkerError::Locked {
                directory: directory.to_owned(),
            },
            JournalError::Io { source, .. } => failed(directory, source),
        })?;
        Ok(Self {
            directory: directory.to_owned(),
            journal,
        })
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The session of the previous life, if it did not end in order. What cannot be read is as
    /// good as none: its lease ends by itself.
    pub(crate) fn previous_session(&self) -> Option<Registered> {
        let text = fs::read(self.session_file()).ok()?;
        let saved: SavedSession = serde_json::from_slice(&text).ok()?;
        Some(Registered {
            session_id: saved.session_id,
            token: saved.token,
            lease_ms: 0,
            heartbeat_ms: 0,
        })
    }

    /// Keeps the session, readable for its owner only.
    pub(crate) fn save(&self, session: &Registered) -> Result<(), WorkerError> {
        let saved = SavedSession {
            session_id: session.session_id,
            token: session.token,
        };
        let text = serde_json::to_vec(&saved).expect("invariant: a session is plain data");
        fault::within(Step::SessionSave, || self.replace(&text))
            .map_err(|source| failed(&self.directory, source))
    }

    /// The session has ended in order.
    pub(crate) fn forget(&self) {
        let removed = fault::within(Step::SessionForget, || fs::remove_file(self.session_file()));
        if let Err(error) = removed {
            tracing::debug!(%error, "cannot remove the session file");
        }
    }

    pub(crate) fn failed(&self, source: io::Error) -> WorkerError {
        failed(&self.directory, source)
    }

    fn replace(&self, text: &[u8]) -> io::Result<()> {
        let unfinished = self.directory.join("session.unfinished");
        // A leftover may have other permissions.
        let _ = fs::remove_file(&unfinished);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(&unfinished)?.write_all(text)?;
        fs::rename(unfinished, self.session_file())
    }

    fn session_file(&self) -> PathBuf {
        self.directory.join("session.json")
    }
}

fn failed(directory: &Path, source: io::Error) -> WorkerError {
    WorkerError::State {
        directory: directory.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_session_is_kept_for_the_next_life_and_for_no_other_user() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(directory.path()).unwrap();
        assert_eq!(state.previous_session(), None);
        let session = Registered {
            session_id: SessionId::new(7).unwrap(),
            token: Token::from_bytes([9; 16]),
            lease_ms: 0,
            heartbeat_ms: 0,
        };
        state.save(&session).unwrap();
        state.save(&session).unwrap();
        assert_eq!(state.previous_session(), Some(session));
        let mode = fs::metadata(directory.path().join("session.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        state.forget();
        assert_eq!(state.previous_session(), None);
    }

    #[test]
    fn a_second_worker_is_refused_and_told_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let _first = StateDirectory::open(directory.path()).unwrap();
        let refused = StateDirectory::open(directory.path()).unwrap_err();
        assert!(matches!(refused, WorkerError::Locked { .. }), "{refused}");
        let path = directory.path().display().to_string();
        assert!(refused.to_string().contains(&path), "{refused}");
    }
}
