//! The main flows as one story, call by call: each may fail and be repeated, and what was
//! acknowledged can be looked for.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::{Call, Reply};
use taskpilot_e2e::wait::{SOON, wait_until};
use tokio::sync::Mutex;

use super::site::{Service, Site};
use crate::api::{id_of, task, view};

/// Each is acknowledged before the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Create,
    Bind,
    Register,
    Claim,
    Finish,
    CreateBound,
    BindAgain,
    ClaimAgain,
    Cancel,
    ReportStop,
    Goodbye,
}

impl Act {
    pub(super) const ALL: [Self; 11] = [
        Self::Create,
        Self::Bind,
        Self::Register,
        Self::Claim,
        Self::Finish,
        Self::CreateBound,
        Self::BindAgain,
        Self::ClaimAgain,
        Self::Cancel,
        Self::ReportStop,
        Self::Goodbye,
    ];

    /// The service that is called.
    pub(super) fn calls(self) -> Service {
        match self {
            Self::Create | Self::Bind | Self::CreateBound | Self::BindAgain | Self::Cancel => {
                Service::Control
            }
            _ => Service::Scheduler,
        }
    }
}

/// A story so far.
pub(super) struct Story<'a> {
    site: &'a Site,
    /// Tells it from the stories before on the same data.
    key: String,
    acknowledged: Option<Act>,
    tasks: [i64; 2],
    session: Value,
    grants: [Value; 2],
}

impl<'a> Story<'a> {
    pub(super) fn new(site: &'a Site, key: String) -> Self {
        Self {
            site,
            key,
            acknowledged: None,
            tasks: [0; 2],
            session: Value::Null,
            grants: [Value::Null, Value::Null],
        }
    }

    /// Makes a call, and remembers what was acknowledged.
    pub(super) async fn act(&mut self, act: Act) -> Result<Reply> {
        let reply = self.call(act).send().await?;
        if reply.status >= 300 {
            reply.any_problem()?;
            ensure!(
                reply.status == 500 || reply.status == 503,
                "{act:?}: {}",
                reply.text()
            );
            return Ok(reply);
        }
        self.learn(act, &reply)
            .with_context(|| format!("{act:?}: {}", reply.text()))?;
        self.acknowledged = Some(act);
        Ok(reply)
    }

    /// Repeats a call until it is acknowledged: a store that failed tries its storage by itself.
    pub(super) async fn act_in_the_end(&mut self, act: Act) -> Result<()> {
        let story = Mutex::new(self);
        let what = format!("{act:?} is possible again");
        wait_until(&what, SOON, || async {
            let reply = story.lock().await.act(act).await?;
            Ok((reply.status < 300).then_some(()))
        })
        .await
    }

    fn call(&self, act: Act) -> Call {
        let server = self.site.http(act.calls());
        let [first, second] = self.tasks;
        let signed = |method: &str, verb: &str| {
            let path = format!("/v1/workers/{}{verb}", self.session["sessionId"]);
            let token = self.session["token"].as_str().unwrap_or_default();
            server
                .call(method, &path)
                .header("taskpilot-session-token", token)
        };
        let kind = format!("story-{}", self.key);
        let body = json!({"type": kind, "payload": "hello"});
        let claim = |seq: u32| json!({"claimSeq": seq, "max": 1, "waitMs": 0});
        match act {
            Act::Create => server
                .post("/api/tasks")
                .header("idempotency-key", &format!("first-{}", self.key))
                .json(&body),
            Act::Bind => server.post(&format!("/api/tasks/{first}/scheduler")),
            Act::Register => server.post("/v1/workers").json(&json!({
                "name": "story", "queues": ["default"], "types": [kind], "slots": 1,
                "containment": "subreaper",
            })),
            Act::Claim => signed("POST", "/claims").json(&claim(1)),
            Act::Finish => {
                let fields = json!({"outcome": "succeeded", "result": {"story": self.key}});
                let item = about(&self.grants[0], &fields);
                signed("POST", "/results").json(&json!({"items": [item]}))
            }
            Act::CreateBound => {
                let mut body = body;
                body["bind"] = json!(true);
                server
                    .post("/api/tasks")
                    .header("idempotency-key", &format!("second-{}", self.key))
                    .json(&body)
            }
            Act::BindAgain => server.post(&format!("/api/tasks/{second}/scheduler")),
            Act::ClaimAgain => signed("POST", "/claims").json(&claim(2)),
            Act::Cancel => server.put(&format!("/api/tasks/{second}/execution/cancel")),
            Act::ReportStop => {
                let fields = json!({"stage": "stopped", "how": "cooperative"});
                let item = about(&self.grants[1], &fields);
                signed("POST", "/stops").json(&json!({"items": [item]}))
            }
            Act::Goodbye => signed("DELETE", "").json(&json!({"neverStarted": []})),
        }
    }

    fn learn(&mut self, act: Act, reply: &Reply) -> Result<()> {
        match act {
            Act::Create => self.tasks[0] = id_of(&reply.json()?, "id")?,
            Act::CreateBound => self.tasks[1] = id_of(&reply.json()?, "id")?,
            Act::Bind | Act::BindAgain => drop(id_of(&reply.json()?, "schedulerTaskId")?),
            Act::Register => self.session = reply.json()?,
            Act::Claim | Act::ClaimAgain => {
                let grant = reply.json()?["grants"][0].clone();
                ensure!(grant.is_object(), "nothing was granted");
                self.grants[usize::from(act == Act::ClaimAgain)] = grant;
            }
            Act::Finish | Act::ReportStop => {
                let verdict = reply.json()?["verdicts"][0]["verdict"].clone();
                ensure!(verdict == "applied" || verdict == "duplicate", "{verdict}");
            }
            Act::Cancel | Act::Goodbye => {}
        }
        Ok(())
    }

    /// Looks for everything that was acknowledged.
    pub(super) async fn is_kept(&self) -> Result<()> {
        let control = self.site.http(Service::Control);
        let has = |act: Act| self.acknowledged >= Some(act);
        if has(Act::Create) {
            let kept = task(control, self.tasks[0]).await?;
            ensure!(!has(Act::Bind) || kept["status"] == "BOUND", "{kept}");
        }
        if has(Act::Claim) {
            let kept = view(control, self.tasks[0]).await?;
            ensure!(
                kept["attempts"][0]["attempt"] == self.grants[0]["attempt"],
                "{kept}"
            );
            if has(Act::Finish) {
                let result = json!({"story": self.key});
                ensure!(
                    kept["status"] == "SUCCEEDED" && kept["result"] == result,
                    "{kept}"
                );
            }
        }
        if has(Act::CreateBound) {
            let kept = task(control, self.tasks[1]).await?;
            ensure!(!has(Act::BindAgain) || kept["status"] == "BOUND", "{kept}");
        }
        if has(Act::Cancel) {
            let kept = view(control, self.tasks[1]).await?;
            ensure!(kept["status"] == "CANCELED", "{kept}");
            ensure!(
                !has(Act::ReportStop) || kept["stop"]["status"] == "STOPPED",
                "{kept}"
            );
        }
        Ok(())
    }
}

/// The attempt of a grant with the fields of a message about it.
fn about(grant: &Value, fields: &Value) -> Value {
    let mut item = fields.clone();
    for name in ["executionId", "attempt", "token"] {
        item[name] = grant[name].clone();
    }
    item
}
