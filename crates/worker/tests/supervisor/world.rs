//! A journal, a supervisor binary, commands with a marker of their own, and a look at `/proc` that
//! shares no code with what is tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use taskpilot_worker::clock::BootInstant;
use taskpilot_worker::groups::Groups;
use taskpilot_worker::journal::Journal;
use taskpilot_worker::spec::CommandSpec;
use taskpilot_worker::supervised::{Events, Supervised, Supervision};
use taskpilot_worker::{Ended, Event};
use tempfile::TempDir;

use crate::levels::Level;

pub(crate) const SUPERVISOR: &str = env!("CARGO_BIN_EXE_taskpilot-supervise");
pub(crate) const LONG_GRACE: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    directory: TempDir,
    pub(crate) journal: Journal,
    pub(crate) supervision: Supervision,
    level: Level,
}

/// A command that was started.
pub(crate) struct Running {
    pub(crate) supervised: Supervised,
    pub(crate) events: Events,
    pub(crate) program: i32,
    pub(crate) marker: String,
    level: Level,
}

impl World {
    /// One without control groups, which every machine has.
    pub(crate) fn new() -> Self {
        Self::at(Level::Subreaper)
    }

    pub(crate) fn at(level: Level) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(&directory.path().join("journal")).unwrap();
        let supervision = Supervision::by(PathBuf::from(SUPERVISOR), journal.clone());
        let supervision = match level {
            Level::Subreaper => supervision,
            Level::Group => supervision.in_groups(groups()),
        };
        Self {
            directory,
            journal,
            supervision,
            level,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file beside the scripts' working directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, argv: &[&str]) -> CommandSpec {
        let argv = argv.iter().map(|&argument| argument.to_owned()).collect();
        let lease_end = BootInstant::now().plus_ms(600_000);
        let mut spec = CommandSpec::new(argv, marker(), lease_end);
        self.directory.path().clone_into(&mut spec.directory);
        spec
    }

    pub(crate) fn script(&self, text: &str) -> CommandSpec {
        self.command(&["/bin/sh", "-c", text])
    }

    pub(crate) async fn start(&self, spec: CommandSpec) -> Running {
        let marker = spec.marker.clone();
        let (supervised, mut events) = self.supervision.spawn(spec).await.unwrap();
        supervised.start().unwrap();
        match events.next().await {
            Some(Event::Started {
                program,
                containment,
                no_group: None,
                ..
            }) if containment == self.level.containment() => Running {
                supervised,
                events,
                program: program.pid,
                marker,
                level: self.level,
            },
            other => panic!("not started: {other:?}"),
        }
    }

    /// Starts a script and waits until it has made the file `ready`.
    pub(crate) async fn start_until_ready(&self, spec: CommandSpec) -> Running {
        let running = self.start(spec).await;
        wait_until("the script is ready", || self.path("ready").exists()).await;
        running
    }
}

impl Running {
    /// The proof, checked: nothing carries the marker when the event comes.
    pub(crate) async fn ended(&mut self) -> Ended {
        let ended = tokio::time::timeout(PATIENCE, self.events.ended()).await;
        let ended = ended
            .expect("the end comes in time")
            .expect("the supervisor is not lost");
        assert_eq!(
            marked(&self.marker),
            [0; 0],
            "the tree is empty when its end is told"
        );
        assert_eq!(ended.containment, self.level.containment());
        if self.level == Level::Group {
            self.is_disbanded().await;
        }
        ended
    }

    /// The group of its program.
    pub(crate) fn group(&self) -> PathBuf {
        groups().of(&self.marker).directory().to_owned()
    }

    /// Waits until its group is removed, which follows the last word.
    pub(crate) async fn is_disbanded(&self) {
        let group = self.group();
        wait_until("the group is removed", || !group.exists()).await;
    }
}

pub(crate) fn groups() -> Groups {
    Groups::own().expect("control groups of version 2 are mounted")
}

/// A text that no other process has.
pub(crate) fn marker() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{count}", std::process::id())
}

/// Living processes whose environment has the marker.
pub(crate) fn marked(marker: &str) -> Vec<i32> {
    let variable = format!("TASKPILOT_MARKER={marker}\0");
    let carries = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|found| {
            found
                .windows(variable.len())
                .any(|part| part == variable.as_bytes())
        })
    };
    pids()
        .into_iter()
        .filter(carries)
        .filter(|pid| is_alive(*pid))
        .collect()
}

pub(crate) fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .is_ok_and(|status| !status.contains("State:\tZ"))
}

pub(crate) fn links_of(pid: i32) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let link = fs::read_link(entry.path()).ok()?;
            Some((entry.file_name().into_string().ok()?, link))
        })
        .collect()
}

pub(crate) fn read_pid(path: &Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Looks again and again: for conditions that the kernel announces to nobody.
pub(crate) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let reached = async {
        while !condition() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}
