//! Ending what a previous life of this worker left, and what a dead supervisor set free.
//!
//! A process is signaled only if it is known beyond its pid: by boot, pid and start time of a
//! recorded supervisor, as a descendant of that one, by the control group that the record names, or
//! by the marker (128 random bits) that only its tree has in its environment.

use std::io;

use rustix::process::Signal;
use taskpilot_domain::limits::KILL_MS;

use crate::clock::{BootInstant, pause};
use crate::groups::Group;
use crate::journal::{Entry, Journal, Record};
use crate::limits::{ORPHAN_GRACE_MS, PREVIOUS_LIFE_PAUSE_MS, PREVIOUS_LIFE_SLACK_MS};
use crate::orphans::end_orphans_of;
use crate::process_table::{ProcessId, all, descendants_of, with_variable};
use crate::spec::MARKER_VARIABLE;

/// What became of the supervisors of a previous life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreviousLife {
    /// Nothing of these is left. Their records are removed.
    pub gone: Vec<Record>,
    /// Of these something could not be ended. Their records stay for the next try.
    pub left: Vec<Record>,
}

/// How long to wait at each step, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For supervisors to do it themselves: they saw the end of their pipe.
    pub own_end_ms: u64,
    /// For SIGKILL to work on what is left then.
    pub kill_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            own_end_ms: ORPHAN_GRACE_MS + KILL_MS + PREVIOUS_LIFE_SLACK_MS,
            kill_ms: KILL_MS,
        }
    }
}

impl Journal {
    /// Ends what the previous life of this worker left. To be called before the worker registers
    /// and before it starts anything. All records are worked on at the same time.
    pub async fn sweep_previous_life(&self, patience: Patience) -> io::Result<PreviousLife> {
        let (mut open, earlier_boots): (Vec<Entry>, Vec<Entry>) = self
            .entries()?
            .into_iter()
            .partition(|entry| self.is_of_this_boot(&entry.record));
        let mut outcome = PreviousLife::default();
        settle(earlier_boots, &mut outcome);

        let deadline = BootInstant::now().plus_ms(patience.own_end_ms);
        while open.iter().any(|entry| entry.record.supervisor.is_alive())
            && BootInstant::now() < deadline
        {
            pause(PREVIOUS_LIFE_PAUSE_MS).await;
        }
        let deadline = BootInstant::now().plus_ms(patience.kill_ms);
        loop {
            let kill = move || -> (Vec<Entry>, Vec<Entry>) {
                let is_gone = |entry: &Entry| kill_rest(&entry.record).is_empty();
                open.into_iter().partition(is_gone)
            };
            let killed = tokio::task::spawn_blocking(kill).await;
            let (gone, left) = killed.map_err(io::Error::other)?;
            settle(gone, &mut outcome);
            open = left;
            if open.is_empty() || BootInstant::now() >= deadline {
                break;
            }
            pause(PREVIOUS_LIFE_PAUSE_MS).await;
        }
        outcome
            .left
            .extend(open.into_iter().map(|entry| entry.record));
        Ok(outcome)
    }
}

fn settle(gone: Vec<Entry>, outcome: &mut PreviousLife) {
    for entry in gone {
        outcome.gone.push(entry.record.clone());
        entry.remove_with_group();
    }
}

/// One pass of SIGKILL; answers what was found alive, so that only a pass that finds nothing counts.
fn kill_rest(record: &Record) -> Vec<i32> {
    let grouped = record.group.as_ref().map(kill_group).unwrap_or_default();
    let mut found = Vec::new();
    if record.supervisor.is_alive() {
        // The tree first: without its supervisor it would have no common ancestor any more.
        let living = descendants_of(record.supervisor.pid);
        let tree = living
            .iter()
            .filter(|process| !process.zombie)
            .map(|process| process.id);
        found.extend(tree);
        if found.is_empty() {
            found.push(record.supervisor);
        }
    }
    let kill = |processes: &[ProcessId]| {
        for process in processes {
            process.signal(Signal::KILL);
        }
    };
    // Before the search for what is marked, which takes its time.
    kill(&found);
    let marked = marked(&record.marker);
    kill(&marked);
    found.extend(marked);
    let mut found: Vec<i32> = found.iter().map(|process| process.pid).collect();
    found.extend(grouped);
    if found.is_empty() && record.group.as_ref().is_some_and(Group::is_populated) {
        // Nothing that can be named, but the kernel does not say that nothing is there.
        found.push(record.supervisor.pid);
    }
    found
}

/// Kills all that is in the group of an attempt at once, and says what was there.
fn kill_group(group: &Group) -> Vec<i32> {
    if !group.is_populated() {
        return Vec::new();
    }
    let members = group.members();
    if group.kill().is_err() {
        for member in &members {
            member.id.signal(Signal::KILL);
        }
    }
    members.iter().map(|member| member.id.pid).collect()
}

/// Ends what a dead supervisor left, whether it carries the marker or came to us; answers what
/// could not be ended within the kill time. Nothing left is as good a proof as the supervisor's own.
pub(crate) async fn end_what_is_left(record: &Record) -> Vec<i32> {
    let deadline = BootInstant::now().plus_ms(KILL_MS);
    loop {
        let found = pass(record.clone()).await;
        if found.is_empty() || BootInstant::now() >= deadline {
            return found;
        }
        pause(PREVIOUS_LIFE_PAUSE_MS).await;
    }
}

/// Kills the tree of a supervisor that hangs, then it. Killed the other way round, its tree would
/// have no common ancestor but us.
pub(crate) async fn end_tree_first(record: &Record) {
    let deadline = BootInstant::now().plus_ms(KILL_MS);
    while record.supervisor.is_alive() && BootInstant::now() < deadline {
        pass(record.clone()).await;
        if record.supervisor.is_alive() {
            pause(PREVIOUS_LIFE_PAUSE_MS).await;
        }
    }
}

/// Reads all of `/proc`, some milliseconds of work where a machine is full.
async fn pass(record: Record) -> Vec<i32> {
    let dead = record.supervisor;
    let pass = tokio::task::spawn_blocking(move || {
        let mut found = kill_rest(&record);
        found.extend(end_orphans_of(dead).into_iter().map(|orphan| orphan.pid));
        found
    });
    // A pass that did not come to its end has proven nothing.
    pass.await.unwrap_or_else(|_| vec![dead.pid])
}

fn marked(marker: &str) -> Vec<ProcessId> {
    let living = all().into_iter().filter(|process| !process.zombie);
    with_variable(living.collect(), &format!("{MARKER_VARIABLE}={marker}"))
}
