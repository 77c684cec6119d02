//! What is sent to create work: rendered without a serializer, because the generator shares the
//! processors with what it measures.

use std::fmt::Write;

use taskpilot_store_sqlite::FloorItem;

/// The type of what is created: no handler of a worker has it.
pub(crate) const KIND: &str = "bench";

/// Makes work whose keys are used once.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// Differs from run to run.
    pub(crate) run: u64,
    /// The type of what is created.
    pub(crate) kind: &'static str,
    /// About as many bytes has each payload.
    pub(crate) payload_bytes: usize,
}

impl Work {
    pub(crate) fn new(run: u64, payload_bytes: usize) -> Self {
        Self {
            run,
            kind: KIND,
            payload_bytes,
        }
    }

    /// As long as a UUID.
    pub(crate) fn key(&self, number: u64) -> String {
        format!("{:016x}-{number:019}", self.run)
    }

    pub(crate) fn payload(&self, number: u64) -> String {
        let head = format!("{{\"n\":{number},\"text\":\"");
        let filling = self.payload_bytes.saturating_sub(head.len() + 2);
        format!("{head}{:x<filling$}\"}}", "")
    }

    /// The body of a single create at the scheduler.
    pub(crate) fn execution(&self, number: u64) -> String {
        format!(
            r#"{{"type":"{}","payload":{}}}"#,
            self.kind,
            self.payload(number)
        )
    }

    /// The body of a create at the control plane that also binds.
    pub(crate) fn task(&self, number: u64) -> String {
        format!(
            r#"{{"type":"{}","payload":{},"bind":true}}"#,
            self.kind,
            self.payload(number)
        )
    }

    /// The body of a batch at the scheduler.
    pub(crate) fn batch(&self, first: u64, count: u64) -> String {
        let mut body = String::from("{\"items\":[");
        for number in first..first + count {
            let comma = if number == first { "" } else { "," };
            let (key, execution) = (self.key(number), self.execution(number));
            let item = write!(
                body,
                r#"{comma}{{"idempotencyKey":"{key}","task":{execution}}}"#
            );
            item.expect("invariant: a text takes all that is written");
        }
        body.push_str("]}");
        body
    }

    /// The same for the floor.
    pub(crate) fn floor(&self, first: u64, count: u64) -> Vec<FloorItem> {
        let item = |number| FloorItem {
            key: self.key(number),
            payload: self.payload(number),
        };
        (first..first + count).map(item).collect()
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_api::scheduler::CreateBatch;
    use taskpilot_api::tasks::CreateTask;

    use super::*;

    #[test]
    fn what_is_rendered_is_what_the_surfaces_take() {
        let work = Work::new(7, 100);
        assert_eq!(work.payload(5).len(), 100);
        assert_eq!(work.key(5).len(), 36);
        let batch: CreateBatch = serde_json::from_str(&work.batch(5, 3)).unwrap();
        let items = batch.resolve().unwrap();
        let items: Vec<_> = items.into_iter().map(|item| item.0.unwrap()).collect();
        assert_eq!(items.len(), 3);
        let keys: Vec<String> = items
            .iter()
            .map(|item| item.idempotency_key.as_ref().unwrap().to_string())
            .collect();
        assert_eq!(keys, [work.key(5), work.key(6), work.key(7)]);
        for item in items {
            item.task.resolve().unwrap();
        }
        let task: CreateTask = serde_json::from_str(&work.task(5)).unwrap();
        assert!(task.resolve().unwrap().bind.is_some());
    }
}
