//! Ten times more creates than the scheduler can take: what keeps work alive and what stops it goes
//! first.
//!
//! The flood comes from this machine and takes turns with the scheduler on its cores, at a lower
//! priority.

use std::collections::BTreeSet;
use std::time::Duration;
use std::{fmt, fs};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::flood::{Answers, Flood};
use taskpilot_e2e::http::{Call, Http};
use taskpilot_e2e::taskpilot::Taskpilot;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::api::{active_workers, all, id_of, start_until};
use crate::faults::ended_as;
use crate::fleet::Fleet;

const FLOOD: Duration = Duration::from_mins(1);
/// More than may make work at once, and fewer than may be open.
const CONNECTIONS: usize = 800;
/// Refusals in a second, at least. A connection that was refused comes again after one; on a busy
/// machine a hundred of them do, and what they sent behind what was refused needs no answer.
const REFUSED_MIN: u64 = 30;
/// Time between two cancels, and between two heartbeats, from their intended beginnings.
const PROBE_EVERY: Duration = Duration::from_millis(100);
/// What the product promises of its release build, and what an unoptimised one may take: without turns
/// it takes several times as long.
const P99: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });
/// Page caches, waiting commands, 1,024 connections, and what an allocator keeps.
const MEMORY_KIB_MAX: u64 = 192 * 1024;

fn create(payload: &str) -> Value {
    json!({"type": "nobody-handles-this", "payload": payload})
}

fn flood(server: Http, per_second: Option<u64>, period: Duration) -> Flood {
    let body = create(&"x".repeat(200)).to_string();
    let head = format!(
        "POST /tasks HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        server.address(),
        body.len()
    );
    Flood {
        server: server.address(),
        request: [head, body].concat().into_bytes(),
        connections: if per_second.is_some() {
            CONNECTIONS
        } else {
            64
        },
        per_second,
        period,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_creates_delays_neither_cancels_nor_signs_of_life() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    let work = start_until(fleet.control(), "gate", &json!({}), "RUNNING").await?;
    fleet.bench.begun(work.execution).await?;
    let server = fleet.scheduler();
    let session = register(server).await?;
    let victims = victims(server).await?;

    let calm = Duration::from_secs(3);
    let capacity = flood(server, None, calm).run().await?;
    let per_second = u64::try_from(capacity.created.len())? / calm.as_secs();
    // More than ten times: what falls due in the last moments of a connection is not counted.
    let flooding = tokio::spawn(flood(server, Some(12 * per_second), FLOOD).run());
    let cancels = victims
        .iter()
        .map(|id| server.put(&format!("/tasks/{id}/cancel")));
    let heartbeats = victims.iter().map(|_| heartbeat(server, &session));
    let (cancels, heartbeats, memory) = tokio::join!(
        latencies(cancels.collect()),
        latencies(heartbeats.collect()),
        most_memory(&scheduler)
    );
    let answers = flooding.await??;
    let (cancels, heartbeats, memory) = (Spread::of(cancels?), Spread::of(heartbeats?), memory?);
    let seconds = FLOOD.as_secs();
    let (due, written) = (answers.due / seconds, answers.written / seconds);
    let seen = format!(
        "{per_second}/s alone; in the flood {due}/s due, {written}/s sent, {}/s created, \
         {}/s refused, cancels {cancels}, heartbeats {heartbeats}, {memory} KiB",
        u64::try_from(answers.created.len())? / seconds,
        answers.refused / seconds,
    );
    say(&seen);
    // A refusal that does not say when to come again would be among these.
    ensure!(answers.others.is_empty(), "{:?}", answers.others);
    // Whoever is refused sends nothing for a second.
    ensure!(due >= 10 * per_second, "it was no flood: {seen}");
    ensure!(written >= 3 * per_second, "it was no flood: {seen}");
    ensure!(answers.refused >= REFUSED_MIN * seconds, "{seen}");
    ensure!(cancels.p99 <= P99 && heartbeats.p99 <= P99, "{seen}");
    ensure!(memory <= MEMORY_KIB_MAX, "{seen}");

    // Neither session was lost, and the work runs on in its first attempt.
    active_workers(server, 2).await?;
    heartbeat(server, &session).send().await?.expect(200)?;
    fleet.bench.open_gate(work.execution, 1)?;
    let done = ended_as(&fleet, work, "SUCCEEDED").await?;
    assert_eq!(done["attempts"].as_array().map(Vec::len), Some(1), "{done}");
    all_are_there(server, [capacity, answers]).await
}

#[expect(
    clippy::print_stderr,
    reason = "figures of a test, shown where it failed"
)]
fn say(text: &str) {
    eprintln!("{text}");
}

async fn register(server: Http) -> Result<Value> {
    let worker = json!({
        "name": "probe", "queues": ["none"], "types": ["none"], "slots": 1,
        "containment": "subreaper",
    });
    let reply = server.post("/v1/workers").json(&worker).send().await?;
    reply.expect(201)?.json()
}

fn heartbeat(server: Http, session: &Value) -> Call {
    let path = format!("/v1/workers/{}/heartbeat", session["sessionId"]);
    let token = session["token"].as_str().unwrap_or_default();
    let call = server.put(&path).header("taskpilot-session-token", token);
    call.json(&json!({"claimSeq": 0, "held": []}))
}

/// Executions to cancel, one for each probe.
async fn victims(server: Http) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    for _ in 0..FLOOD.as_millis() / PROBE_EVERY.as_millis() {
        let reply = server.post("/tasks").json(&create("victim")).send().await?;
        ids.push(id_of(&reply.expect(201)?.json()?, "id")?);
    }
    Ok(ids)
}

/// How long each call took, from when it was due. All have to succeed.
async fn latencies(calls: Vec<Call>) -> Result<Vec<Duration>> {
    let mut due = interval(PROBE_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut running = Vec::new();
    for call in calls {
        let due_at = due.tick().await;
        running.push(tokio::spawn(async move {
            let reply = call.send().await?;
            reply.expect(200)?;
            anyhow::Ok(now().duration_since(due_at))
        }));
    }
    let mut latencies = Vec::new();
    for call in running {
        latencies.push(call.await??);
    }
    Ok(latencies)
}

struct Spread {
    p50: Duration,
    p99: Duration,
}

impl Spread {
    fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |percent| latencies[latencies.len() * percent / 100];
        Self {
            p50: at(50),
            p99: at(99),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.1?} p99 {:.1?}", self.p50, self.p99)
    }
}

/// The most memory that is its own, in KiB, looked at every second of the flood.
async fn most_memory(process: &Taskpilot) -> Result<u64> {
    let mut looks = interval(Duration::from_secs(1));
    let mut most = 0;
    for _ in 0..FLOOD.as_secs() {
        looks.tick().await;
        let status = fs::read_to_string(format!("/proc/{}/status", process.pid()))?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number
                .and_then(|number| number.parse().ok())
                .context("no such line")
        };
        let own: u64 = kib("VmRSS:")?;
        most = most.max(own - kib("RssFile:")?);
    }
    Ok(most)
}

async fn all_are_there(server: Http, answers: [Answers; 2]) -> Result<()> {
    let there = all(server, "/tasks").await?;
    let there: BTreeSet<i64> = there.iter().filter_map(|one| one["id"].as_i64()).collect();
    for id in answers.into_iter().flat_map(|answers| answers.created) {
        ensure!(there.contains(&id), "{id} was acknowledged and is gone");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "latency is what is measured")]
fn now() -> Instant {
    Instant::now()
}
