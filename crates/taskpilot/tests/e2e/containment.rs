//! Each level of containment ends whatever its work does, and claims no more than it has proven. After
//! every word of an end the test looks for itself, in the table of the kernel.
//!
//! A control group may be made by root, and on most machines by nobody else.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::process_table::{children_of, signal};
use taskpilot_e2e::taskpilot::{Signal, Taskpilot};
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_e2e::workbench::Workbench;

use crate::api::{active_workers, cancel, cancel_and_wait, proven_stop, start_until, view};
use crate::fleet::Fleet;
use crate::start::{Up, launch, up};

/// What encloses the work of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Subreaper,
    Group,
}

impl Level {
    /// The setting that brings it about.
    fn setting(self) -> &'static str {
        match self {
            Self::Subreaper => "subreaper",
            Self::Group => "auto",
        }
    }

    /// How it is told.
    fn name(self) -> &'static str {
        match self {
            Self::Subreaper => "subreaper",
            Self::Group => "cgroup",
        }
    }

    async fn up(self) -> Result<Up> {
        let bench = Workbench::new()?;
        let launch = up(&bench).option("--containment", self.setting());
        Up::when_ready(launch.spawn("up")?, bench).await
    }

    fn fleet(self) -> Result<Fleet> {
        Ok(Fleet::new()?.contained(self.setting()))
    }
}

macro_rules! at_each_level {
    ($($name:ident,)+) => {
        mod under_a_subreaper {
            $(#[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                super::$name(super::Level::Subreaper).await
            })+
        }

        mod root_only_in_a_group {
            $(#[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                super::$name(super::Level::Group).await
            })+
        }
    };
}

at_each_level! {
    the_level_in_force_is_told_by_the_list_and_by_the_record,
    a_tree_that_ignores_sigterm_is_gone_when_its_stop_is_told,
    a_tree_that_keeps_forking_is_gone_when_its_stop_is_told,
    a_supervisor_that_is_killed_during_a_stop_leaves_nothing_unproven,
    a_worker_that_is_killed_during_a_stop_and_starts_again_presumes,
    where_worker_and_supervisor_are_killed_a_stop_is_presumed,
}

async fn the_level_in_force_is_told_by_the_list_and_by_the_record(level: Level) -> Result<()> {
    let up = level.up().await?;
    active_workers(up.scheduler, 1).await?;
    let listed = launch(&up.bench)
        .args(["worker", "list", "--json"])
        .option("--url", up.control.url())
        .run()
        .await?;
    let listed: Value = serde_json::from_str(&listed.stdout)?;
    assert_eq!(listed["items"][0]["containment"], level.name());
    let bound = start_until(up.control, "tree", &json!({}), "RUNNING").await?;
    up.bench.whole_tree().await?;
    cancel_and_wait(up.control, bound.task).await?.expect(204)?;
    assert_eq!(up.bench.processes()?, []);
    let stop = view(up.control, bound.task).await?["stop"].clone();
    let proof = match level {
        Level::Subreaper => "waitpid",
        Level::Group => "cgroup",
    };
    assert_eq!(
        (
            &stop["status"],
            &stop["how"],
            &stop["containment"],
            &stop["evidence"]["proof"]
        ),
        (
            &json!("STOPPED"),
            &json!("terminated"),
            &json!(level.name()),
            &json!(proof)
        )
    );
    Ok(())
}

async fn a_tree_that_ignores_sigterm_is_gone_when_its_stop_is_told(level: Level) -> Result<()> {
    is_killed(level, "stubborn-tree").await
}

async fn a_tree_that_keeps_forking_is_gone_when_its_stop_is_told(level: Level) -> Result<()> {
    is_killed(level, "hops").await
}

