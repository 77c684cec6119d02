//! Workers and supervisors that die, and the worker that comes after them.

use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use taskpilot_domain::stop::How;
use taskpilot_worker::clock::BootInstant;
use taskpilot_worker::journal::{Journal, Record};
use taskpilot_worker::process_table::ProcessId;
use taskpilot_worker::sweep::{Patience, PreviousLife};
use taskpilot_worker::{EndCause, Event};
use tempfile::TempDir;

use crate::levels::Level;
use crate::world::{SUPERVISOR, World, is_alive, marked, marker, wait_until};

const PATIENCE: Patience = Patience {
    own_end_ms: 20_000,
    kill_ms: 10_000,
};

/// A worker process of its own that runs `sleep` in a session of its own.
pub(crate) struct OtherWorker {
    directory: TempDir,
    worker: Child,
    marker: String,
}

at_each_level! {
    a_dropped_handle_ends_the_tree,
    a_killed_worker_ends_the_tree_and_the_next_one_finds_it_gone,
    a_supervisor_that_hangs_is_killed_with_its_tree,
    a_tree_without_worker_and_supervisor_is_found_by_its_marker,
    a_lost_supervisor_is_told_and_its_tree_ended,
    a_supervisor_that_hangs_is_given_up_when_its_stop_is_overdue,
}

async fn a_dropped_handle_ends_the_tree(level: Level) {
    let world = World::at(level);
    let mut running = world
        .start_until_ready(world.script(": > ready; exec sleep 1000"))
        .await;
    drop(running.supervised);
    let ended = running.events.ended().await.unwrap();
    assert_eq!(
        (ended.how, ended.cause),
        (How::Terminated, Some(EndCause::WorkerGone))
    );
    assert_eq!(marked(&running.marker), [0; 0]);
}

async fn a_killed_worker_ends_the_tree_and_the_next_one_finds_it_gone(level: Level) {
    let mut other = OtherWorker::start(level).await;
    let records = other.kill_worker();
    assert_eq!(records[0].group.is_some(), level == Level::Group);
    other.is_swept(records).await;
}

async fn a_supervisor_that_hangs_is_killed_with_its_tree(level: Level) {
    let mut other = OtherWorker::start(level).await;
    let supervisor = other.records()[0].supervisor;
    signal(Signal::STOP, supervisor.pid);
    let records = other.kill_worker();
    let journal = Journal::open(&other.journal()).unwrap();
    let patience = Patience {
        own_end_ms: 50,
        ..PATIENCE
    };
    let life = journal.sweep_previous_life(patience).await.unwrap();
    assert_eq!(
        life,
        PreviousLife {
            gone: records,
            left: Vec::new()
        }
    );
    assert_eq!(marked(&other.marker), [0; 0]);
    assert!(!supervisor.is_alive());
}

async fn a_tree_without_worker_and_supervisor_is_found_by_its_marker(level: Level) {
    let mut other = OtherWorker::start(level).await;
    let records = other.kill_both().await;
    assert_ne!(marked(&other.marker), [0; 0], "nobody has ended it yet");
    other.is_swept(records).await;
}

async fn a_lost_supervisor_is_told_and_its_tree_ended(level: Level) {
    let world = World::at(level);
    let script = "setsid sh -c ': > ready; exec sleep 1000' & wait";
    let mut running = world.start_until_ready(world.script(script)).await;
    signal(Signal::KILL, running.supervised.supervisor().pid);
    assert_eq!(
        running.events.next().await,
        Some(Event::Lost {
            survivors: Vec::new(),
            cause: None,
        })
    );
    assert_eq!(marked(&running.marker), [0; 0]);
    assert_eq!(world.journal.records().unwrap(), []);
}

async fn a_supervisor_that_hangs_is_given_up_when_its_stop_is_overdue(level: Level) {
    let world = World::at(level);
    let mut spec = world.script("trap '' TERM; : > ready; sleep 1000");
    spec.timing.kill_ms = 200;
    let mut running = world.start_until_ready(spec).await;
    signal(Signal::STOP, running.supervised.supervisor().pid);
    running
        .supervised
        .stop_within(Duration::from_millis(100), Duration::from_millis(100), None)
        .unwrap();
    let lost = Event::Lost {
        survivors: Vec::new(),
        cause: Some(EndCause::Order),
    };
    assert_eq!(running.events.next().await, Some(lost));
    assert_eq!(marked(&running.marker), [0; 0]);
    assert_eq!(world.journal.records().unwrap(), []);
}

