//! Which processes of a test's handlers run, as the kernel says it in `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A process that carries the marker of a test in its environment or its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent's id.
    pub parent: i32,
    /// Its command line with blanks between the arguments.
    pub command: String,
}

impl Process {
    /// Sends a signal; that the process is gone already is no error.
    pub fn signal(&self, signal: Signal) {
        self::signal(self.pid, signal);
    }
}

/// All running processes with `marker`. The dead that nobody has waited for are not among them.
pub fn processes_with(marker: &str) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("failed to read /proc")? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok());
        if let Some(pid) = pid
            && let Some(process) = read(pid, marker.as_bytes())
        {
            found.push(process);
        }
    }
    Ok(found)
}

/// Sends a signal to a process; that it is gone already is no error.
pub fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone = kill_process(pid, signal);
    }
}

/// The children of a process that run: of a worker, the supervisors of its attempts.
pub fn children_of(parent: u32) -> Result<Vec<i32>> {
    let threads = format!("/proc/{parent}/task");
    let threads = fs::read_dir(&threads).with_context(|| format!("failed to read {threads}"))?;
    let mut children = Vec::new();
    for thread in threads {
        // A child is listed at the thread that made it; a thread that ended has handed its own on.
        let listed = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        for pid in listed.split_whitespace() {
            let pid: i32 = pid.parse().context("a child without a number")?;
            if !is_dead(pid) {
                children.push(pid);
            }
        }
    }
    Ok(children)
}

/// Whether a process is gone, or dead and waits for its parent to notice.
fn is_dead(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_none_or(|state| state.trim().starts_with(['Z', 'X']))
}

/// What can be read of a process that ends meanwhile is nothing.
fn read(pid: i32, marker: &[u8]) -> Option<Process> {
    let (command, environment) = texts(pid)?;
    let carries = |bytes: &[u8]| bytes.windows(marker.len()).any(|window| window == marker);
    if !carries(&command) && !carries(&environment) {
        return None;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    let dead = field("State:")?.starts_with(['Z', 'X']);
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    let parent = field("PPid:")?.parse().ok()?;
    (!dead).then(|| Process {
        pid,
        parent,
        command: command.trim_end().to_owned(),
    })
}

/// Time for a process to get from one program to the next, on a machine with much else to do.
const BETWEEN_PROGRAMS: Duration = Duration::from_secs(1);

/// The arguments and the environment. In the middle of execve(2) a process has memory and, for a
/// moment, neither of them in it: whoever looks once says that it has none. An environment may be
/// empty for good, so that the arguments before and after it decide.
fn texts(pid: i32) -> Option<(Vec<u8>, Vec<u8>)> {
    let file = |name: &str| fs::read(format!("/proc/{pid}/{name}"));
    let mut first_look = None;
    loop {
        let command = file("cmdline").ok()?;
        // That of another user is not for our eyes, and not one of ours.
        let environment = file("environ").unwrap_or_default();
        let is_one_program = !command.is_empty() && file("cmdline").ok()? == command;
        let has_no_program = || fs::read_link(format!("/proc/{pid}/exe")).is_err();
        if is_one_program || has_no_program() {
            return Some((command, environment));
        }
        let now = now();
        if now.duration_since(*first_look.get_or_insert(now)) > BETWEEN_PROGRAMS {
            return Some((command, environment));
        }
        std::thread::yield_now();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the harness owns the time it waits"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_without_an_environment_is_not_waited_for() {
        let mut bare = Command::new("sleep").arg("60").env_clear().spawn().unwrap();
        let pid = i32::try_from(bare.id()).unwrap();
        let begun = now();
        let seen: Option<Vec<_>> = (0..5).map(|_| texts(pid)).collect();
        let passed = now().duration_since(begun);
        bare.kill().unwrap();
        let _status = bare.wait().unwrap();
        assert!(
            seen.is_some() && passed < 4 * BETWEEN_PROGRAMS,
            "{passed:?}"
        );
    }

    #[test]
    fn a_marker_is_seen_in_environment_and_arguments_until_the_process_is_dead() {
        let marker = format!("e2e-marker-{}", std::process::id());
        let mut by_environment = Command::new("sleep")
            .arg("60")
            .env("M", &marker)
            .spawn()
            .unwrap();
        let mut by_argument = Command::new("sh")
            .args(["-c", "read x", &marker])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(processes_with(&marker).unwrap().len(), 2);
        by_environment.kill().unwrap();
        by_argument.kill().unwrap();
        let _status = (by_environment.wait().unwrap(), by_argument.wait().unwrap());
        assert_eq!(processes_with(&marker).unwrap(), []);
    }
}
