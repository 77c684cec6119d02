//! What users and workers do in a round.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::{Call as Request, Reply};
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_proof::history::{Answer, Call, Operation, Outcome, Verdict};

use crate::api::id_of;

use super::play::{Dice, Grant, Play, TURNS};
use super::record::lock;

/// Creates, reads and sometimes cancels.
pub(super) async fn user(play: &Play, mut dice: Dice) -> Result<()> {
    for _ in 0..TURNS {
        let execution = dice.index(play.record.executions());
        match (dice.below(40), play.id(execution)) {
            (0, _) => cancel_key(play, execution).await?,
            (1 | 2, Some(id)) => cancel(play, execution, id).await?,
            (3..=28, Some(id)) => play.get(execution, id).await?,
            _ => create(play, execution).await?,
        }
    }
    Ok(())
}

async fn create(play: &Play, execution: usize) -> Result<()> {
    let request = play.server.post("/tasks").json(&play.body(execution));
    let request = request.header("Idempotency-Key", &play.key(execution));
    let read = |reply: &Reply| {
        ensure!(reply.status == 201, "{reply:?}");
        play.learn(execution, id_of(&reply.json()?, "id")?)?;
        Ok(Answer::Created)
    };
    play.call(execution, Call::Create, request.send(), read)
        .await
}

async fn cancel(play: &Play, execution: usize, id: i64) -> Result<()> {
    let asked = play.server.put(&format!("/tasks/{id}/cancel")).send();
    play.call(execution, Call::Cancel, asked, canceled).await
}

async fn cancel_key(play: &Play, execution: usize) -> Result<()> {
    let path = format!("/tasks/by-key/{}/cancel", play.key(execution));
    let read = |reply: &Reply| {
        if reply.status == 200 {
            play.learn(execution, id_of(&reply.json()?, "id")?)?;
        }
        canceled(reply)
    };
    let asked = play.server.put(&path).send();
    play.call(execution, Call::CancelKey, asked, read).await
}

fn canceled(reply: &Reply) -> Result<Answer> {
    match reply.status {
        200 => Ok(Answer::Canceled),
        409 => Ok(Answer::Refused),
        _ => bail!("{reply:?}"),
    }
}

/// Claims, and hands in what it was granted, once, twice, otherwise, or what others were granted.
pub(super) async fn worker(play: &Play, mut dice: Dice) -> Result<()> {
    let session = Session::register(play).await?;
    let mut seq = 0;
    for _ in 0..TURNS {
        let known = lock(&play.grants).clone();
        if known.is_empty() || dice.below(2) == 0 {
            seq += 1;
            session.claim(play, seq).await?;
        } else {
            // The latest are worth the most.
            let back = dice.index(known.len().min(4));
            session
                .finish(play, &mut dice, &known[known.len() - 1 - back])
                .await?;
        }
    }
    Ok(())
}

struct Session {
    id: i64,
    token: String,
}

impl Session {
    async fn register(play: &Play) -> Result<Self> {
        let body = json!({
            "name": "w", "queues": ["default"], "types": [play.kind], "slots": 8,
            "containment": "subreaper",
        });
        let registered = wait_until("the worker is registered", SOON, || async {
            let reply = play.server.post("/v1/workers").json(&body).send().await;
            Ok(reply.ok())
        });
        let registered = registered.await?.expect(201)?.json()?;
        Ok(Self {
            id: registered["sessionId"].as_i64().context("no session")?,
            token: registered["token"].as_str().context("no token")?.to_owned(),
        })
    }

    fn post(&self, play: &Play, rest: &str, body: &Value) -> Request {
        let request = play.server.post(&format!("/v1/workers/{}/{rest}", self.id));
        request
            .json(body)
            .header("TaskPilot-Session-Token", &self.token)
    }

    /// Asks with one number until it is answered. Where an answer was lost, a repeat that grants
    /// nothing leaves open whether the first one had.
    async fn claim(&self, play: &Play, seq: u64) -> Result<()> {
        let body = json!({"claimSeq": seq, "max": 1});
        let called_at = play.record.now();
        let mut tries = 0;
        let answered = wait_until("the claim is answered", SOON, || {
            tries += 1;
            async { Ok(self.post(play, "claims", &body).send().await.ok()) }
        });
        let reply = answered.await?;
        let answered_at = play.record.now();
        play.turn_is_over();
        ensure!(reply.status == 200, "{reply:?}");
        let grants = reply.json()?["grants"].take();
        let Some(grant) = grants.as_array().context("no grants")?.first() else {
            if tries > 1 {
                for execution in 0..play.record.executions() {
                    let operation = Operation {
                        called_at,
                        call: Call::Claim,
                        answered: None,
                    };
                    play.record.note(execution, operation);
                }
            }
            return Ok(());
        };
        let grant = read(play, grant)?;
        let answer = Answer::Granted {
            attempt: grant.attempt,
        };
        let operation = Operation {
            called_at,
            call: Call::Claim,
            answered: Some((answered_at, answer)),
        };
        play.record.note(grant.execution, operation);
        lock(&play.grants).push(grant);
        Ok(())
    }

    async fn finish(&self, play: &Play, dice: &mut Dice, grant: &Grant) -> Result<()> {
        let (outcome, word) = match dice.below(6) {
            0 => (Outcome::Succeeded, "succeeded"),
            1 | 2 => (Outcome::Failed, "failed"),
            3 => (Outcome::Released, "released"),
            _ => (Outcome::Interrupted, "interrupted"),
        };
        let is_forged = dice.below(12) == 0;
        let token = if is_forged {
            "0".repeat(32)
        } else {
            grant.token.clone()
        };
        let mut item = json!({
            "executionId": grant.id, "attempt": grant.attempt, "token": token, "outcome": word,
        });
        match outcome {
            Outcome::Succeeded => item["result"] = json!({"n": 1}),
            Outcome::Failed => item["error"] = json!({"code": "no", "message": "no"}),
            Outcome::Released | Outcome::Interrupted => {}
        }
        let call = Call::Finish {
            attempt: grant.attempt,
            is_forged,
            outcome,
        };
        let asked = self.post(play, "results", &json!({"items": [item]})).send();
        play.call(grant.execution, call, asked, verdict).await
    }
}

/// A grant. Its reference says which execution it is: the answer to the create may have been lost.
fn read(play: &Play, grant: &Value) -> Result<Grant> {
    let id = grant["executionId"].as_i64().context("no execution")?;
    let attempt = grant["attempt"].as_u64().context("no attempt")?;
    let token = grant["token"].as_str().context("no token")?.to_owned();
    let mut executions = 0..play.record.executions();
    let execution = executions.find(|execution| grant["reference"] == play.key(*execution));
    let execution = execution.with_context(|| format!("whose is {grant}"))?;
    play.learn(execution, id)?;
    Ok(Grant {
        execution,
        id,
        attempt: u32::try_from(attempt)?,
        token,
    })
}

fn verdict(reply: &Reply) -> Result<Answer> {
    ensure!(reply.status == 200, "{reply:?}");
    let body = reply.json()?;
    let verdict = match body["verdicts"][0]["verdict"].as_str() {
        Some("applied") => Verdict::Applied,
        Some("duplicate") => Verdict::Duplicate,
        Some("late") => Verdict::Late,
        Some("stale") => Verdict::Stale,
        _ => bail!("no verdict in {body}"),
    };
    Ok(Answer::Judged(verdict))
}
