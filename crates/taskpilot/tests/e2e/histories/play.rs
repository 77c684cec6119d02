//! One round: users and workers on a few executions at once, and the judgement of what they saw.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_domain::execution::State;
use taskpilot_domain::retry::Jitter;
use taskpilot_e2e::http::{Http, Reply};
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_proof::history::{Answer, Call, Execution, Operation, explain};

use super::clients::{user, worker};
use super::record::{Record, Tally, lock};

const EXECUTIONS: usize = 3;
const USERS: u64 = 6;
const WORKERS: u64 = 4;
/// What each of them does.
pub(super) const TURNS: u64 = 10;
const MAX_ATTEMPTS: u32 = 3;

/// A round on its way.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) server: Http,
    /// Every round has a type of its own, so that no worker is granted what is left of another.
    pub(super) kind: String,
    pub(super) record: Record,
    ids: [Mutex<Option<i64>>; EXECUTIONS],
    /// All that was granted, to whomever.
    pub(super) grants: Mutex<Vec<Grant>>,
    turns: AtomicUsize,
    seed: u64,
}

/// An attempt as its worker, and everybody else here, knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) execution: usize,
    pub(super) id: i64,
    pub(super) attempt: u32,
    pub(super) token: String,
}

impl Play {
    pub(super) fn begin(server: Http, seed: u64, round: u64) -> Self {
        Self {
            server,
            kind: format!("round-{round}"),
            record: Record::of(EXECUTIONS),
            ids: Default::default(),
            grants: Mutex::default(),
            turns: AtomicUsize::new(0),
            seed: Jitter(seed).nth(round).0,
        }
    }

    /// Lets everybody act.
    pub(super) async fn perform(&self) -> Result<()> {
        let users = (0..USERS).map(|index| user(self, self.dice(index)));
        let workers = (0..WORKERS).map(|index| worker(self, self.dice(USERS + index)));
        let (users, workers) = tokio::join!(all(users), all(workers));
        users.and(workers)
    }

    fn dice(&self, index: u64) -> Dice {
        Dice(Jitter(self.seed).nth(index), 0)
    }

    pub(super) fn is_half_over(&self) -> bool {
        let all = usize::try_from((USERS + WORKERS) * TURNS).unwrap_or(usize::MAX);
        self.turns.load(Ordering::SeqCst) * 2 >= all
    }

    pub(super) fn key(&self, execution: usize) -> String {
        format!("{}-{:x}-{execution}", self.kind, self.seed)
    }

    pub(super) fn id(&self, execution: usize) -> Option<i64> {
        *lock(&self.ids[execution])
    }

    /// One key has one execution, whoever hears of it.
    pub(super) fn learn(&self, execution: usize, id: i64) -> Result<()> {
        let mut known = lock(&self.ids[execution]);
        ensure!(
            known.is_none_or(|known| known == id),
            "two ids: {known:?}, {id}"
        );
        *known = Some(id);
        Ok(())
    }

    pub(super) fn body(&self, execution: usize) -> Value {
        json!({
            "type": self.kind, "payload": "hello", "reference": self.key(execution), "maxAttempts": MAX_ATTEMPTS,
            "backoff": {"initialMs": 0, "maxMs": 0, "factor": 1.0},
        })
    }

    /// Calls, and notes when. An answer that did not come leaves open whether it has happened; then
    /// the next turn waits until the server is there.
    pub(super) async fn call(
        &self,
        execution: usize,
        call: Call,
        asked: impl Future<Output = Result<Reply>>,
        read: impl FnOnce(&Reply) -> Result<Answer>,
    ) -> Result<()> {
        let called_at = self.record.now();
        let reply = asked.await;
        let answered_at = self.record.now();
        let answered = match &reply {
            Ok(reply) => Some((answered_at, read(reply)?)),
            Err(_) => None,
        };
        self.record.note(
            execution,
            Operation {
                called_at,
                call,
                answered,
            },
        );
        self.turn_is_over();
        if reply.is_err() {
            self.server_is_there().await?;
        }
        Ok(())
    }

    pub(super) fn turn_is_over(&self) {
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    async fn server_is_there(&self) -> Result<()> {
        wait_until("the server is there", SOON, || async {
            let reply = self.server.get("/tasks?limit=1").send().await;
            Ok(reply.ok().map(drop))
        })
        .await
    }

    /// How an execution stands.
    pub(super) async fn get(&self, execution: usize, id: i64) -> Result<()> {
        let asked = self.server.get(&format!("/tasks/{id}")).send();
        self.call(execution, Call::Get, asked, |reply| {
            ensure!(reply.status == 200, "{reply:?}");
            told(&reply.json()?)
        })
        .await
    }

    /// Reads everything once more, now that all are silent, and looks for the orders.
    pub(super) async fn judge(&self) -> Result<Tally> {
        let mut tally = Tally::default();
        for execution in 0..self.record.executions() {
            if let Some(id) = self.id(execution) {
                self.get(execution, id).await?;
            }
            let history = self.record.history(execution);
            tally += Tally::of(&history);
            explain(&Execution::before_its_create(MAX_ATTEMPTS), history)?;
        }
        Ok(tally)
    }
}

async fn all(actors: impl Iterator<Item = impl Future<Output = Result<()>>>) -> Result<()> {
    let mut actors: Vec<_> = actors.map(Box::pin).collect();
    let mut result = Ok(());
    std::future::poll_fn(|context| {
        actors.retain_mut(|actor| match actor.as_mut().poll(context) {
            std::task::Poll::Ready(ended) => {
                if result.is_ok() {
                    result = ended;
                }
                false
            }
            std::task::Poll::Pending => true,
        });
        if actors.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    result
}

fn told(body: &Value) -> Result<Answer> {
    let state = body["status"].as_str().context("no status")?;
    let state = State::ALL.into_iter().find(|one| one.as_str() == state);
    let count = body["attemptCount"].as_u64().context("no attemptCount")?;
    Ok(Answer::Told {
        state: state.context("an unknown state")?,
        attempt_count: u32::try_from(count)?,
    })
}

/// The same rolls for the same seed; what the network makes of them is another matter.
#[derive(Debug)]
pub(super) struct Dice(Jitter, u64);

impl Dice {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.1 += 1;
        self.0.nth(self.1).0 % bound
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        let rolled = self.below(u64::try_from(len).unwrap_or(1));
        usize::try_from(rolled).unwrap_or(0)
    }
}
