//! Creates of many tasks in one call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::BATCH_ITEMS_MAX;
use taskpilot_domain::names::IdempotencyKey;
use utoipa::ToSchema;

use super::{CreateTask, Task};
use crate::batch::BatchItem;
use crate::field::{FieldError, at_most_items, parse};
use crate::json::JsonText;
use crate::options::ExecutionOptionsBody;
use crate::problem::Problem;
use crate::schema;

/// `POST /api/tasks/batch`: creates that stand or fall one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateBatch {
    /// 1 to 1,000 creates.
    #[schema(value_type = Vec<KeyedCreate>, min_items = 1, max_items = 1_000)]
    pub items: Vec<BatchItem<KeyedCreate>>,
}

impl CreateBatch {
    /// A batch of these.
    pub fn of(items: Vec<KeyedCreate>) -> Self {
        let items = items.into_iter().map(|item| BatchItem(Ok(item))).collect();
        Self { items }
    }

    /// The items, at least one and not too many.
    pub fn resolve(self) -> Result<Vec<BatchItem<KeyedCreate>>, FieldError> {
        if self.items.is_empty() {
            return Err(FieldError::new("items", "at least 1 item"));
        }
        at_most_items("items", &self.items, BATCH_ITEMS_MAX)?;
        Ok(self.items)
    }
}

/// One create of a batch.
///
/// The fields of [`CreateTask`] are written out: `serde(flatten)` would parse the payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyedCreate {
    /// As the header `Idempotency-Key` of a single create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What kind of work it is.
    #[schema(value_type = schema::TaskType)]
    pub r#type: String,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Title>)]
    pub title: Option<String>,
    /// Keys and values for people and filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Labels>)]
    pub labels: Option<BTreeMap<String, String>>,
    /// What the handler gets: any JSON value, null unless told otherwise.
    #[serde(default)]
    pub payload: JsonText,
    /// The task it belongs to, which exists before the batch; never changed. With `bind`, that task is
    /// bound already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub parent_task_id: Option<TaskId>,
    /// Whether to bind it at once; no unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<bool>,
    /// With `bind`: the type that the scheduler is asked for, instead of `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TaskType>)]
    pub scheduler_type: Option<String>,
    /// With `bind`: how the execution is to be run.
    #[serde(
        default,
        deserialize_with = "crate::object::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub execution: Option<ExecutionOptionsBody>,
}

impl KeyedCreate {
    /// The key and the body that a single create would have.
    pub fn split(self) -> Result<(Option<IdempotencyKey>, CreateTask), FieldError> {
        let key = self.idempotency_key.as_deref();
        let key = key.map(|key| parse("idempotencyKey", key)).transpose()?;
        let task = CreateTask {
            r#type: self.r#type,
            title: self.title,
            labels: self.labels,
            payload: self.payload,
            parent_task_id: self.parent_task_id,
            bind: self.bind,
            scheduler_type: self.scheduler_type,
            execution: self.execution,
        };
        Ok((key, task))
    }
}

/// The answer to one create of a batch, in the order of the items: a task or a problem.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchAnswer {
    /// The status that a single create would have been answered with.
    pub status: u16,
    /// The task, created now or before, as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> CreateBatch {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_bad_item_is_read_beside_good_ones() {
        let batch = read(
            r#"{"items":[{"type":"a","payload":1.0},{"type":"a","x":1},[],
                {"type":"a","execution":[]},{"idempotencyKey":"k","type":"b"}]}"#,
        );
        let good: Vec<bool> = batch.items.iter().map(|item| item.0.is_ok()).collect();
        assert_eq!(good, [true, false, false, false, true]);
        let first = batch.items[0].0.clone().unwrap();
        assert_eq!(
            serde_json::to_string(&first).unwrap(),
            r#"{"type":"a","payload":1.0}"#
        );
        assert!(serde_json::to_string(&batch).is_err(), "nothing to send");
    }

    #[test]
    fn a_create_of_a_batch_is_a_create_with_its_key() {
        let text = r#"{"type":"a","title":"t","labels":{"k":"v"},"payload":{ "z" : 1 },"bind":true,
            "schedulerType":"b","execution":{"priority":3}}"#;
        let keyed = text.replacen('{', r#"{"idempotencyKey":"k","#, 1);
        let keyed: KeyedCreate = serde_json::from_str(&keyed).unwrap();
        let (key, task) = keyed.clone().split().unwrap();
        let alone: CreateTask = serde_json::from_str(text).unwrap();
        assert_eq!((key.map(String::from), task), (Some("k".to_owned()), alone));
        let wrong = KeyedCreate {
            idempotency_key: Some("with space".into()),
            ..keyed
        };
        assert_eq!(wrong.split().unwrap_err().field, "idempotencyKey");
    }

    #[test]
    fn a_batch_has_an_item_and_not_too_many() {
        let item: KeyedCreate = serde_json::from_str(r#"{"type":"a"}"#).unwrap();
        let batch = |count| CreateBatch::of(vec![item.clone(); count]).resolve();
        for count in [0, BATCH_ITEMS_MAX + 1] {
            assert_eq!(batch(count).unwrap_err().field, "items");
        }
        assert_eq!(batch(BATCH_ITEMS_MAX).unwrap().len(), BATCH_ITEMS_MAX);
    }
}
