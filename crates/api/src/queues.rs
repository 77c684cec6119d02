//! Queues as an operator sees and steers them; the same on both surfaces.

use serde::{Deserialize, Deserializer, Serialize};
use taskpilot_domain::limits::REASON_CHARS_MAX;
use taskpilot_domain::queue::MaxRunning;
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::field::{FieldError, at_most};
use crate::schema;

/// The query of `GET …/queues`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQueues {
    /// Items of the page, 1 to 1,000; 50 unless told otherwise.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// `PUT …/queues/{name}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitQueue {
    /// Attempts it may hold at once, 1 to 1,000,000, or null for as many as there are. It has to be
    /// said; to run nothing, pause the queue.
    #[serde(deserialize_with = "said")]
    #[schema(required = true)]
    pub max_running: Option<u32>,
}

/// A field that may be null and not absent.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::deserialize(deserializer)
}

impl LimitQueue {
    /// The limit, within its bounds.
    pub fn resolve(self) -> Result<Option<MaxRunning>, FieldError> {
        let limit = self.max_running.map(MaxRunning::new).transpose();
        limit.map_err(|invalid| FieldError::new("maxRunning", invalid))
    }
}

/// `PUT …/queues/{name}/pause`; the body may be absent. Who pauses is the principal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PauseQueue {
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    pub reason: Option<String>,
}

impl PauseQueue {
    /// The reason, within its limit.
    pub fn resolve(self) -> Result<Option<String>, FieldError> {
        at_most("reason", self.reason.as_deref(), REASON_CHARS_MAX)?;
        Ok(self.reason)
    }
}

/// `PUT …/queues/{name}/resume`; the body may be absent. Who resumes is the principal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResumeQueue {
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    pub reason: Option<String>,
}

impl ResumeQueue {
    /// The reason, within its limit.
    pub fn resolve(self) -> Result<Option<String>, FieldError> {
        at_most("reason", self.reason.as_deref(), REASON_CHARS_MAX)?;
        Ok(self.reason)
    }
}

/// Who paused a queue first, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PauseRecord {
    /// When.
    #[schema(value_type = schema::Instant)]
    pub at: Timestamp,
    /// The principal.
    pub by: String,
    /// Why, for people.
    pub reason: Option<String>,
}

/// Who changed a queue last, what of it, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastChangeRecord {
    /// `limited`, `paused` or `resumed`.
    pub what: String,
    /// When.
    #[schema(value_type = schema::Instant)]
    pub at: Timestamp,
    /// The principal.
    pub by: String,
    /// Why, for people.
    pub reason: Option<String>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueItem {
    /// Its name.
    pub name: String,
    /// Attempts it may hold at once; null: as many as there are.
    pub max_running: Option<u32>,
    /// Its pause; null unless it is paused.
    pub paused: Option<PauseRecord>,
    /// The last change of its limit or its pause; null where there was none.
    pub last_change: Option<LastChangeRecord>,
    /// Executions that a worker may take now.
    pub ready: u64,
    /// Executions whose time has not come.
    pub scheduled: u64,
    /// Executions that wait for the end of a back-off.
    pub backing_off: u64,
    /// Executions held back by the pause, the limit, or an unproven stop.
    pub blocked: u64,
    /// Attempts that run.
    pub running: u64,
    /// Attempts whose stop is neither proven nor presumed; they count against the limit.
    pub stopping: u64,
}
