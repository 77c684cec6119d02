//! Which processes of a test's handlers run, as the kernel says it in `/proc`.

use std::fs;

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
    let command = texts(pid, "cmdline")?;
    let carries = |bytes: &[u8]| bytes.windows(marker.len()).any(|window| window == marker);
    if !carries(&command) && !carries(&texts(pid, "environ")?) {
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

/// Looks at the arguments and environment of a process that may be between two programs.
const LOOKS: u32 = 100;

/// The arguments or the environment. In the middle of execve(2) a process has memory and, for a
/// moment, neither of them in it: whoever looks once says that it is not there.
fn texts(pid: i32, file: &str) -> Option<Vec<u8>> {
    let path = format!("/proc/{pid}/{file}");
    for _ in 1..LOOKS {
        let texts = fs::read(&path).ok()?;
        if !texts.is_empty() || fs::read_link(format!("/proc/{pid}/exe")).is_err() {
            return Some(texts);
        }
        std::thread::yield_now();
    }
    fs::read(&path).ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

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
