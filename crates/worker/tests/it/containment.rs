//! What encloses an attempt, as it is told at the registration and on the record of its stop.
//!
//! Control groups take root on most machines, and so does a process that SIGKILL does not end.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use taskpilot_worker::Contain;
use tempfile::TempDir;

use crate::scheduler::Scheduler;
use crate::worker::{Bench, is_alive, send_kill, wait_for_file};

/// A child without the marker in a session of its own.
const HIDES: &str = "env -i setsid sh -c 'echo $$ > @pid; : > @ready; exec sleep 600' & wait";

fn proof(stop: &Value) -> [&Value; 4] {
    let proof = &stop["evidence"]["proof"];
    [&stop["status"], &stop["how"], &stop["containment"], proof]
}

async fn containment_told(scheduler: &Scheduler) -> Value {
    let workers = scheduler.workers().await;
    assert_eq!(workers.len(), 1, "{workers:?}");
    workers[0]["containment"].clone()
}

#[tokio::test]
async fn a_worker_that_shall_not_make_groups_makes_none() {
    let scheduler = Scheduler::start().await;
    let bench = Bench::with_scripts(&[("where", "cat /proc/self/cgroup", "")]);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("where", json!(1)).await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    let own = done["result"]["stdout"].as_str().unwrap_or_default();
    assert!(!own.contains("taskpilot-"), "{own}");
    assert_eq!(containment_told(&scheduler).await, "subreaper");
    worker.end().await;
}

#[tokio::test]
async fn root_only_a_stop_in_a_group_is_proven_by_the_group() {
    let scheduler = Scheduler::start().await;
    let script = "cat /proc/self/cgroup > @group; : > @ready; exec sleep 600";
    let mut bench = Bench::with_scripts(&[("run", script, "")]);
    bench.contain = Contain::Auto;
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("run", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    assert_eq!(containment_told(&scheduler).await, "cgroup");
    let own = fs::read_to_string(bench.path("group")).unwrap();
    assert!(own.contains("/taskpilot-"), "{own}");
    scheduler.cancel(id).await;
    let stopped = scheduler.when_stopped(id).await;
    assert_eq!(bench.programs(), [0; 0]);
    assert_eq!(
        proof(&stopped["stop"]),
        ["STOPPED", "terminated", "cgroup", "cgroup"]
    );
    assert_eq!(stopped["stop"]["evidence"]["swept"], 1);
    worker.end().await;
}

#[tokio::test]
async fn root_only_what_a_killed_supervisor_left_in_a_group_is_proven_gone_by_the_group() {
    let scheduler = Scheduler::start().await;
    let script = format!("trap '' TERM; {HIDES}; wait; sleep 600");
    let mut bench = Bench::with_scripts(&[("hides", &script, "")]);
    bench.contain = Contain::Auto;
    let worker = bench.start(&scheduler.url());
    let id = scheduler
        .create(json!({"type": "hides", "payload": 1, "cancelGraceMs": 600_000}))
        .await;
    wait_for_file(&bench.path("ready")).await;
    scheduler.cancel(id).await;
    let acknowledged = |execution: &Value| execution["stop"]["acknowledgedAt"].is_string();
    scheduler.when(id, acknowledged).await;
    send_kill(bench.supervisor());
    let stopped = scheduler.when_stopped(id).await;
    assert!(!is_alive(bench.pid("pid")));
    assert_eq!(
        proof(&stopped["stop"]),
        ["STOPPED", "killed", "cgroup", "cgroup"]
    );
    worker.end().await;
}

#[tokio::test]
async fn root_only_a_frozen_process_is_stuck_until_it_ends() {
    stuck_until_it_ends(Contain::Subreaper, "subreaper", "waitpid").await;
}

#[tokio::test]
async fn root_only_a_frozen_process_in_a_group_is_stuck_until_it_ends() {
    stuck_until_it_ends(Contain::Auto, "cgroup", "cgroup").await;
}

async fn stuck_until_it_ends(contain: Contain, containment: &str, proven_by: &str) {
    let scheduler = Scheduler::start().await;
    let script = "echo $$ > @pid; : > @ready; exec sleep 600";
    let mut bench = Bench::with_scripts(&[("sleeps", script, "")]);
    bench.contain = contain;
    bench.slots = 1;
    let worker = bench.start(&scheduler.url());
    let id = scheduler
        .create(json!({"type": "sleeps", "payload": 1, "cancelGraceMs": 100}))
        .await;
    wait_for_file(&bench.path("ready")).await;
    let pid = bench.pid("pid");
    let sleep = Uninterruptible::of(pid);
    scheduler.cancel(id).await;
    let next = scheduler.run("demo", json!(1)).await;
    let stuck = |execution: &Value| execution["stop"]["status"] == "STUCK";
    let stuck = scheduler.when(id, stuck).await;
    assert!(is_alive(pid));
    assert_eq!(stuck["stop"]["containment"], containment);
    let detail = &stuck["stop"]["evidence"]["detail"];
    assert_eq!(detail, &json!(format!("still alive: [{pid}]")));
    // The only slot of the worker is not free.
    assert_eq!(scheduler.execution(next).await["status"], "PENDING");
    drop(sleep);
    let stopped = scheduler.when_stopped(id).await;
    assert_eq!(bench.programs(), [0; 0]);
    assert_eq!(
        proof(&stopped["stop"]),
        ["STOPPED", "killed", containment, proven_by]
    );
    scheduler.when_status(next, "SUCCEEDED").await;
    worker.end().await;
}

/// A process in state D, as one that waits for a disk that does not answer: SIGKILL waits with it.
/// The freezer of version 1 does that; the one of version 2 lets SIGKILL through.
struct Uninterruptible {
    mount: TempDir,
    group: PathBuf,
}

impl Uninterruptible {
    fn of(pid: i32) -> Self {
        let mount = tempfile::tempdir().unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "cgroup", "-o", "freezer", "freezer"]);
        let mounted = command.arg(mount.path()).status().unwrap();
        assert!(mounted.success(), "this kernel has no freezer of version 1");
        let group = mount.path().join(format!("taskpilot-test-{pid}"));
        fs::create_dir(&group).unwrap();
        let freezer = Self { mount, group };
        freezer.write("cgroup.procs", &pid.to_string());
        freezer.write("freezer.state", "FROZEN");
        freezer
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.group.join(file), text).unwrap();
    }
}

impl Drop for Uninterruptible {
    fn drop(&mut self) {
        self.write("freezer.state", "THAWED");
        // It dies now, which takes a moment.
        let mut looks = 0..100_000;
        while fs::remove_dir(&self.group).is_err() && looks.next().is_some() {
            std::thread::yield_now();
        }
        let mut command = Command::new("umount");
        let _gone = command.arg("--lazy").arg(self.mount.path()).status();
    }
}
