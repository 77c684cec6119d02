//! What a dead supervisor set free comes to this process, which is a child subreaper too.
//!
//! A supervisor begins a session of its own before it runs anything, and no process can enter the
//! session of another one. So a child of this process in another session is a supervisor or came
//! from a dead one. Children in our own session, whosever they are, are let be.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, WaitOptions, getpid, set_child_subreaper, waitpid};
use tokio::process::{Child, Command};

use crate::process_table::{Process, ProcessId, all, descendants_among};

/// The supervisors that were started and not collected. Children belong to the process, not to a
/// worker in it.
static SUPERVISORS: Mutex<BTreeSet<ProcessId>> = Mutex::new(BTreeSet::new());

/// A supervisor; to be dropped after it was collected.
#[derive(Debug)]
pub(crate) struct Known(ProcessId);

/// Starts a supervisor, of whose death we will be the heir.
pub(crate) fn start(command: &mut Command) -> io::Result<(Child, Known)> {
    // Held over the start: nobody looks for orphans before this one is known.
    let mut supervisors = supervisors();
    // Any pid means "on".
    set_child_subreaper(Some(getpid()))?;
    let child = command.spawn()?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let id = pid.and_then(ProcessId::of).ok_or(io::ErrorKind::NotFound)?;
    supervisors.insert(id);
    Ok((child, Known(id)))
}

impl Known {
    pub(crate) fn id(&self) -> ProcessId {
        self.0
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        supervisors().remove(&self.0);
    }
}

/// One pass over what came from a supervisor that is dead and collected: kills the living with
/// their trees and collects the dead. Answers what it found; only a pass that finds nothing counts.
/// An orphan stays in `/proc` until it is collected here, so no pass can miss the last one.
pub(crate) fn end_orphans_of(dead: ProcessId) -> Vec<ProcessId> {
    let supervisors = supervisors();
    let Some(own) = Process::read(getpid().as_raw_nonzero().get()) else {
        return vec![dead];
    };
    let is_orphan = |process: &Process| {
        process.parent == own.id.pid
            && process.session > 0
            && process.session != own.session
            && process.id.start_ticks >= dead.start_ticks
            && !supervisors.contains(&process.id)
    };
    // One look for all of them: each start of a supervisor waits for this pass.
    let table = all();
    let orphans: Vec<Process> = table.iter().copied().filter(is_orphan).collect();
    let roots: Vec<i32> = orphans.iter().map(|orphan| orphan.id.pid).collect();
    for process in descendants_among(table, &roots) {
        process.id.signal(Signal::KILL);
    }
    for orphan in &orphans {
        orphan.id.signal(Signal::KILL);
        // By its pid: whoever waits for children of his own does not lose them.
        let _ = waitpid(Pid::from_raw(orphan.id.pid), WaitOptions::NOHANG);
    }
    orphans.into_iter().map(|orphan| orphan.id).collect()
}

fn supervisors() -> MutexGuard<'static, BTreeSet<ProcessId>> {
    SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner)
}
