//! Clients that create and workers that claim and finish, as fast as they are answered.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use hyper::Method;
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
    /// Creates per second.
    pub(crate) creates: f64,
    /// From the end of the last create, or the begin of all, to the last result.
    pub(crate) finishes: f64,
    pub(crate) create: Latencies,
    pub(crate) claim: Latencies,
}

/// Runs a plan to its end.
pub(crate) async fn run(plan: Plan, target: &Target) -> Result<Outcome> {
    let load = Rc::new(Load::new(plan, target)?);
    let begun = now_ns();
    let local = LocalSet::new();
    if plan.order == Order::Together {
        let both = async { tokio::try_join!(create(&load), finish(&load)) };
        local.run_until(both).await?;
    } else {
        local.run_until(create(&load)).await?;
        if plan.order == Order::WorkersAfter {
            local.run_until(finish(&load)).await?;
        }
    }
    drop(local);
    let load = Rc::into_inner(load).context("a client still runs")?;
    Ok(load.outcome(begun))
}

/// What the clients of a run share.
struct Load {
    plan: Plan,
    scheduler: String,
    create_url: String,
    work: Work,
    next: Cell<u64>,
    room: Semaphore,
    finished: Cell<u64>,
    created_ns: Cell<u64>,
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
        let room = match plan.order {
            Order::Together => plan.size.batch as usize * WINDOW_BATCHES,
            Order::WorkersAfter | Order::OnlyCreate => Semaphore::MAX_PERMITS / 2,
        };
        Ok(Self {
            plan,
            scheduler: target.scheduler.clone(),
            create_url,
            // The clock never shows the same instant twice, so no key is used twice.
            work: Work::new(now_ns(), plan.size.payload as usize),
            next: Cell::new(0),
            room: Semaphore::new(room),
            finished: Cell::new(0),
            created_ns: Cell::new(0),
            finished_ns: Cell::new(0),
            create: RefCell::new(Latencies::new()),
            claim: RefCell::new(Latencies::new()),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a count has far fewer digits")]
    fn outcome(self, begun: u64) -> Outcome {
        let count = self.plan.size.count as f64;
        let (created, finished) = (self.created_ns.get(), self.finished_ns.get());
        let rate = |from: u64, to: u64| count / seconds(to.saturating_sub(from).max(1));
        Outcome {
            lifecycles: rate(begun, finished),
            creates: rate(begun, created),
            finishes: match self.plan.order {
                Order::WorkersAfter => rate(created, finished),
                Order::Together | Order::OnlyCreate => rate(begun, finished),
            },
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
    Ok(())
}

async fn create_all(load: &Load) -> Result<()> {
    let mut connection = Connection::open(&load.create_url).await?;
    while let Some((first, count)) = load.take() {
        load.room.acquire_many(count).await?.forget();
        let call = load.call(first, count);
        let begun = now_ns();
        let answer = connection.call(call).await?;
        load.create.borrow_mut().record(begun, now_ns());
        ensure!(all_taken(&answer), "an item of a batch was refused");
    }
    Ok(())
}

/// Whether no item of a batch was answered with a problem.
fn all_taken(answer: &[u8]) -> bool {
    // Eight bytes are what the search is fast for, and an answer has some hundred thousand.
    std::str::from_utf8(answer).is_ok_and(|text| !text.contains("\"problem"))
}

async fn finish(load: &Rc<Load>) -> Result<()> {
    let mut running = JoinSet::new();
    for number in 0..load.plan.workers {
        let load = Rc::clone(load);
        running.spawn_local(async move { finish_all(&load, number).await });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

async fn finish_all(load: &Load, number: u32) -> Result<()> {
    let trade = Trade {
        name: &format!("bench-{number}"),
        kind: KIND,
        slots: load.plan.claim,
    };
    let mut session = Session::register(&load.scheduler, trade).await?;
    loop {
        // What others hold is not to be waited for.
        let is_over = load.finished.get() >= load.plan.size.count;
        let max = if is_over { 0 } else { load.plan.claim };
        if is_over && session.held() == 0 {
            return session.end().await;
        }
        let begun = now_ns();
        let turnover = session.turn(max, WAIT_MS).await?;
        let ended = now_ns();
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
