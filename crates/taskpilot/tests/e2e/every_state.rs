//! The stop button in each state that an execution can be in, one row for each. What is below a parent
//! has a file of its own.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{Bound, bind_in_vain, cancel, proven_stop, start, task_when, view, view_when};
use crate::fleet::Fleet;
use crate::start::Up;

/// A state, an execution that is in it, and what is told of its stop right after the cancel.
struct Row {
    state: &'static str,
    bound: Bound,
    /// What the execution tells of itself before.
    before: (&'static str, Value),
    /// Whether something has to be stopped, and by what cause.
    cause: Value,
    ends: Ends,
}

/// How the work comes to its end after the cancel.
#[derive(PartialEq, Eq)]
enum Ends {
    /// There is none, or its worker ends it.
    ByItself,
    /// The test says that it never began.
    NeverStarted,
    /// The test kills it: its grace is longer than a test may take.
    Killed,
}

#[tokio::test]
async fn a_cancel_reaches_every_state() -> Result<()> {
    let up = Up::start().await?;
    let worker = by_hand::Worker::register(up.scheduler).await?;
    let rows = [
        due_later(&up).await?,
        between_attempts(&up).await?,
        claimed_and_not_started(&up, &worker).await?,
        running(&up).await?,
        behind_an_unproven_stop(&up).await?,
    ];
    for row in rows {
        let Row {
            state,
            bound,
            before: (member, value),
            cause,
            ends,
        } = row;
        view_when(up.control, bound.task, member, value).await?;
        cancel(up.control, bound.task).await?.expect(204)?;
        let after = view(up.control, bound.task).await?;
        ensure!(after["status"] == "CANCELED", "{state}: {after}");
        ensure!(after["stop"]["cause"] == cause, "{state}: {after}");
        let needed = after["stop"]["status"] != "NOT_NEEDED";
        ensure!(needed == cause.is_string(), "{state}: {after}");
        match ends {
            Ends::ByItself => {}
            Ends::NeverStarted => worker.never_started().await?,
            Ends::Killed => up
                .bench
                .processes()?
                .iter()
                .for_each(|process| process.signal(Signal::KILL)),
        }
        if needed {
            let proven = proven_stop(up.control, bound.task).await?;
            ensure!(proven["status"] == "CANCELED", "{state}: {proven}");
        }
    }
    up.bench.deserted().await
}

async fn due_later(up: &Up) -> Result<Row> {
    let later = json!({"scheduledFor": "2034-01-01T00:00:00.000Z"});
    Ok(Row {
        state: "due later",
        bound: start(up.control, "quick", &later).await?,
        before: ("phase", json!("SCHEDULED")),
        cause: Value::Null,
        ends: Ends::ByItself,
    })
}

async fn between_attempts(up: &Up) -> Result<Row> {
    // A draw of less than the time of this test is one in ten thousand.
    let patient = json!({"backoff": {"initialMs": 86_400_000, "maxMs": 86_400_000}});
    Ok(Row {
        state: "between attempts",
        bound: start(up.control, "fails", &patient).await?,
        before: ("phase", json!("BACKING_OFF")),
        cause: Value::Null,
        ends: Ends::ByItself,
    })
}

async fn claimed_and_not_started(up: &Up, worker: &by_hand::Worker) -> Result<Row> {
    let bound = start(up.control, by_hand::TYPE, &json!({})).await?;
    worker.claim().await?;
    Ok(Row {
        state: "claimed, and not started",
        bound,
        before: ("status", json!("RUNNING")),
        cause: json!("USER"),
        ends: Ends::NeverStarted,
    })
}

async fn running(up: &Up) -> Result<Row> {
    let bound = start(up.control, "polite", &json!({})).await?;
    up.bench.begun(bound.execution).await?;
    Ok(Row {
        state: "running",
        bound,
        before: ("status", json!("RUNNING")),
        cause: json!("USER"),
        ends: Ends::ByItself,
    })
}

/// Its first attempt ran too long and does not obey; the second one waits for the proof of its stop.
async fn behind_an_unproven_stop(up: &Up) -> Result<Row> {
    let limits = json!({"attemptTimeoutMs": 1_000, "cancelGraceMs": 600_000});
    let bound = start(up.control, "stubborn-tree", &limits).await?;
    Ok(Row {
        state: "behind an unproven stop",
        bound,
        before: ("blockedBy", json!("stop_unproven")),
        cause: json!("TIMEOUT"),
        ends: Ends::Killed,
    })
}

#[tokio::test]
async fn of_a_cancel_and_an_end_at_the_same_instant_one_wins_and_the_answers_say_which()
-> Result<()> {
    let up = Up::start().await?;
    for _ in 0..10 {
        let bound = start(up.control, "gate", &json!({})).await?;
        up.bench.begun(bound.execution).await?;
        let end = async { up.bench.open_gate(bound.execution, 1) };
        let (reply, ended) = tokio::join!(cancel(up.control, bound.task), end);
        ended?;
        let won = match reply?.status {
            204 => "CANCELED",
            409 => "SUCCEEDED",
            other => anyhow::bail!("a cancel was answered with {other}"),
        };
        let told = view(up.control, bound.task).await?;
        assert_eq!(told["status"], won);
        // Whoever came second changes nothing any more.
        wait_until("nothing of it runs", SOON, || async {
            Ok(up.bench.processes()?.is_empty().then_some(()))
        })
        .await?;
        let last = view(up.control, bound.task).await?;
        assert_eq!(last["status"], won);
        assert_eq!(last["result"].is_null(), won == "CANCELED");
        let again = cancel(up.control, bound.task).await?.status;
        assert_eq!(again, if won == "CANCELED" { 204 } else { 409 });
    }
    Ok(())
}

/// The scheduler has not heard of it: what is under its key is canceled before it is created.
#[tokio::test]
async fn a_cancel_reaches_what_is_binding_and_not_created_yet() -> Result<()> {
    let fleet = Fleet::new()?;
    let _control = fleet.start_control().await?;
    let (id, _) = bind_in_vain(fleet.control(), "quick").await?;
    let reply = cancel(fleet.control(), id).await?;
    let problem = reply.problem(503, "scheduler_unavailable")?;
    assert_eq!(problem["outcome"], "unknown");
    let _scheduler = fleet.start_scheduler().await?;
    let _worker = fleet.start_worker("worker")?;
    task_when(fleet.control(), id, "BOUND").await?;
    let canceled = view_when(fleet.control(), id, "status", "CANCELED").await?;
    assert_eq!(
        (&canceled["stop"]["status"], &canceled["attemptCount"]),
        (&json!("NOT_NEEDED"), &json!(0))
    );
    assert_eq!(fleet.bench.ledger().marks()?, []);
    Ok(())
}

/// A worker that the test plays: it claims and never begins.
mod by_hand {
    use super::{Http, Result, Value, ensure, json};
    use std::cell::RefCell;

