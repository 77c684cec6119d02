//! A worker of the worker protocol whose handlers take no time: it hands in with the next claim what
//! the last one granted.

use std::fmt::Write;

use anyhow::{Result, ensure};
use hyper::Method;
use serde::Deserialize;

use crate::clock::{now_ns, wait_until_ns};
use crate::connection::{Call, Connection};

/// A registered session with a connection of its own.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    path: String,
    token: String,
    seq: u64,
    held: Vec<Held>,
    beat_every_ns: u64,
    beat_at_ns: u64,
}

/// What a session is registered with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trade<'t> {
    pub(crate) name: &'t str,
    pub(crate) kind: &'t str,
    pub(crate) slots: u32,
}

/// What a claim came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Turnover {
    pub(crate) granted: u64,
    pub(crate) finished: u64,
}

#[derive(Debug)]
struct Held {
    execution: u64,
    attempt: u64,
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    session_id: u64,
    token: String,
    heartbeat_ms: u64,
}

#[derive(Deserialize)]
struct ClaimAnswer<'a> {
    #[serde(borrow)]
    grants: Vec<Grant<'a>>,
    #[serde(borrow)]
    verdicts: Vec<Verdict<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Grant<'a> {
    execution_id: u64,
    attempt: u64,
    token: &'a str,
}

#[derive(Deserialize)]
struct Verdict<'a> {
    verdict: &'a str,
}

impl Session {
    pub(crate) async fn register(url: &str, trade: Trade<'_>) -> Result<Self> {
        let mut connection = Connection::open(url).await?;
        let Trade { name, kind, slots } = trade;
        let body = format!(
            r#"{{"name":"{name}","queues":["default"],"types":["{kind}"],"slots":{slots},"containment":"in_process"}}"#
        );
        let call = Call::new(Method::POST, "/v1/workers").json(body);
        let answer = connection.call(call).await?;
        let registered: Registered = serde_json::from_slice(&answer)?;
        let beat_every_ns = registered.heartbeat_ms * 1_000_000;
        Ok(Self {
            connection,
            path: format!("/v1/workers/{}", registered.session_id),
            token: registered.token,
            seq: 0,
            held: Vec::new(),
            beat_every_ns,
            beat_at_ns: now_ns() + beat_every_ns,
        })
    }

    /// How many attempts it has.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Hands in what it has and claims at most `max`; one that has nothing waits. Like a worker's,
    /// a claim that hands in does not wait, and one that finds nothing is not made again at once where
    /// the scheduler has no seat for it and answers before the time.
    pub(crate) async fn turn(&mut self, max: u32, wait_ms: u64) -> Result<Turnover> {
        self.beat_if_due().await?;
        let results = std::mem::take(&mut self.held);
        let wait_ms = if results.is_empty() { wait_ms } else { 0 };
        let again_ns = now_ns() + wait_ms * 1_000_000;
        let body = self.claim_body(max, wait_ms, &results);
        let answer = self.call(Method::POST, "/claims", body).await?;
        let answer: ClaimAnswer<'_> = serde_json::from_slice(&answer)?;
        let applied = answer.verdicts.iter().all(|one| one.verdict == "applied");
        ensure!(
            applied && answer.verdicts.len() == results.len(),
            "a result was not taken"
        );
        self.held = answer.grants.iter().map(Held::of).collect();
        if self.held.is_empty() {
            wait_until_ns(again_ns).await?;
        }
        Ok(Turnover {
            granted: self.held.len() as u64,
            finished: results.len() as u64,
        })
    }

    /// Claims and keeps what it is granted beside what it has.
    pub(crate) async fn take(&mut self, max: u32) -> Result<u64> {
        self.beat_if_due().await?;
        let body = self.claim_body(max, 0, &[]);
        let answer = self.call(Method::POST, "/claims", body).await?;
        let answer: ClaimAnswer<'_> = serde_json::from_slice(&answer)?;
        self.held.extend(answer.grants.iter().map(Held::of));
        Ok(answer.grants.len() as u64)
    }

    /// Keeps what it has, with a heartbeat whenever one is due, until it is dropped.
    pub(crate) async fn keep(mut self) -> Result<()> {
        loop {
            wait_until_ns(self.beat_at_ns).await?;
            self.beat_if_due().await?;
        }
    }

    /// Says goodbye, after which its attempts are somebody else's.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.call(Method::DELETE, "", String::new()).await.map(drop)
    }

    fn claim_body(&mut self, max: u32, wait_ms: u64, results: &[Held]) -> String {
        self.seq += 1;
        let mut body = format!(
            r#"{{"claimSeq":{},"max":{max},"waitMs":{wait_ms},"results":["#,
            self.seq
        );
        for (index, held) in results.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let item = write!(
                body,
                r#"{comma}{{"executionId":{},"attempt":{},"token":"{}","outcome":"succeeded"}}"#,
                held.execution, held.attempt, held.token
            );
            item.expect("invariant: a text takes all that is written");
        }
        body.push_str("]}");
        body
    }

    async fn beat_if_due(&mut self) -> Result<()> {
        if now_ns() < self.beat_at_ns {
            return Ok(());
        }
        let item = |held: &Held| {
            let (execution, attempt) = (held.execution, held.attempt);
            format!(r#"{{"executionId":{execution},"attempt":{attempt}}}"#)
        };
        let held: Vec<String> = self.held.iter().map(item).collect();
        let body = format!(r#"{{"claimSeq":{},"held":[{}]}}"#, self.seq, held.join(","));
        self.call(Method::PUT, "/heartbeat", body).await?;
        self.beat_at_ns = now_ns() + self.beat_every_ns;
        Ok(())
    }

    async fn call(
        &mut self,
        method: Method,
        verb: &str,
        body: String,
    ) -> Result<hyper::body::Bytes> {
        let mut call = Call::new(method, format!("{}{verb}", self.path)).json(body);
        call.token = Some(self.token.clone());
        self.connection.call(call).await
    }
}

impl Held {
    fn of(grant: &Grant<'_>) -> Self {
        Self {
            execution: grant.execution_id,
            attempt: grant.attempt,
            token: grant.token.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand_in::StandIn;

    /// What a register and a claim are answered with, the claim at once and with nothing.
    const ANSWER: &str =
        r#"{"sessionId":1,"token":"t","heartbeatMs":60000,"grants":[],"verdicts":[]}"#;

    #[tokio::test]
    async fn a_session_without_a_seat_asks_no_more_often_than_one_that_waits() {
        let scheduler = StandIn::start(ANSWER).await;
        let trade = Trade {
            name: "w",
            kind: "k",
            slots: 1,
        };
        let mut session = Session::register(&scheduler.url, trade).await.unwrap();
        let begun = now_ns();
        for _ in 0..3 {
            let turnover = session.turn(1, 20).await.unwrap();
            assert_eq!(turnover, Turnover::default());
        }
        assert!(now_ns() - begun >= 60_000_000);
        assert_eq!(scheduler.calls(), 4);
    }
}