async fn is_killed(level: Level, kind: &str) -> Result<()> {
    let up = level.up().await?;
    let grace = json!({"cancelGraceMs": 300});
    let bound = start_until(up.control, kind, &grace, "RUNNING").await?;
    up.bench.begun(bound.execution).await?;
    cancel_and_wait(up.control, bound.task).await?.expect(204)?;
    assert_eq!(up.bench.processes()?, []);
    let stop = view(up.control, bound.task).await?["stop"].clone();
    assert_eq!(
        (&stop["status"], &stop["how"], &stop["containment"]),
        (&json!("STOPPED"), &json!("killed"), &json!(level.name()))
    );
    let marks = [Mark::first("start", bound.execution)];
    assert_eq!(up.bench.ledger().marks()?, marks);
    Ok(())
}

async fn a_supervisor_that_is_killed_during_a_stop_leaves_nothing_unproven(
    level: Level,
) -> Result<()> {
    let fleet = level.fleet()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("worker")?;
    let task = stop_under_way(&fleet).await?;
    for supervisor in supervisors(&worker)? {
        signal(supervisor, Signal::KILL);
    }
    let stopped = proven_stop(fleet.control(), task).await?;
    assert_eq!(fleet.bench.processes()?, []);
    let stop = &stopped["stop"];
    assert_eq!(
        (&stop["how"], &stop["containment"]),
        (&json!("killed"), &json!(level.name()))
    );
    Ok(())
}

async fn a_worker_that_is_killed_during_a_stop_and_starts_again_presumes(
    level: Level,
) -> Result<()> {
    let fleet = level.fleet()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("worker")?;
    let task = stop_under_way(&fleet).await?;
    worker.crash().await?;
    let _again = fleet.start_worker("worker")?;
    is_presumed(&fleet, task).await
}

async fn where_worker_and_supervisor_are_killed_a_stop_is_presumed(level: Level) -> Result<()> {
    let fleet = level.fleet()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("worker")?;
    let task = stop_under_way(&fleet).await?;
    // Neither has time to notice that the other is gone.
    let supervisors = supervisors(&worker)?;
    for pid in &supervisors {
        signal(*pid, Signal::STOP);
    }
    worker.crash().await?;
    for pid in &supervisors {
        signal(*pid, Signal::KILL);
    }
    let left = fleet.bench.processes()?;
    ensure!(!left.is_empty(), "something has ended it already");
    if level == Level::Subreaper {
        // Without a group nobody finds what has dropped its environment, and nobody claims to.
        let hidden = left
            .iter()
            .find(|one| one.command.starts_with("sh -c while"));
        hidden
            .context("no process without an environment")?
            .signal(Signal::KILL);
    }
    let _again = fleet.start_worker("worker")?;
    is_presumed(&fleet, task).await
}

/// A tree that has had SIGTERM, ignores it, and has grace for longer than any test takes.
async fn stop_under_way(fleet: &Fleet) -> Result<i64> {
    let grace = json!({"cancelGraceMs": 600_000});
    let bound = start_until(fleet.control(), "stubborn-tree", &grace, "RUNNING").await?;
    fleet.bench.whole_tree().await?;
    cancel(fleet.control(), bound.task).await?.expect(204)?;
    wait_until("the tree is signaled", SOON, || async {
        let view = view(fleet.control(), bound.task).await?;
        Ok(view["stop"]["acknowledgedAt"].is_string().then_some(()))
    })
    .await?;
    Ok(bound.task)
}

fn supervisors(worker: &Taskpilot) -> Result<Vec<i32>> {
    let supervisors = children_of(worker.pid())?;
    ensure!(!supervisors.is_empty(), "no supervisor was found");
    Ok(supervisors)
}

/// Nobody who saw the end is left to tell of it, and so nobody does.
async fn is_presumed(fleet: &Fleet, task: i64) -> Result<()> {
    let settled = wait_until("the stop is settled", SOON, || async {
        let view = view(fleet.control(), task).await?;
        Ok(view["stop"]["endedAt"].is_string().then_some(view))
    });
    let stop = settled.await?["stop"].clone();
    assert_eq!(fleet.bench.processes()?, []);
    assert_eq!(
        (&stop["status"], &stop["how"]),
        (&json!("PRESUMED"), &Value::Null)
    );
    Ok(())
}
