//! An operator takes on what a worker could not end. The test is the worker: nothing real is stuck.

use anyhow::Result;
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;

use crate::api::{cancel, id_of, start, view};
use crate::command_line::{ends, json_of};
use crate::start::Up;

/// A session that does what the test says.
pub(crate) struct Session {
    scheduler: Http,
    path: String,
    token: String,
}

impl Session {
    /// For tasks of a type that nobody else handles.
    pub(crate) async fn register(scheduler: Http, kind: &str) -> Result<Self> {
        let body = json!({"name": "test", "queues": ["default"], "types": [kind], "slots": 2,
            "containment": "subreaper"});
        let register = scheduler.post("/v1/workers").json(&body);
        let registered = register.send().await?.expect(201)?.json()?;
        Ok(Self {
            scheduler,
            path: format!("/v1/workers/{}", id_of(&registered, "sessionId")?),
            token: registered["token"].as_str().unwrap_or_default().to_owned(),
        })
    }

    async fn post(&self, what: &str, body: &Value) -> Result<Value> {
        let call = self.scheduler.post(&format!("{}/{what}", self.path));
        let call = call.header("TaskPilot-Session-Token", &self.token);
        call.json(body).send().await?.expect(200)?.json()
    }

    /// Its next grant, without a wait; null where there is none.
    pub(crate) async fn claim(&self, seq: u64) -> Result<Value> {
        let claim = json!({"claimSeq": seq, "max": 1});
        Ok(self.post("claims", &claim).await?["grants"][0].clone())
    }

    pub(crate) async fn report(&self, grant: &Value, more: &Value) -> Result<Value> {
        let mut item = more.clone();
        for name in ["executionId", "attempt", "token"] {
            item[name] = grant[name].clone();
        }
        self.post("stops", &json!({"items": [item]})).await
    }
}

#[tokio::test]
async fn a_stuck_stop_is_released_on_the_command_line() -> Result<()> {
    let up = Up::start().await?;
    let limit = json!({"maxRunning": 1});
    let limited = up.control.put("/api/queues/default").json(&limit);
    limited.send().await?.expect(200)?;
    let bound = start(up.control, "handled-here", &json!({})).await?;
    let worker = Session::register(up.scheduler, "handled-here").await?;
    let grant = worker.claim(1).await?;
    let release = format!("execution release-stuck {} --reason", bound.task);
    ends(&up, &format!("{release} too-early"), 5).await?;
    cancel(up.control, bound.task).await?.expect(204)?;
    worker.report(&grant, &json!({"stage": "stuck"})).await?;

    let next = start(up.control, "handled-here", &json!({})).await?;
    let other = Session::register(up.scheduler, "handled-here").await?;
    assert_eq!(other.claim(1).await?, Value::Null, "the place is held");
    let states = async || {
        let list = json_of(&up, "worker list --json", 0).await?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let here = items
            .iter()
            .filter(|one| one["types"] == json!(["handled-here"]));
        let mut states: Vec<_> = here.map(|one| one["state"].to_string()).collect();
        states.sort();
        anyhow::Ok(states)
    };
    assert_eq!(states().await?, ["\"ACTIVE\"", "\"QUARANTINED\""]);
    let told = json_of(&up, &format!("{release} host-is-off --json"), 0).await?;
    assert_eq!(told["stop"]["status"], "STUCK");
    assert_eq!(told["stop"]["released"]["reason"], "host-is-off");
    assert_eq!(states().await?, ["\"ACTIVE\"", "\"ACTIVE\""]);
    let granted = other.claim(2).await?;
    assert_eq!(granted["executionId"], next.execution);
    let text = ends(&up, &format!("{release} again"), 0).await?;
    anyhow::ensure!(
        text.contains("stop by USER STUCK")
            && text.contains("host-is-off")
            && !text.contains("again"),
        "{text}"
    );
    // What becomes known later is told, and frees nothing: the place is given.
    let proof = json!({"stage": "stopped", "how": "killed"});
    worker.report(&grant, &proof).await?;
    let after = view(up.control, bound.task).await?;
    assert_eq!(after["stop"]["status"], "STOPPED");
    assert_eq!(after["stop"]["released"], told["stop"]["released"]);
    start(up.control, "handled-here", &json!({})).await?;
    assert_eq!(worker.claim(2).await?, Value::Null, "it was freed once");
    Ok(())
}
