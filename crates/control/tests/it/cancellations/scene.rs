//! A control plane that is asked for cancellations.

use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_domain::ids::CancellationId;

use crate::ours::{self, Ours};
use crate::world::{Answer, Call, Control, clock, start};

pub(super) async fn with_scheduler() -> (Ours, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    (scheduler, control)
}

impl Control {
    /// Asks for a cancellation.
    pub(super) async fn ask(&self, body: &Value) -> Answer {
        self.send(Call::post("/api/cancellations", body)).await
    }

    /// Begins one, and gives its id.
    pub(super) async fn begin(&self, body: &Value) -> i64 {
        let begun = self.ask(body).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        begun.body["id"].as_i64().unwrap()
    }

    pub(super) async fn cancellation(&self, id: i64) -> Value {
        let read = self.send(Call::get(&format!("/api/cancellations/{id}")));
        let read = read.await;
        assert_eq!(read.status, 200, "{read:?}");
        read.body
    }

    /// Begins one and lets it be carried out.
    pub(super) async fn carry_out(&self, body: &Value) -> Value {
        let id = self.begin(body).await;
        self.tick().await;
        self.cancellation(id).await
    }

    /// What became of each of its items.
    pub(super) async fn outcomes(&self, id: &Value) -> Vec<(i64, Value)> {
        let path = format!("/api/cancellations/{id}/items?limit=1000");
        let page = self.send(Call::get(&path)).await.body;
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| (item["taskId"].as_i64().unwrap(), item["outcome"].clone()))
            .collect()
    }

    /// Creates a task of a type with a label, and binds it.
    pub(super) async fn labeled(&self, kind: &str, team: &str) -> i64 {
        let body = json!({"type": kind, "labels": {"team": team}, "bind": true});
        let created = self.send(Call::post("/api/tasks", &body)).await;
        assert_eq!(created.status, 201, "{created:?}");
        assert_eq!(created.body["status"], "BOUND", "{created:?}");
        created.body["id"].as_i64().unwrap()
    }

    pub(super) async fn status(&self, task: i64) -> Value {
        self.view(task).await.body["status"].clone()
    }
}

pub(super) fn id_of(id: i64) -> CancellationId {
    CancellationId::new(id).unwrap()
}

/// The counts of these words.
pub(super) fn counts(of: &[(&str, u64)]) -> Value {
    let words = [
        "canceled", "already", "changed", "notBound", "refused", "missing",
    ];
    let mut counts = json!({});
    for word in words {
        counts[word] = json!(0);
    }
    for (word, count) in of {
        counts[*word] = json!(count);
    }
    counts
}
