//! What the user was told, and what therefore has to be true when the faults are over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Reply;
use taskpilot_e2e::wait::{SOON, wait_until};

use super::marks;
use super::scripts::insist;
use super::world::World;
use crate::api::{Bound, all_work, id_of, task, view};

/// After the restart every task that was to be bound has its one execution within this time.
const BOUND_WITHIN: Duration = Duration::from_secs(10);

/// What has been acknowledged so far.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    begins_once: bool,
    tasks: BTreeMap<i64, String>,
    withdrawn: BTreeSet<i64>,
    /// Tasks that shall be bound by the system itself: it was asked, and nobody asks again.
    asked: BTreeSet<i64>,
    bound: Vec<Bound>,
    canceled: Vec<Canceled>,
}

/// A cancel that was answered.
#[derive(Debug)]
struct Canceled {
    execution: i64,
    /// How often its work had begun until then.
    starts: usize,
}

impl Acknowledged {
    /// Nothing yet, in a system where no work may begin more than once, or may.
    pub(crate) fn when(begins_once: bool) -> Self {
        Self {
            begins_once,
            tasks: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            asked: BTreeSet::new(),
            bound: Vec::new(),
            canceled: Vec::new(),
        }
    }

    /// Has a task created, once, however often it takes.
    pub(crate) async fn created(&mut self, world: &World, kind: &str) -> Result<i64> {
        self.created_as(world, &json!({"type": kind})).await
    }

    async fn created_as(&mut self, world: &World, body: &Value) -> Result<i64> {
        let key = format!("task-{}", self.tasks.len());
        let mut body = body.clone();
        body["payload"] = json!(key);
        let create = || {
            let create = world.control().post("/api/tasks").json(&body);
            create.header("Idempotency-Key", &key)
        };
        let created = insist(create, |reply| reply.status < 500).await?;
        let task = id_of(&created.expect(201)?.json()?, "id")?;
        let other = self.tasks.insert(task, key);
        ensure!(other.is_none(), "two keys made one task {task}");
        Ok(task)
    }

    /// Has a task created and bound.
    pub(crate) async fn bound(&mut self, world: &World, kind: &str) -> Result<Bound> {
        let task = self.created(world, kind).await?;
        self.bind(world, task).await
    }

    /// The same below another.
    async fn bound_below(&mut self, world: &World, parent: Bound, kind: &str) -> Result<Bound> {
        let body = json!({"type": kind, "parentTaskId": parent.task});
        let task = self.created_as(world, &body).await?;
        self.bind(world, task).await
    }

    async fn bind(&mut self, world: &World, task: i64) -> Result<Bound> {
        let path = format!("/api/tasks/{task}/scheduler");
        let options = options();
        let bind = || world.control().post(&path).json(&options);
        let bound = insist(bind, |reply| reply.status < 500).await?;
        ensure!(matches!(bound.status, 200 | 201), "{}", bound.text());
        let execution = id_of(&bound.json()?, "schedulerTaskId")?;
        let bound = Bound { task, execution };
        self.bound.push(bound);
        Ok(bound)
    }

    /// Has a task created, and asks for it to be bound until that is committed. The rest is left to
    /// the system.
    pub(crate) async fn ask(&mut self, world: &World, kind: &str) -> Result<()> {
        let task = self.created(world, kind).await?;
        let path = format!("/api/tasks/{task}");
        wait_until("the wish to bind is committed", 2 * SOON, || async {
            let bind = world.control().post(&format!("{path}/scheduler"));
            let _answered = bind.json(&options()).send().await;
            let read = || world.control().get(&path);
            let task = insist(read, |reply| reply.status == 200).await?.json()?;
            Ok((task["status"] != "PENDING").then_some(()))
        })
        .await?;
        self.asked.insert(task);
        Ok(())
    }

    /// The same in one call.
    pub(crate) async fn ask_at_once(&mut self, world: &World, kind: &str) -> Result<()> {
        let body = json!({"type": kind, "bind": true, "execution": options()});
        let task = self.created_as(world, &body).await?;
        self.asked.insert(task);
        Ok(())
    }

    /// The same, and its work has begun.
    pub(crate) async fn begun(&mut self, world: &World) -> Result<Bound> {
        let bound = self.bound(world, "alone").await?;
        begins(world, bound).await?;
        Ok(bound)
    }