#[tokio::test]
async fn a_supervisor_that_hangs_is_given_up_before_its_lease_ends() {
    let world = World::new();
    let mut spec = world.script(": > ready; sleep 1000");
    // As long as by default: the proof takes its time on a machine that is busy.
    spec.timing.lease_terminate_margin_ms = 5_000;
    spec.timing.lease_kill_margin_ms = 5_000;
    spec.lease_end = BootInstant::now().plus_ms(6_000);
    let lease_end = spec.lease_end;
    let mut running = world.start_until_ready(spec).await;
    signal(Signal::STOP, running.supervised.supervisor().pid);
    let lost = Event::Lost {
        survivors: Vec::new(),
        cause: Some(EndCause::Lease),
    };
    assert_eq!(running.events.next().await, Some(lost));
    assert_eq!(marked(&running.marker), [0; 0]);
    assert!(BootInstant::now() < lease_end);
}

#[tokio::test]
async fn a_process_that_got_the_pid_of_an_old_supervisor_is_let_be() {
    for (boot, later) in [(true, 1), (false, 0)] {
        let world = World::new();
        // Our child stands for a stranger: same pid as in the record, but not that process.
        let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
        let own = ProcessId::of(stranger.id().try_into().unwrap()).unwrap();
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let record = Record {
            boot_id: if boot {
                boot_id.trim().to_owned()
            } else {
                "another".to_owned()
            },
            supervisor: ProcessId {
                start_ticks: own.start_ticks - later,
                ..own
            },
            marker: marker(),
            subject: "an old attempt".to_owned(),
            group: None,
        };
        let text = serde_json::to_string(&record).unwrap();
        world.write("journal/1-1.json", &text);
        let life = world.journal.sweep_previous_life(PATIENCE).await.unwrap();
        assert_eq!(
            life,
            PreviousLife {
                gone: vec![record],
                left: Vec::new()
            }
        );
        assert!(own.is_alive());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}

impl OtherWorker {
    pub(crate) async fn start(level: Level) -> Self {
        Self::run(level, "setsid sh -c ': > @ready; exec sleep 1000' & wait").await
    }

    /// Runs a script until it has made the file `ready`; `@` is the directory.
    pub(crate) async fn run(level: Level, script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let marker = marker();
        let ready = directory.path().join("ready");
        let root = format!("{}/", directory.path().display());
        let script = script.replace('@', &root);
        let worker = Command::new(SUPERVISOR)
            .args((level == Level::Group).then_some("--group"))
            .arg(directory.path().join("journal"))
            .args([&marker, "/bin/sh", "-c", &script])
            .spawn()
            .unwrap();
        wait_until("the other worker's program runs", || ready.exists()).await;
        Self {
            directory,
            worker,
            marker,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn journal(&self) -> PathBuf {
        self.path("journal")
    }

    /// Read as they lie there: the directory is locked by the other worker.
    fn records(&self) -> Vec<Record> {
        let files = std::fs::read_dir(self.journal())
            .unwrap()
            .map(|file| file.unwrap().path());
        files
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
            .collect()
    }

    /// SIGKILL; answers what stood in its journal.
    fn kill_worker(&mut self) -> Vec<Record> {
        let records = self.records();
        assert_eq!(records.len(), 1);
        self.worker.kill().unwrap();
        self.worker.wait().unwrap();
        records
    }

    /// SIGKILL to the supervisor and the worker, neither of which can notice the end of the other;
    /// answers what stood in the journal.
    pub(crate) async fn kill_both(&mut self) -> Vec<Record> {
        let supervisor = self.records()[0].supervisor;
        signal(Signal::STOP, self.worker.id().try_into().unwrap());
        signal(Signal::KILL, supervisor.pid);
        let records = self.kill_worker();
        wait_until("the supervisor is gone", || !is_alive(supervisor.pid)).await;
        records
    }

    /// What a new worker does about it; nothing is to be left, in groups neither.
    pub(crate) async fn is_swept(&self, records: Vec<Record>) {
        let groups: Vec<_> = records.iter().filter_map(|one| one.group.clone()).collect();
        let journal = Journal::open(&self.journal()).unwrap();
        let life = journal.sweep_previous_life(PATIENCE).await.unwrap();
        let all_gone = PreviousLife {
            gone: records,
            left: Vec::new(),
        };
        assert_eq!(life, all_gone);
        assert_eq!(marked(&self.marker), [0; 0]);
        assert_eq!(journal.records().unwrap(), []);
        for group in groups {
            assert!(!group.directory().exists(), "{group:?}");
        }
    }
}

fn signal(signal: Signal, pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}
