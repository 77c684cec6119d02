//! Tells the program why it is stopped, in its file, before the first signal.

use std::path::PathBuf;

use taskpilot_domain::stop::StopCause;

use crate::notice::StopNotice;
use crate::wire::EndCause;

/// What there is to tell, and where.
#[derive(Debug, Default)]
pub(super) struct Notice {
    /// Until it is written.
    pub(super) file: Option<PathBuf>,
    said: Option<Box<StopNotice>>,
}

impl Notice {
    /// The first word of the worker stands.
    pub(super) fn say(&mut self, notice: Option<Box<StopNotice>>) {
        if self.said.is_none() {
            self.said = notice;
        }
    }

    /// Writes it, once. A stop does not wait for a disk that is full: then there is no file.
    pub(super) fn post(&mut self, cause: EndCause) {
        let Some(file) = self.file.take() else {
            return;
        };
        let own = match cause {
            EndCause::Order => self.said.take().map(|said| *said),
            EndCause::Lease => Some(StopNotice::of(StopCause::Lease)),
            EndCause::WorkerGone | EndCause::Signal => Some(StopNotice::of(StopCause::Shutdown)),
        };
        if let Some(notice) = own {
            let _ = notice.write(&file);
        }
    }
}
