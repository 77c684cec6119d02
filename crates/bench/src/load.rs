//! Clients that create and workers that claim and finish, as fast as they are answered.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::arguments::{Size, Through};
use crate::bodies::{KIND, Work};
use crate::clock::{now_ns, seconds};
use crate::connection::{Call, Connection};
use crate::latency::Latencies;
use crate::session::{Session, Trade};
use crate::target::Target;

/// Batches that may be created and not finished yet: enough that no worker waits, and not so many
/// that it becomes a measurement of a backlog.
const WINDOW_BATCHES: usize = 20;
/// How long a claim waits that finds nothing.
const WAIT_MS: u64 = 200;
/// Of the creates at the control plane, what must be bound when it is answered.
const BOUND_PERCENT_MIN: u64 = 99;

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) size: Size,
    pub(crate) through: Through,
    pub(crate) clients: u32,
    pub(crate) workers: u32,
    /// Executions of one claim.
    pub(crate) claim: u32,
    pub(crate) order: Order,
}

/// What goes on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Workers finish while clients create.
    Together,
    /// Workers begin when all is created.
    WorkersAfter,
    /// There are no workers.
    OnlyCreate,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// From the first create to the last result, per second.
    pub(crate) lifecycles: f64,
    /// Creates per second; at the control plane, of what was bound when it was answered.
    pub(crate) creates: f64,
    /// From the first claim to the last result.
    pub(crate) finishes: f64,
    /// Of the creates at the control plane, what was bound when it was answered.
    pub(crate) bound_percent: f64,
    pub(crate) create: Latencies,
    pub(crate) claim: Latencies,
}

/// Runs a plan to its end.
pub(crate) async fn run(plan: Plan, target: &Target) -> Result<Outcome> {
    let load = Rc::new(Load::new(plan, target)?);
    let local = LocalSet::new();
    local.run_until(all(&load)).await?;
    drop(local);
    let load = Rc::into_inner(load).context("a client still runs")?;
    Ok(load.outcome())
}

/// Sessions are there before the time begins that their work is measured in.
async fn all(load: &Rc<Load>) -> Result<()> {
    if load.plan.order == Order::Together {
        let sessions = register(load).await?;
        load.begun_ns.set(now_ns());
        load.claims_ns.set(now_ns());
        tokio::try_join!(create(load), finish(load, sessions))?;
        return Ok(());
    }
    load.begun_ns.set(now_ns());
    create(load).await?;
    if load.plan.order == Order::WorkersAfter {
        let sessions = register(load).await?;
        load.claims_ns.set(now_ns());
        finish(load, sessions).await?;
    }
    Ok(())
}

/// What the clients of a run share.
struct Load {
    plan: Plan,
    scheduler: String,
    create_url: String,
    work: Work,
    next: Cell<u64>,
    room: Semaphore,
    /// What the sessions may still ask for: of a backlog that was there before, nothing.
    unclaimed: Cell<u64>,
    bound: Cell<u64>,
    finished: Cell<u64>,
    begun_ns: Cell<u64>,
    created_ns: Cell<u64>,
    claims_ns: Cell<u64>,
    finished_ns: Cell<u64>,
    create: RefCell<Latencies>,
    claim: RefCell<Latencies>,
}

