//! Commands that wait, while a service is away: an outage is not an end.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::wait::{SOON, lasts_for, wait_until};
use taskpilot_e2e::workbench::Workbench;

use crate::api::{
    Bound, ask_to_bind, bind, bind_in_vain, create_of, start, start_until, task_when, view_when,
};
use crate::fleet::Fleet;
use crate::start::{ControlOnly, launch};

/// A client command that is under way.
struct Command(Taskpilot);

impl Command {
    fn start(bench: &Workbench, control: Http, command: &str) -> Result<Self> {
        let launch = launch(bench)
            .args(command.split(' '))
            .env("TASKPILOT_URL", control.url());
        launch.spawn(&command.replace(' ', "-")).map(Self)
    }

    /// Waits until it has said that it waits, and takes it that it says so once.
    async fn waits(&self) -> Result<()> {
        wait_until("it says that it waits", SOON, || async {
            Ok(self.0.stderr()?.contains("waiting: ").then_some(()))
        })
        .await
    }

    /// Waits for its end and gives its code, its output, and how often it said that it waits.
    async fn ends(mut self) -> Result<(Option<i32>, String, usize)> {
        let status = self.0.ended(SOON * 2).await?;
        let waits = self.0.stderr()?.matches("waiting: ").count();
        Ok((status.code(), self.0.stdout()?, waits))
    }
}

#[tokio::test]
async fn a_create_that_waits_goes_on_when_the_scheduler_is_there() -> Result<()> {
    let fleet = Fleet::new()?;
    let _control = fleet.start_control().await?;
    let create = "task create --type quick --payload 1 --wait";
    let create = Command::start(&fleet.bench, fleet.control(), create)?;
    create.waits().await?;
    let _worker = fleet.start_worker("worker")?;
    let _scheduler = fleet.start_scheduler().await?;
    let (code, told, waits) = create.ends().await?;
    ensure!(told.contains("SUCCEEDED"), "{told}");
    assert_eq!((code, waits), (Some(0), 1));
    Ok(())
}

