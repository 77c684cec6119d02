//! Control groups (version 2): one for each attempt, below the worker's own group, so that a whole
//! tree is killed at once and the kernel itself says that nothing of it is left.
//!
//! No path is assumed: the kernel says where the mount is and where in it we are. No controller is
//! enabled, and nothing is moved but a supervisor, into the group and out again.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::process_table::{Process, ProcessId};

/// The group of this process, below which others can be made if the machine lets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    home: PathBuf,
}

/// The group of one attempt. Its name has the marker in it, so it is never that of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Group {
    directory: PathBuf,
}

impl Groups {
    /// Where this process is; `None` where no mount of control groups shows it. Whether a group can
    /// be made there is another question.
    pub fn own() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let seen = homes(&mounts, &own).into_iter();
        let home = seen.rev().find(|home| home.join(PROCESSES).is_file())?;
        Some(Self { home })
    }

    /// The group of the attempt with this marker, which is not made by that.
    pub fn of(&self, marker: &str) -> Group {
        let directory = self.home.join(format!("taskpilot-{marker}"));
        Group { directory }
    }
}

const PROCESSES: &str = "cgroup.procs";

/// Where a process that is in these groups can be seen, by each mount of version 2.
fn homes(mounts: &str, own: &str) -> Vec<PathBuf> {
    let Some(own) = own.lines().find_map(|line| line.strip_prefix("0::")) else {
        return Vec::new();
    };
    let own = Path::new(own);
    // Outside of the part that we may see.
    if own.components().any(|part| part == Component::ParentDir) {
        return Vec::new();
    }
    let home = |mount: &str| {
        let (place, kind) = mount.split_once(" - ")?;
        if kind.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = place.split(' ').skip(3);
        let root = unescaped(fields.next()?);
        let point = unescaped(fields.next()?);
        let inner = own.strip_prefix(root).ok()?;
        Some(point.join(inner))
    };
    mounts.lines().filter_map(home).collect()
}

/// The kernel writes blanks and the like of a path as `\040`.
fn unescaped(text: &str) -> PathBuf {
    let mut parts = text.split('\\');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..3).map(|digits| u8::from_str_radix(digits, 8));
        if let Some(Ok(byte)) = byte {
            path.push(char::from(byte));
            path.push_str(&part[3..]);
        } else {
            path.push('\\');
            path.push_str(part);
        }
    }
    PathBuf::from(path)
}

impl Group {
    /// Where it is, or would be.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn make(&self) -> io::Result<()> {
        fs::create_dir(&self.directory)
    }

    /// Moves a process in, ourselves with `None`: what it forks from then on is born in it. Takes a
    /// grace period of the kernel's RCU, 5-11 ms on an idle machine (measured 2026-11); a second move
    /// soon after it is free.
    pub(crate) fn admit(&self, process: Option<ProcessId>) -> io::Result<()> {
        move_to(&self.directory, process)
    }

    /// Moves a process back to where it came from: to the worker.
    pub(crate) fn dismiss(&self, process: Option<ProcessId>) -> io::Result<()> {
        let home = self.directory.parent().ok_or(io::ErrorKind::NotFound)?;
        move_to(home, process)
    }

    /// What is in it and in groups below it, zombies left out. No snapshot.
    pub(crate) fn members(&self) -> Vec<Process> {
        self.members_but(&HashSet::new())
    }

    /// The same without those that are known already: to look a process up waits for whoever is being
    /// moved anywhere on this machine.
    pub(crate) fn members_but(&self, known: &HashSet<i32>) -> Vec<Process> {
        let mut members = Vec::new();
        for directory in self.all() {
            let listed = fs::read_to_string(directory.join(PROCESSES)).unwrap_or_default();
            let pids = listed.lines().filter_map(|pid| pid.parse().ok());
            let unknown = pids.filter(|pid| !known.contains(pid));
            // Read first, looked up second: a pid that was used anew meanwhile is not in the group.
            let found = unknown.filter_map(|pid| Process::read(pid).filter(|_| self.holds(pid)));
            members.extend(found.filter(|process| !process.zombie));
        }
        members
    }

    /// Whether something of it may be alive, here or in a group below. One that is gone is empty.
    pub(crate) fn is_populated(&self) -> bool {
        match fs::read_to_string(self.directory.join("cgroup.events")) {
            Ok(events) => !events.lines().any(|line| line == "populated 0"),
            // A group that is removed while it is read says that it has no such device.
            Err(_) => self.directory.exists(),
        }
    }

    /// Kills all of it at once, also what is being forked just now.
    pub(crate) fn kill(&self) -> io::Result<()> {
        write(&self.directory.join("cgroup.kill"), "1")
    }

    /// Removes it with all groups below it, if it is empty. One that is not there is as good.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for directory in self.all().into_iter().rev() {
            match fs::remove_dir(directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// It and the groups that a program made below it, parents before children.
    fn all(&self) -> Vec<PathBuf> {
        let mut all = vec![self.directory.clone()];
        let mut next = 0;
        while let Some(directory) = all.get(next) {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            let below: Vec<PathBuf> = below.map(|entry| entry.path()).collect();
            all.extend(below);
            next += 1;
        }
        all
    }

    fn holds(&self, pid: i32) -> bool {
        let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let path = group.lines().find_map(|line| line.strip_prefix("0::"));
        let name = self.directory.file_name();
        path.is_some_and(|path| Path::new(path).iter().any(|part| Some(part) == name))
    }
}

fn move_to(directory: &Path, process: Option<ProcessId>) -> io::Result<()> {
    let pid = process.map_or(0, |process| process.pid);
    write(&directory.join(PROCESSES), &pid.to_string())
}

/// Never makes a file: these are the kernel's.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(file)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        36 31 0:33 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
    const UNIFIED: &str = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

    fn home(mounts: &str, own: &str) -> Vec<String> {
        let homes = homes(mounts, own).into_iter();
        homes.map(|home| home.display().to_string()).collect()
    }

    #[test]
    fn our_own_group_is_where_the_mount_shows_it() {
        let service = "0::/system.slice/taskpilot.service\n";
        let mixed = "4:memory:/elsewhere\n0::/a\n";
        let container = "7 1 0:2 /docker/7 /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let blank = "7 1 0:2 / /mnt/control\\040groups rw - cgroup2 none rw\n";
        for (mounts, own, expected) in [
            (
                UNIFIED,
                service,
                Some("/sys/fs/cgroup/system.slice/taskpilot.service"),
            ),
            (HYBRID, mixed, Some("/sys/fs/cgroup/unified/a")),
            (HYBRID, "0::/\n", Some("/sys/fs/cgroup/unified/")),
            (container, "0::/docker/7/b\n", Some("/sys/fs/cgroup/b")),
            // A mount that shows another part of the tree, and a group outside of our part.
            (container, "0::/docker/8\n", None),
            (UNIFIED, "0::/../other\n", None),
            (blank, "0::/a\n", Some("/mnt/control groups/a")),
            // No version 2 at all.
            (HYBRID, "4:memory:/elsewhere\n", None),
            ("", service, None),
        ] {
            let expected: Vec<&str> = expected.into_iter().collect();
            assert_eq!(home(mounts, own), expected, "{own}");
        }
    }

    #[test]
    fn a_group_that_is_not_there_is_empty_and_removed() {
        let home = tempfile::tempdir().unwrap().path().to_owned();
        let group = Groups { home }.of("m");
        assert!(!group.is_populated());
        assert_eq!(group.members(), []);
        group.remove().unwrap();
        assert!(group.kill().is_err());
    }
}
