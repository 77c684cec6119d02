//! What happens in a case: each script passes some of the points, and its user repeats whatever was
//! not answered.

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::http::{Call, Reply};
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_fault::{Setting, Step};

use super::acknowledged::Acknowledged;
use super::world::{Role, World};
use crate::api::id_of;
use crate::releases::Session;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// A task is created and bound, and its work begins.
    Run,
    /// The same in one call.
    RunAtOnce,
    /// A task is created and bound, and its work begins when it was told that it may.
    RunConfirmed,
    /// The same in two, and the work ends at once.
    Finish,
    /// Work that runs is canceled.
    Cancel,
    /// Work that runs is canceled with all that is below it.
    Cascade,
    /// Work that is canceled and cannot be ended is released by an operator; the test is its worker.
    Release,
    /// A task is canceled that could not be bound yet: the scheduler is away.
    CancelUnbound,
    /// Many are canceled at once: those of a filter, and one that runs.
    CancelMany,
    /// A cancel of many is given up before any of it could be decided: the scheduler is away.
    GiveUpMany,
    /// A task is withdrawn.
    Withdraw,
    /// A worker comes back after a crash.
    Enroll,
    /// A worker ends in order and comes back.
    Goodbye,
    /// A task is bound in front of a scheduler with the plain contract.
    Plain,
    /// Such a scheduler refuses it.
    Refused,
}

impl Script {
    /// Whether the process that the fault strikes ends: by the fault, because it cannot do without
    /// the step, or because the script has it end.
    pub(crate) fn ends(self, role: Role, setting: Setting) -> bool {
        setting.fault.is_crash()
            || setting.step == Step::SessionSave
            || (self == Self::Goodbye && role == Role::Worker)
    }

    /// Whether no work begins more than once: no worker was lost.
    pub(crate) fn begins_once(self, role: Role) -> bool {
        role != Role::Worker && !matches!(self, Self::Enroll | Self::Goodbye)
    }

    /// What was there before: work that runs, and a task that is canceled for good.
    pub(crate) async fn history(self, world: &World, told: &mut Acknowledged) -> Result<()> {
        told.begun(world).await?;
        let canceled = told.bound(world, "nobody-handles-this").await?;
        told.cancel(world, canceled).await
    }

    /// Plays it, with a fault in one of the roles.
    pub(crate) async fn play(
        self,
        world: &World,
        armed: Role,
        told: &mut Acknowledged,
    ) -> Result<()> {
        match self {
            Self::Run => told.ask(world, "alone").await?,
            Self::RunAtOnce => told.ask_at_once(world, "alone").await?,
            Self::RunConfirmed => told.ask(world, "confirmed-alone").await?,
            Self::Finish => {
                world.open_gate()?;
                told.ask(world, "alone").await?;
            }
            Self::Cancel => {
                let running = told.begun(world).await?;
                told.cancel(world, running).await?;
            }
            Self::Cascade => {
                let root = told.begun(world).await?;
                told.cancel_tree(world, root).await?;
            }
            Self::Release => release(world, told).await?,
            Self::CancelUnbound => cancel_unbound(world, told).await?,
            Self::CancelMany => cancel_many(world, told).await?,
            Self::GiveUpMany => give_up_many(world, told).await?,
            Self::Withdraw => told.withdraw(world).await?,
            Self::Enroll => {
                if armed != Role::Worker {
                    world.crash(Role::Worker).await?;
                    world.start(Role::Worker).await?;
                }
                told.begun(world).await?;
            }
            Self::Goodbye => {
                told.begun(world).await?;
                world.end_worker().await?;
                if armed != Role::Worker {
                    world.start(Role::Worker).await?;
                }
            }
            Self::Plain | Self::Refused => unreachable!("these have a stand-in"),
        }
        Ok(())
    }
}

async fn cancel_unbound(world: &World, told: &mut Acknowledged) -> Result<()> {
    world.crash(Role::Scheduler).await?;
    let task = told.created(world, "alone").await?;
    let path = format!("/api/tasks/{task}");
    let bind = || world.control().post(&format!("{path}/scheduler"));
    insist(bind, |reply| is_told(reply, "scheduler_unavailable")).await?;
    let cancel = || world.control().put(&format!("{path}/execution/cancel"));
    let intended = insist(cancel, |reply| is_told(reply, "scheduler_unavailable")).await?;
    let outcome = &intended.json()?["outcome"];
    ensure!(
        outcome == "unknown",
        "the wish is committed, and the answer says {outcome}"
    );
    world.start(Role::Scheduler).await?;
    let read = || world.control().get(&path);
    let bound = insist(read, |reply| {
        reply.json().is_ok_and(|task| task["status"] == "BOUND")
    });
    let execution = id_of(&bound.await?.json()?, "schedulerTaskId")?;
    told.canceled_before_it_began(task, execution);
    Ok(())
}

async fn release(world: &World, told: &mut Acknowledged) -> Result<()> {
    let kind = "handled-by-the-test";
    let bound = told.bound(world, kind).await?;
    let session = Session::register(world.scheduler(), kind).await?;
    let grant = session.claim(1).await?;
    told.cancel(world, bound).await?;
    session.report(&grant, &json!({"stage": "stuck"})).await?;
    let path = format!("/api/tasks/{}/execution/release-stuck", bound.task);
    let why = json!({"reason": "a test"});
    let release = || world.control().put(&path).json(&why);
    let released = insist(release, |reply| reply.status < 500).await?;
    let stop = released.expect(200)?.json()?["stop"].clone();
    ensure!(stop["released"]["reason"] == "a test", "{stop}");
    let proof = json!({"stage": "stopped", "how": "killed"});
    session.report(&grant, &proof).await.map(drop)
}

async fn cancel_many(world: &World, told: &mut Acknowledged) -> Result<()> {
    let kind = "nobody-handles-that";
    let waiting = [
        told.bound(world, kind).await?,
        told.bound(world, kind).await?,
    ];
    let filter = json!({"filter": {"type": kind, "state": "PENDING"}});
    told.cancel_many(world, &filter, &waiting).await?;
    let running = told.begun(world).await?;
    let named = json!({"ids": [running.task]});
    told.cancel_many(world, &named, &[running]).await
}

async fn give_up_many(world: &World, told: &mut Acknowledged) -> Result<()> {
    let running = told.begun(world).await?;
    world.crash(Role::Scheduler).await?;
    let named = json!({"ids": [running.task]});
    let cancellation = told.begin_to_cancel(world, &named).await?;
    let path = format!("/api/cancellations/{cancellation}/cancel");
    let give_up = || world.control().put(&path);
    insist(give_up, |reply| reply.status < 500)
        .await?
        .expect(200)?;
    world.start(Role::Scheduler).await?;
    let done = told.completed(world, cancellation).await?;
    let counts = &done["counts"];
    ensure!(done["status"] == "CANCELED", "{done}");
    ensure!(counts["canceled"] == 0, "it was given up before: {counts}");
    Ok(())
}

fn is_told(reply: &Reply, code: &str) -> bool {
    reply
        .json()
        .is_ok_and(|problem| problem["code"] == json!(code))
}

/// Sends a call again and again until an answer will do, as a user does who wants to know.
pub(crate) async fn insist(
    call: impl Fn() -> Call,
    will_do: impl Fn(&Reply) -> bool,
) -> Result<Reply> {
    wait_until("a call is answered", 2 * SOON, || async {
        let reply = call().send().await;
        Ok(reply.ok().filter(&will_do))
    })
    .await
}