#[tokio::test]
async fn a_bind_that_waits_goes_on_when_the_scheduler_is_there() -> Result<()> {
    let fleet = Fleet::new()?;
    let _control = fleet.start_control().await?;
    let id = create_of(fleet.control(), "quick").await?;
    let bind = format!("task bind {id} --wait");
    let bind = Command::start(&fleet.bench, fleet.control(), &bind)?;
    bind.waits().await?;
    let _worker = fleet.start_worker("worker")?;
    let _scheduler = fleet.start_scheduler().await?;
    assert_eq!(bind.ends().await?.0, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_watch_tells_each_state_and_lets_the_server_wait() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let Bound { task, execution } = start(fleet.control(), "gate", &json!({})).await?;
    let between = StandIn::start_as(Manner::Forwards(fleet.control().address())).await?;
    let watch = launch(&fleet.bench)
        .args(["task", "watch", &task.to_string()])
        .env("TASKPILOT_URL", between.url());
    let watch = Command(watch.spawn("watch")?);
    let told = async |state: &str| {
        wait_until("it tells the state", SOON, || async {
            Ok(watch.0.stdout()?.contains(state).then_some(()))
        })
        .await
    };
    told("PENDING READY\n").await?;
    // One look, and one that the server waits with: whoever polls asks many times in that.
    lasts_for("nobody polls", Duration::from_secs(1), || async {
        Ok(between.seen().len() <= 2)
    })
    .await?;
    let _worker = fleet.start_worker("worker")?;
    told("RUNNING  on worker\n").await?;
    fleet.bench.open_gate(execution, 1)?;
    let (code, told, waits) = watch.ends().await?;
    assert_eq!((code, waits), (Some(0), 0), "{told}");
    let states: Vec<&str> = told.lines().take(3).collect();
    assert_eq!(
        states,
        [
            "PENDING READY",
            "RUNNING  on worker",
            "SUCCEEDED  on worker"
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_watch_outlasts_a_restart_of_each_service() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    let Bound { task, execution } =
        start_until(fleet.control(), "gate", &json!({}), "RUNNING").await?;
    let watch = |id: i64| {
        let command = format!("task watch {id}");
        Command::start(&fleet.bench, fleet.control(), &command)
    };
    let first = watch(task)?;
    wait_until("it watches", SOON, || async {
        Ok(first.0.stdout()?.contains("RUNNING").then_some(()))
    })
    .await?;
    scheduler.crash().await?;
    first.waits().await?;
    let _scheduler = fleet.start_scheduler().await?;
    fleet.bench.open_gate(execution, 1)?;
    assert_eq!(first.ends().await?.0, Some(0));

    let Bound { task, execution } =
        start_until(fleet.control(), "gate", &json!({}), "RUNNING").await?;
    let second = watch(task)?;
    wait_until("it watches", SOON, || async {
        Ok(second.0.stdout()?.contains("RUNNING").then_some(()))
    })
    .await?;
    control.crash().await?;
    second.waits().await?;
    let _control = fleet.start_control().await?;
    fleet.bench.open_gate(execution, 1)?;
    assert_eq!(second.ends().await?.0, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_waits_is_repeated_until_the_scheduler_has_it() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    let running = start_until(fleet.control(), "polite", &json!({}), "RUNNING").await?;
    scheduler.crash().await?;
    let (unbound, _) = bind_in_vain(fleet.control(), "quick").await?;
    let cancel = |id: i64| {
        let command = format!("task cancel {id} --wait --reason enough");
        Command::start(&fleet.bench, fleet.control(), &command)
    };
    let cancels = [
        (running.task, cancel(running.task)?),
        (unbound, cancel(unbound)?),
    ];
    for (_, cancel) in &cancels {
        cancel.waits().await?;
    }
    let _scheduler = fleet.start_scheduler().await?;
    for (id, cancel) in cancels {
        let (code, told, waits) = cancel.ends().await?;
        assert_eq!((code, waits), (Some(0), 1), "{told}");
        ensure!(told.contains(&format!("task {id} canceled")), "{told}");
        view_when(fleet.control(), id, "status", "CANCELED").await?;
    }
    assert_eq!(fleet.bench.processes()?, []);
    Ok(())
}

#[tokio::test]
async fn a_wait_through_an_outage_ends_with_its_limit() -> Result<()> {
    let fleet = Fleet::new()?;
    let _control = fleet.start_control().await?;
    let create = |options: &str| {
        let command = format!("task create --type quick --wait=1s{options}");
        Command::start(&fleet.bench, fleet.control(), &command)
    };
    let (code, told, waits) = create("")?.ends().await?;
    assert_eq!(
        (code, told.as_str(), waits),
        (Some(6), "task 1 created\n", 1)
    );
    // For a program, standard error is one JSON document or nothing.
    assert_eq!(
        create(" --json")?.ends().await?,
        (Some(6), String::new(), 0)
    );
    Ok(())
}

#[tokio::test]
async fn a_wait_for_what_will_never_be_bound_ends_with_the_reason() -> Result<()> {
    let stand_in = StandIn::start_as(Manner::from(Says::status(400)).for_creates()).await?;
    let only = ControlOnly::before(&stand_in).await?;
    let told = async |command: String, reason: &str| {
        let ended = launch(&only.bench)
            .args(command.split(' '))
            .env("TASKPILOT_URL", only.control.url())
            .run()
            .await?;
        ensure!(
            ended.code == Some(5) && ended.stderr.contains(reason),
            "{command}: {ended:?}"
        );
        anyhow::Ok(())
    };
    told(
        "task create --type a --wait".into(),
        "task 1 is not bound (",
    )
    .await?;
    let withdrawn = create_of(only.control, "a").await?;
    told(format!("task watch {withdrawn}"), "task 2 is not bound: ").await?;
    let path = format!("/api/tasks/{withdrawn}/cancel");
    only.control.put(&path).send().await?.expect(204)?;
    told(format!("task watch {withdrawn}"), "was withdrawn").await?;
    // Its create may have been carried out: only somebody who looks there can tell.
    stand_in.behave(Manner::HangsUp.for_creates());
    let lost = create_of(only.control, "a").await?;
    ask_to_bind(only.control, lost).await?.any_problem()?;
    let stuck = task_when(only.control, lost, "BINDING").await?;
    assert_eq!(stuck["bindError"]["code"], "unknown_outcome");
    told(format!("task watch {lost}"), "cannot be bound (").await?;

    stand_in.behave(Manner::Plain);
    let bound = create_of(only.control, "a").await?;
    let execution = bind(only.control, bound, &json!({})).await?;
    // A state that is not known here is no end.
    stand_in.amend(execution, &json!({"status": "PAUSED"}))?;
    let command = format!("task watch {bound} --timeout 200ms --json");
    let open = launch(&only.bench)
        .args(command.split(' '))
        .env("TASKPILOT_URL", only.control.url())
        .run()
        .await?;
    let view: Value = serde_json::from_str(&open.stdout)?;
    assert_eq!((open.code, &view["status"]), (Some(6), &json!("PAUSED")));
    Ok(())
}