    pub(super) const TYPE: &str = "by-hand";

    pub(super) struct Worker {
        scheduler: Http,
        session: Value,
        grant: RefCell<Value>,
    }

    impl Worker {
        pub(super) async fn register(scheduler: Http) -> Result<Self> {
            let body = json!({"name": "by-hand", "queues": ["default"], "types": [TYPE],
                "slots": 1, "containment": "subreaper"});
            let session = scheduler.post("/v1/workers").json(&body).send().await?;
            Ok(Self {
                scheduler,
                session: session.expect(201)?.json()?,
                grant: RefCell::default(),
            })
        }

        pub(super) async fn claim(&self) -> Result<()> {
            let body = json!({"claimSeq": 1, "max": 1, "waitMs": 20_000});
            let claimed = self.say("claims", &body).await?;
            ensure!(claimed["grants"][0].is_object(), "{claimed}");
            self.grant.replace(claimed["grants"][0].clone());
            Ok(())
        }

        pub(super) async fn never_started(&self) -> Result<()> {
            let mut item = json!({"stage": "stopped", "how": "never_started"});
            for name in ["executionId", "attempt", "token"] {
                item[name] = self.grant.borrow()[name].clone();
            }
            let said = self.say("stops", &json!({"items": [item]})).await?;
            ensure!(said["verdicts"][0]["verdict"] == "applied", "{said}");
            Ok(())
        }

        async fn say(&self, what: &str, body: &Value) -> Result<Value> {
            let path = format!("/v1/workers/{}/{what}", self.session["sessionId"]);
            let token = self.session["token"].as_str().unwrap_or_default();
            let call = self.scheduler.post(&path).json(body);
            let call = call.header("TaskPilot-Session-Token", token);
            call.send().await?.expect(200)?.json()
        }
    }
}
