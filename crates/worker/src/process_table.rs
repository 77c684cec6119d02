//! Reading `/proc`: who exists, whose child it is, and signals that cannot hit a reused pid.

use std::collections::HashMap;
use std::{fs, io};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::clock::{BootInstant, pause_thread};
use crate::limits::{ENVIRONMENT_LOOK_MS, ENVIRONMENT_PAUSE_MS};

/// One process of this boot: a pid alone may name another one tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its pid.
    pub pid: i32,
    /// When it began, in clock ticks since boot: field 22 of `/proc/<pid>/stat`.
    pub start_ticks: u64,
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The process has it.
    Delivered,
    /// The process had ended, or is a zombie that only waits to be collected.
    Gone,
    /// The kernel refused: the process has another user.
    Refused,
}

/// A line of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) parent: i32,
    /// 0 where it cannot be seen, less for one that is being collected.
    pub(crate) session: i32,
    /// Ended, or (rarely) a first thread that ended before the others of its process.
    pub(crate) zombie: bool,
}

impl ProcessId {
    /// The process that has this pid now.
    pub fn of(pid: i32) -> Option<Self> {
        Process::read(pid).map(|process| process.id)
    }

    /// Whether it exists and has not ended. A zombie has ended.
    pub fn is_alive(self) -> bool {
        Process::read(self.pid).is_some_and(|process| process.id == self && !process.zombie)
    }

    /// Sends a signal to this process and to no other that got its pid since.
    pub(crate) fn signal(self, signal: Signal) -> Sent {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Sent::Gone;
        };
        // Pin first, look second: if the pid still has our start time now, the pin is of it.
        let pin = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pin) => Some(pin),
            Err(Errno::SRCH) => return Sent::Gone,
            Err(_) => None,
        };
        let Some(process) = Process::read(self.pid).filter(|process| process.id == self) else {
            return Sent::Gone;
        };
        let sent = match pin {
            Some(pin) => pidfd_send_signal(pin, signal),
            None => kill_process(pid, signal),
        };
        match sent {
            // A zombie is signaled all the same: other threads of it may live.
            Ok(()) if process.zombie => Sent::Gone,
            Ok(()) => Sent::Delivered,
            Err(Errno::SRCH) => Sent::Gone,
            Err(_) => Sent::Refused,
        }
    }
}

impl Process {
    pub(crate) fn read(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&String::from_utf8_lossy(&stat))
    }

    /// Field numbers as in proc(5). The name may hold blanks and brackets: its end is the last one.
    fn parse(stat: &str) -> Option<Self> {
        let pid = stat.split_once(' ')?.0.parse().ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            id: ProcessId {
                pid,
                start_ticks: field(22)?.parse().ok()?,
            },
            parent: field(4)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            zombie: matches!(field(3)?, "Z" | "X" | "x"),
        })
    }
}

/// All processes that can be seen. No snapshot: what is born meanwhile may be missing.
pub(crate) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect()
}

/// All processes whose ancestry leads to `root`, without it, parents before children.
pub(crate) fn descendants_of(root: i32) -> Vec<Process> {
    descendants_among(all(), &[root])
}

/// Those in `table` whose ancestry leads to one of `roots`, without these, parents before children.
pub(crate) fn descendants_among(table: Vec<Process>, roots: &[i32]) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in table {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    for root in roots {
        found.extend(children.remove(root).unwrap_or_default());
    }
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(&process.id.pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// The children of this process, which must have one thread: much cheaper than a walk over all.
/// `None` where the kernel has no such file (`CONFIG_PROC_CHILDREN`).
pub(crate) fn own_children() -> Option<Vec<Process>> {
    let own = std::process::id();
    let children = fs::read_to_string(format!("/proc/self/task/{own}/children")).ok()?;
    Some(processes_in(&children))
}

/// The descendants of this process, from parent to child: as cheap as they are few. Of a tree that
/// changes meanwhile it sees even less than a walk over all. `None` as in [`own_children`].
pub(crate) fn own_descendants() -> Option<Vec<Process>> {
    let mut found = own_children()?;
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children_of(process.id.pid));
        next += 1;
    }
    Some(found)
}

/// The children of each thread of a process; none where it has ended.
fn children_of(pid: i32) -> Vec<Process> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = threads.filter_map(|thread| {
        let list = thread.ok()?.path().join("children");
        fs::read_to_string(list).ok()
    });
    lists.flat_map(|list| processes_in(&list)).collect()
}