    /// Has what runs canceled with all that is below it: work that runs, too, and work that nobody
    /// handles. What joins it afterwards never begins.
    pub(crate) async fn cancel_tree(&mut self, world: &World, root: Bound) -> Result<()> {
        let running = self.bound_below(world, root, "alone").await?;
        begins(world, running).await?;
        let waiting = self
            .bound_below(world, running, "nobody-handles-this")
            .await?;
        let path = format!("/api/tasks/{}/execution/cancel", root.task);
        let cascade = json!({"cascade": true});
        let cancel = || world.control().put(&path).json(&cascade);
        insist(cancel, |reply| reply.status < 500)
            .await?
            .expect(204)?;
        // What runs may end by itself until it is decided, and its gate is opened later.
        for bound in [running, waiting] {
            let path = format!("/api/tasks/{}/execution", bound.task);
            let read = || world.control().get(&path);
            let is_decided = |reply: &Reply| {
                let view = reply.json();
                view.is_ok_and(|view| view["status"] == "CANCELED")
            };
            insist(read, is_decided).await?;
        }
        let late = self.bound_below(world, waiting, "alone").await?;
        for bound in [root, running, waiting, late] {
            self.canceled.push(Canceled {
                execution: bound.execution,
                starts: starts(world, bound.execution)?,
            });
        }
        Ok(())
    }

    /// Has the execution of a task canceled.
    pub(crate) async fn cancel(&mut self, world: &World, bound: Bound) -> Result<()> {
        let path = format!("/api/tasks/{}/execution/cancel", bound.task);
        let cancel = || world.control().put(&path);
        insist(cancel, |reply| reply.status < 500)
            .await?
            .expect(204)?;
        self.canceled.push(Canceled {
            execution: bound.execution,
            starts: starts(world, bound.execution)?,
        });
        Ok(())
    }

    /// Has all of these canceled as one, and is told of each that it was this that canceled it.
    pub(crate) async fn cancel_many(
        &mut self,
        world: &World,
        wish: &Value,
        bound: &[Bound],
    ) -> Result<()> {
        let cancellation = self.begin_to_cancel(world, wish).await?;
        let done = self.completed(world, cancellation).await?;
        ensure!(done["status"] == "COMPLETED", "{done}");
        let all = (&done["total"], &done["counts"]["canceled"]);
        let count = json!(bound.len());
        ensure!(all == (&count, &count), "{done}");
        for Bound { execution, .. } in bound {
            self.canceled.push(Canceled {
                execution: *execution,
                starts: starts(world, *execution)?,
            });
        }
        Ok(())
    }

    /// Asks for a cancel of many until that is committed, once.
    pub(crate) async fn begin_to_cancel(&mut self, world: &World, wish: &Value) -> Result<i64> {
        let key = format!("cancellation-{}", self.canceled.len());
        let create = || {
            let create = world.control().post("/api/cancellations").json(wish);
            create.header("Idempotency-Key", &key)
        };
        let begun = insist(create, |reply| reply.status < 500).await?;
        id_of(&begun.expect(201)?.json()?, "id")
    }

    /// Waits until nothing is left to do of a cancel of many.
    pub(crate) async fn completed(&self, world: &World, cancellation: i64) -> Result<Value> {
        let path = format!("/api/cancellations/{cancellation}");
        let read = || world.control().get(&path);
        let is_done = |reply: &Reply| {
            reply
                .json()
                .is_ok_and(|told| told["completedAt"].is_string())
        };
        insist(read, is_done).await?.json()
    }

    /// A task whose cancel was committed before it was bound.
    pub(crate) fn canceled_before_it_began(&mut self, task: i64, execution: i64) {
        self.bound.push(Bound { task, execution });
        let starts = 0;
        self.canceled.push(Canceled { execution, starts });
    }

    /// Has a task created and withdrawn.
    pub(crate) async fn withdraw(&mut self, world: &World) -> Result<()> {
        let task = self.created(world, "alone").await?;
        let path = format!("/api/tasks/{task}/cancel");
        let withdraw = || world.control().put(&path);
        insist(withdraw, |reply| reply.status < 500)
            .await?
            .expect(204)?;
        self.withdrawn.insert(task);
        Ok(())
    }

    /// Judges a system whose faults are over.
    pub(crate) async fn judge(mut self, world: &World) -> Result<()> {
        let bound = wait_until("every task that was to be bound is", BOUND_WITHIN, || {
            self.is_bound(world)
        });
        let bound = bound.await?;
        self.bound.extend(bound);
        self.is_kept(world).await?;
        world.open_gate()?;
        for Bound { task, execution } in &self.bound {
            self.ends(world, *task, *execution).await?;
        }
        world.bench.deserted().await?;
        // What has ended stays as it is.
        self.is_kept(world).await?;
        self.judge_marks(world)
    }

