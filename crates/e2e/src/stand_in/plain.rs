//! A scheduler with nothing but the plain contract, and strict about it: no idempotency keys, no
//! options, payloads that are strings.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Says, Seen};

/// Far from the ids that a control plane counts, so that one cannot pass for the other.
const FIRST_ID: i64 = 4_001;

#[derive(Debug, Default)]
pub(super) struct Plain {
    tasks: BTreeMap<i64, Value>,
}

impl Plain {
    pub(super) fn task(&self, id: i64) -> Option<&Value> {
        self.tasks.get(&id)
    }

    pub(super) fn amend(&mut self, id: i64, members: &Value) -> Result<()> {
        let task = self
            .tasks
            .get_mut(&id)
            .and_then(Value::as_object_mut)
            .context("no such task")?;
        for (name, value) in members.as_object().context("members are an object")? {
            task.insert(name.clone(), value.clone());
        }
        Ok(())
    }

    pub(super) fn lose(&mut self, id: i64) {
        self.tasks.remove(&id);
    }

    pub(super) fn answer(&mut self, request: &Seen) -> Says {
        let words: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), words.as_slice()) {
            ("POST", ["tasks"]) => self.create(request),
            ("GET", ["tasks", id]) => self.get(id),
            ("PUT", ["tasks", id, "cancel"]) => self.cancel(id),
            _ => Says::status(404).json(&json!({"error": "no such route"})),
        }
    }

    fn create(&mut self, request: &Seen) -> Says {
        let refused =
            || Says::status(400).json(&json!({"error": "type and payload, both strings"}));
        let Ok(Value::Object(body)) = request.json() else {
            return refused();
        };
        let strings = ["type", "payload"].map(|name| body.get(name).and_then(Value::as_str));
        let [Some(kind), Some(payload)] = strings else {
            return refused();
        };
        if body.len() > 2 {
            return refused();
        }
        let id = self
            .tasks
            .last_key_value()
            .map_or(FIRST_ID, |(last, _)| last + 1);
        let task = json!({"id": id, "type": kind, "payload": payload, "status": "PENDING"});
        self.tasks.insert(id, task.clone());
        Says::status(201).json(&task)
    }

    fn get(&self, id: &str) -> Says {
        match id.parse().ok().and_then(|id: i64| self.tasks.get(&id)) {
            Some(task) => Says::status(200).json(task),
            None => Says::status(404).json(&json!({"error": "no such task"})),
        }
    }

    fn cancel(&mut self, id: &str) -> Says {
        let Some(task) = id.parse().ok().and_then(|id: i64| self.tasks.get_mut(&id)) else {
            return Says::status(404).json(&json!({"error": "no such task"}));
        };
        if task["status"] == "SUCCEEDED" || task["status"] == "FAILED" {
            return Says::status(409).json(&json!({"error": "it has ended"}));
        }
        task["status"] = json!("CANCELED");
        Says::status(200).json(task)
    }
}