impl Load {
    fn new(plan: Plan, target: &Target) -> Result<Self> {
        let create_url = match plan.through {
            Through::Batch | Through::Scheduler => target.scheduler.clone(),
            Through::Control => target.control()?.to_owned(),
        };
        let (room, unclaimed) = match plan.order {
            Order::Together => (plan.size.batch as usize * WINDOW_BATCHES, u64::MAX / 2),
            Order::WorkersAfter | Order::OnlyCreate => {
                (Semaphore::MAX_PERMITS / 2, plan.size.count)
            }
        };
        Ok(Self {
            plan,
            scheduler: target.scheduler.clone(),
            create_url,
            // The clock never shows the same instant twice, so no key is used twice.
            work: Work::new(now_ns(), plan.size.payload as usize),
            next: Cell::new(0),
            room: Semaphore::new(room),
            unclaimed: Cell::new(unclaimed),
            bound: Cell::new(0),
            finished: Cell::new(0),
            begun_ns: Cell::new(0),
            created_ns: Cell::new(0),
            claims_ns: Cell::new(0),
            finished_ns: Cell::new(0),
            create: RefCell::new(Latencies::new()),
            claim: RefCell::new(Latencies::new()),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a count has far fewer digits")]
    fn outcome(self) -> Outcome {
        let count = self.plan.size.count as f64;
        let bound = match self.plan.through {
            Through::Control => self.bound.get() as f64 / count,
            Through::Batch | Through::Scheduler => 1.0,
        };
        let (begun, finished) = (self.begun_ns.get(), self.finished_ns.get());
        let rate = |from: u64, to: u64| count / seconds(to.saturating_sub(from).max(1));
        Outcome {
            lifecycles: rate(begun, finished),
            creates: bound * rate(begun, self.created_ns.get()),
            finishes: rate(self.claims_ns.get(), finished),
            bound_percent: bound * 100.0,
            create: self.create.into_inner(),
            claim: self.claim.into_inner(),
        }
    }

    /// The next numbers to create; none when all are taken.
    fn take(&self) -> Option<(u64, u32)> {
        let at_once = match self.plan.through {
            Through::Batch => u64::from(self.plan.size.batch),
            Through::Scheduler | Through::Control => 1,
        };
        let first = self.next.get();
        let count = at_once.min(self.plan.size.count - first);
        self.next.set(first + count);
        (count > 0).then(|| (first, u32::try_from(count).unwrap_or(u32::MAX)))
    }

    /// How many a session claims next; none where others hold what is left.
    fn ask(&self) -> u32 {
        if self.finished.get() >= self.plan.size.count {
            return 0;
        }
        let max = u64::from(self.plan.claim).min(self.unclaimed.get());
        self.unclaimed.set(self.unclaimed.get() - max);
        u32::try_from(max).unwrap_or(u32::MAX)
    }

    /// What was asked for and not granted.
    fn give_back(&self, count: u64) {
        self.unclaimed.set(self.unclaimed.get() + count);
    }

    /// Notes whether a create at the control plane was answered with its task bound.
    fn count_bound(&self, answer: &[u8]) -> Result<()> {
        #[derive(Deserialize)]
        struct Task<'a> {
            status: &'a str,
        }
        if self.plan.through == Through::Control {
            let Task { status } = serde_json::from_slice(answer)?;
            self.bound
                .set(self.bound.get() + u64::from(status == "BOUND"));
        }
        Ok(())
    }

    /// Otherwise it was not creates with their binds that took the time.
    fn check_bound(&self) -> Result<()> {
        let (bound, count) = (self.bound.get(), self.plan.size.count);
        ensure!(
            self.plan.through != Through::Control || bound * 100 >= count * BOUND_PERCENT_MIN,
            "of {count} tasks {bound} were bound when their creates were answered"
        );
        Ok(())
    }

    fn call(&self, first: u64, count: u32) -> Call {
        let post = |path: &str, body: String| Call::new(Method::POST, path).json(body);
        let keyed = |call: Call| Call {
            key: Some(self.work.key(first)),
            ..call
        };
        match self.plan.through {
            Through::Batch => post("/tasks/batch", self.work.batch(first, count.into())),
            Through::Scheduler => keyed(post("/tasks", self.work.execution(first))),
            Through::Control => keyed(post("/api/tasks", self.work.task(first))),
        }
    }
}

async fn create(load: &Rc<Load>) -> Result<()> {
    let mut running = JoinSet::new();
    for _ in 0..load.plan.clients {
        let load = Rc::clone(load);
        running.spawn_local(async move { create_all(&load).await });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    load.created_ns.set(now_ns());
    load.check_bound()
}

async fn create_all(load: &Load) -> Result<()> {
    let mut connection = Connection::open(&load.create_url).await?;
    while let Some((first, count)) = load.take() {
        load.room.acquire_many(count).await?.forget();
        let call = load.call(first, count);
        let begun = now_ns();
        let answer = connection.call(call).await?;
        load.create.borrow_mut().record(begun, now_ns());
        load.count_bound(&answer)?;
        ensure!(all_taken(&answer), "an item of a batch was refused");
    }
    Ok(())
}

/// Whether no item of a batch was answered with a problem.
fn all_taken(answer: &[u8]) -> bool {
    // Eight bytes are what the search is fast for, and an answer has some hundred thousand.
    std::str::from_utf8(answer).is_ok_and(|text| !text.contains("\"problem"))
}

async fn register(load: &Load) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    for number in 0..load.plan.workers {
        let trade = Trade {
            name: &format!("bench-{number}"),
            kind: KIND,
            slots: load.plan.claim,
        };
        sessions.push(Session::register(&load.scheduler, trade).await?);
    }
    Ok(sessions)
}

async fn finish(load: &Rc<Load>, sessions: Vec<Session>) -> Result<()> {
    let mut running = JoinSet::new();
    for session in sessions {
        let load = Rc::clone(load);
        running.spawn_local(async move { finish_all(&load, session).await });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

async fn finish_all(load: &Load, mut session: Session) -> Result<()> {
    loop {
        let max = load.ask();
        if max == 0 && session.held() == 0 {
            return session.end().await;
        }
        let begun = now_ns();
        let turnover = session.turn(max, WAIT_MS).await?;
        let ended = now_ns();
        load.give_back(u64::from(max) - turnover.granted);
        if turnover.granted > 0 {
            load.claim.borrow_mut().record(begun, ended);
        }
        load.room.add_permits(usize::try_from(turnover.finished)?);
        let finished = load.finished.get() + turnover.finished;
        let was_over = load.finished.replace(finished) >= load.plan.size.count;
        if finished >= load.plan.size.count && !was_over {
            load.finished_ns.set(ended);
        }
    }
}
