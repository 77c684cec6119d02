//! Whether this worker can give control groups to its attempts: it is tried, once, with a process.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use rustix::process::Signal;

use crate::chance;
use crate::groups::{Group, Groups};
use crate::journal::disband;
use crate::orphans;
use crate::process_table::ProcessId;
use crate::supervised::supervisor;

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoGroups {
    /// The kernel shows none of version 2 to us.
    #[error("no mount of control groups (version 2) shows the group of this process")]
    Unseen,
    /// A step of the trial failed.
    #[error("cannot {step}: {source}")]
    Failed {
        step: &'static str,
        source: io::Error,
    },
    /// All steps went well, and did not do what they should.
    #[error("a group does not {0}")]
    Useless(&'static str),
}

/// Makes a group, moves a process in, out and in again, kills it there, and removes the group. The
/// process is a supervisor that is told nothing.
pub(crate) async fn probe(executable: &Path) -> Result<Groups, NoGroups> {
    let groups = Groups::own().ok_or(NoGroups::Unseen)?;
    let name = chance::marker().map_err(|error| failed("name a group")(io::Error::other(error)))?;
    let group = groups.of(&format!("probe-{name}"));
    group.make().map_err(failed("make a group"))?;
    let outcome = with_process(executable, &group).await;
    disband(&group);
    outcome.map(|()| groups)
}

async fn with_process(executable: &Path, group: &Group) -> Result<(), NoGroups> {
    let mut command = supervisor(executable);
    command.kill_on_drop(true);
    let started = orphans::start(&mut command).map_err(failed("start a process"));
    let (mut child, known) = started?;
    let (process, trial) = (known.id(), group.clone());
    let tried = tokio::task::spawn_blocking(move || try_out(&trial, process)).await;
    let tried = tried.map_err(|error| failed("try a group out")(error.into()));
    let outcome = tried.and_then(|tried| tried);
    if outcome.is_err() {
        let _ = child.start_kill();
    }
    // Which closes its standard input: one that was not killed ends by itself.
    let ended = child.wait().await.map_err(failed("wait for a process"));
    drop(known);
    let status = outcome.and(ended)?;
    if status.signal() != Some(Signal::KILL.as_raw()) {
        return Err(NoGroups::Useless("kill what is in it"));
    }
    if group.is_populated() {
        return Err(NoGroups::Useless("say that it is empty"));
    }
    Ok(())
}

fn try_out(group: &Group, process: ProcessId) -> Result<(), NoGroups> {
    let is_in = || group.is_populated() && group.members().iter().any(|one| one.id == process);
    let enter = || group.admit(Some(process)).map_err(failed("enter a group"));
    enter()?;
    if !is_in() {
        return Err(NoGroups::Useless("take a process in"));
    }
    group
        .dismiss(Some(process))
        .map_err(failed("leave a group"))?;
    if is_in() {
        return Err(NoGroups::Useless("let a process out"));
    }
    enter()?;
    group.kill().map_err(failed("kill a group"))
}

fn failed(step: &'static str) -> impl Fn(io::Error) -> NoGroups {
    move |source| NoGroups::Failed { step, source }
}