    async fn is_bound(&self, world: &World) -> Result<Option<Vec<Bound>>> {
        let mut bound = Vec::new();
        for id in &self.asked {
            let task = task(world.control(), *id).await?;
            if task["status"] != "BOUND" {
                return Ok(None);
            }
            let execution = id_of(&task, "schedulerTaskId")?;
            bound.push(Bound {
                task: *id,
                execution,
            });
        }
        Ok(Some(bound))
    }

    /// All tasks with all that was said of them, no task more, and one execution for each that is
    /// bound.
    async fn is_kept(&self, world: &World) -> Result<()> {
        let [tasks, executions] = all_work(world.control(), world.scheduler()).await?;
        let known = self.tasks.keys().copied().collect();
        ensure!(ids(&tasks)? == known, "other tasks: {tasks:?}");
        for (id, payload) in &self.tasks {
            let task = task(world.control(), *id).await?;
            ensure!(task["payload"] == json!(payload), "{task}");
        }
        for Bound {
            task: id,
            execution,
        } in &self.bound
        {
            let task = task(world.control(), *id).await?;
            let one = (&task["status"], &task["schedulerTaskId"]);
            ensure!(one == (&json!("BOUND"), &json!(execution)), "{task}");
        }
        for id in &self.withdrawn {
            let task = task(world.control(), *id).await?;
            ensure!(task["status"] == "CANCELED", "{task}");
        }
        let bound = self.bound.iter().map(|bound| bound.execution);
        let one_each = ids(&executions)? == bound.collect();
        ensure!(one_each, "other executions: {executions:?}");
        Ok(())
    }

    async fn ends(&self, world: &World, task: i64, execution: i64) -> Result<()> {
        let canceled = self.canceled.iter().any(|one| one.execution == execution);
        let expected = if canceled { "CANCELED" } else { "SUCCEEDED" };
        let what = format!("execution {execution} ends as {expected}");
        let ended = wait_until(&what, 2 * SOON, || async {
            let view = view(world.control(), task).await?;
            let stop = view["stop"]["status"].as_str();
            let stopped = matches!(stop, Some("NOT_NEEDED" | "STOPPED" | "PRESUMED"));
            let is_final = !matches!(view["status"].as_str(), Some("PENDING" | "RUNNING"));
            Ok((is_final && (stopped || !canceled)).then_some(view))
        });
        let ended = ended.await?;
        ensure!(ended["status"] == expected, "{ended}");
        Ok(())
    }

    /// What the handlers themselves have written down.
    fn judge_marks(&self, world: &World) -> Result<()> {
        let marks = world.bench.ledger().marks()?;
        let doubled = marks::doubled(&marks);
        ensure!(doubled.is_empty(), "{doubled:?} ran twice: {marks:?}");
        for Canceled { execution, starts } in &self.canceled {
            let now = marks::count("start", *execution, &marks);
            ensure!(
                now == *starts,
                "{execution} began after its cancel: {marks:?}"
            );
        }
        for Bound { execution, .. } in &self.bound {
            let canceled = self.canceled.iter().any(|one| one.execution == *execution);
            let ended = marks::count("end", *execution, &marks) > 0;
            ensure!(canceled || ended, "{execution} never ended: {marks:?}");
            let starts = marks::count("start", *execution, &marks);
            ensure!(
                starts <= 1 || !self.begins_once,
                "{execution} began again although no worker was lost: {marks:?}"
            );
        }
        Ok(())
    }
}

/// Patience with workers that are lost, and with nothing else.
fn options() -> Value {
    json!({
        "maxAttempts": 5,
        "backoff": {"initialMs": 1, "maxMs": 1},
        "cancelGraceMs": 500,
    })
}

async fn begins(world: &World, bound: Bound) -> Result<()> {
    wait_until("the work begins", 2 * SOON, || async {
        Ok((starts(world, bound.execution)? > 0).then_some(()))
    })
    .await
}

fn starts(world: &World, execution: i64) -> Result<usize> {
    let marks = world.bench.ledger().marks()?;
    Ok(marks::count("start", execution, &marks))
}

fn ids(items: &[Value]) -> Result<BTreeSet<i64>> {
    let ids: BTreeSet<i64> = items
        .iter()
        .map(|item| id_of(item, "id"))
        .collect::<Result<_>>()?;
    ensure!(ids.len() == items.len(), "an id twice: {items:?}");
    Ok(ids)
}