/// The processes of a list of pids with blanks between them.
fn processes_in(list: &str) -> Vec<Process> {
    list.split_ascii_whitespace()
        .filter_map(|pid| Process::read(pid.parse().ok()?))
        .collect()
}

/// Those that were executed with this `NAME=value` in their environment.
///
/// In the middle of execve(2) a process has memory and, for a moment, no environment in it: whoever
/// looks once misses it. Such a process is looked at again, for [`ENVIRONMENT_LOOK_MS`] at most. May
/// block as long.
pub(crate) fn with_variable(mut processes: Vec<Process>, variable: &str) -> Vec<ProcessId> {
    let until = BootInstant::now().plus_ms(ENVIRONMENT_LOOK_MS);
    let mut found = Vec::new();
    loop {
        processes.retain(|process| match look(process.id.pid, variable) {
            Environment::Has => {
                found.push(process.id);
                false
            }
            Environment::HasNot => false,
            Environment::NotYet => true,
        });
        if processes.is_empty() || BootInstant::now() >= until {
            return found;
        }
        pause_thread(ENVIRONMENT_PAUSE_MS);
    }
}

enum Environment {
    Has,
    HasNot,
    NotYet,
}

fn look(pid: i32, variable: &str) -> Environment {
    let path = format!("/proc/{pid}/environ");
    let mut environment = fs::read(&path).unwrap_or_default();
    if environment.is_empty() {
        // The end of an environment has an address once it is there, and another one in the next
        // program. A thread of the kernel has neither a program nor an environment.
        let before = environment_end(pid);
        environment = fs::read(&path).unwrap_or_default();
        let is_between = before == Some(0) || before != environment_end(pid);
        if environment.is_empty() && is_between && fs::read_link(format!("/proc/{pid}/exe")).is_ok()
        {
            return Environment::NotYet;
        }
    }
    let mut entries = environment.split(|byte| *byte == 0);
    if entries.any(|entry| entry == variable.as_bytes()) {
        Environment::Has
    } else {
        Environment::HasNot
    }
}

/// Field 51; 0 between two programs, and for a process that may not be looked at.
fn environment_end(pid: i32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let fields = stat.rsplit_once(')')?.1;
    fields.split_ascii_whitespace().nth(51 - 3)?.parse().ok()
}

/// The id of this boot: pids and start times of another one mean nothing.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let stat = "42 (a) Z 9 (b)) S 7 42 41 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 91429 1 2";
        let parsed = Process::parse(stat);
        let id = ProcessId {
            pid: 42,
            start_ticks: 91_429,
        };
        assert_eq!(
            parsed,
            Some(Process {
                id,
                parent: 7,
                session: 41,
                zombie: false
            })
        );
    }

    #[test]
    fn a_pid_with_another_start_time_is_not_signaled() {
        let own = ProcessId::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        let other = ProcessId {
            start_ticks: own.start_ticks + 1,
            ..own
        };
        assert!(own.is_alive());
        assert!(!other.is_alive());
        // Would end the test run if it were delivered.
        assert_eq!(other.signal(Signal::KILL), Sent::Gone);
    }

    #[test]
    fn who_has_no_environment_by_choice_is_not_looked_at_again() {
        let mut sleep = std::process::Command::new("/bin/sleep");
        let mut child = sleep.arg("60").env_clear().spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let process = Process::read(pid).unwrap();
        // Waits until its program has begun.
        assert_eq!(with_variable(vec![process], "A=B"), []);
        let looked = look(pid, "A=B");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(matches!(looked, Environment::HasNot));
    }

    #[test]
    fn a_variable_is_seen_as_soon_as_its_process_is_there() {
        for round in 0..200 {
            let variable = format!("{round}");
            let mut child = std::process::Command::new("sleep")
                .arg("60")
                .env("ROUND", &variable)
                .spawn()
                .unwrap();
            let pid = i32::try_from(child.id()).unwrap();
            // Until it has a memory of its own it shows the environment of this process.
            let comm = format!("/proc/{pid}/comm");
            while fs::read_to_string(&comm).unwrap() != "sleep\n" {
                std::thread::yield_now();
            }
            let process = Process::read(pid).unwrap();
            let seen = with_variable(vec![process], &format!("ROUND={variable}"));
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(seen, [process.id], "round {round}");
        }
    }
}
