//! The supervisor's own signals: SIGCHLD wakes the loop, the polite ones ask it for a stop.
//!
//! A caught signal goes back to its default in the program, an ignored one would stay ignored
//! (`nohup`, or SIGCHLD, which would lose every exit code). So everything catchable is caught.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::read;
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGPROF, SIGQUIT, SIGSYS, SIGTERM,
    SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU,
    SIGXFSZ,
};

/// Those by which people and init systems ask for an end.
const POLITE: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
/// Caught for the sake of the program's defaults only.
const OTHERS: [i32; 17] = [
    SIGALRM, SIGCONT, SIGIO, SIGPIPE, SIGPROF, SIGSYS, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,
    SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
];

/// The handlers, which stay for the life of the process.
pub(crate) struct Signals {
    wakes: UnixStream,
    stop: Arc<AtomicBool>,
}

impl Signals {
    pub(crate) fn catch() -> io::Result<Self> {
        let (wakes, waker) = UnixStream::pair()?;
        wakes.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let ignored = Arc::new(AtomicBool::new(false));
        for signal in POLITE {
            // Before the wake, or the loop could look too early.
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
            signal_hook::low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        for signal in OTHERS {
            signal_hook::flag::register(signal, Arc::clone(&ignored))?;
        }
        signal_hook::low_level::pipe::register(SIGCHLD, waker)?;
        Ok(Self { wakes, stop })
    }

    /// What to poll for reading.
    pub(crate) fn wakes(&self) -> BorrowedFd<'_> {
        self.wakes.as_fd()
    }

    /// Forgets the wakes so far, and says whether a stop was asked for since the last time.
    pub(crate) fn take(&self) -> bool {
        let mut buffer = [0; 256];
        while read(&self.wakes, &mut buffer).is_ok_and(|count| count == buffer.len()) {}
        self.stop.swap(false, Ordering::SeqCst)
    }
}
