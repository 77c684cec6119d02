//! A worker that says what a test has it say.

use serde_json::{Value, json};

use crate::service::{Answer, Call, Service};

/// A registered session.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) id: i64,
    pub(crate) token: String,
}

/// A worker for `demo` in the queue `default`.
pub(crate) fn registration(slots: u32) -> Value {
    json!({
        "name": "w1", "queues": ["default"], "types": ["demo"], "slots": slots,
        "containment": "subreaper",
    })
}

impl Service {
    pub(crate) async fn register(&self, slots: u32) -> Worker {
        let answer = self.send(Call::post("/v1/workers", &registration(slots)));
        let answer = answer.await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Worker {
            id: answer.body["sessionId"].as_i64().unwrap(),
            token: answer.body["token"].as_str().unwrap().to_owned(),
        }
    }

    /// A worker that runs this execution, and what it was granted.
    pub(crate) async fn running(&self) -> (Worker, Value) {
        let worker = self.register(1).await;
        self.create().await;
        let answer = self.send(worker.claim(1)).await;
        let grant = answer.body["grants"][0].clone();
        assert!(grant.is_object(), "{answer:?}");
        (worker, grant)
    }

    pub(crate) async fn say(&self, call: Call) -> Value {
        let answer: Answer = self.send(call).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }
}

impl Worker {
    pub(crate) fn signed(&self, call: Call) -> Call {
        call.header("taskpilot-session-token", &self.token)
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/workers/{}{rest}", self.id)
    }

    pub(crate) fn post(&self, rest: &str, body: &Value) -> Call {
        self.signed(Call::post(&self.path(rest), body))
    }

    /// A claim of one attempt that does not wait.
    pub(crate) fn claim(&self, seq: u64) -> Call {
        self.post("/claims", &json!({"claimSeq": seq, "max": 1}))
    }

    /// A claim of one attempt that waits far longer than a test.
    pub(crate) fn claim_waiting(&self, seq: u64) -> Call {
        let body = json!({"claimSeq": seq, "max": 1, "waitMs": 25_000});
        self.post("/claims", &body)
    }

    pub(crate) fn results(&self, items: &[Value]) -> Call {
        self.post("/results", &json!({ "items": items }))
    }

    pub(crate) fn stops(&self, items: &[Value]) -> Call {
        self.post("/stops", &json!({ "items": items }))
    }

    pub(crate) fn heartbeat(&self, body: &Value) -> Call {
        self.signed(Call::put(&self.path("/heartbeat"))).json(body)
    }

    pub(crate) fn goodbye(&self) -> Call {
        self.signed(Call::delete(&self.path("")))
    }
}

/// The attempt of a grant with the fields of a message about it.
pub(crate) fn about(grant: &Value, fields: &Value) -> Value {
    let mut item = json!({
        "executionId": grant["executionId"], "attempt": grant["attempt"], "token": grant["token"],
    });
    let all = item.as_object_mut().unwrap();
    all.extend(fields.as_object().unwrap().clone());
    item
}

/// The attempt of a grant as a heartbeat names it.
pub(crate) fn held(grant: &Value) -> Value {
    json!({"executionId": grant["executionId"], "attempt": grant["attempt"]})
}

pub(crate) fn succeeded(grant: &Value) -> Value {
    about(grant, &json!({"outcome": "succeeded", "result": {"n": 1}}))
}

pub(crate) fn failed(grant: &Value) -> Value {
    let error = json!({"code": "exit_code", "message": "exit code 1\nand a trace"});
    about(
        grant,
        &json!({"outcome": "failed", "error": error, "exitCode": 1}),
    )
}

pub(crate) fn stage(grant: &Value, stage: &str) -> Value {
    about(grant, &json!({ "stage": stage }))
}

/// The proof that the work was killed.
pub(crate) fn killed(grant: &Value) -> Value {
    let evidence = json!({"swept": 2, "proof": "waitpid"});
    about(
        grant,
        &json!({"stage": "stopped", "how": "killed", "containment": "subreaper",
            "evidence": evidence}),
    )
}

/// The words of verdicts, in their order.
pub(crate) fn words(body: &Value) -> Vec<&str> {
    let verdicts = body["verdicts"].as_array().unwrap();
    verdicts
        .iter()
        .map(|one| one["verdict"].as_str().unwrap())
        .collect()
}
