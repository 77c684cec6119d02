//! The status of a task.

use serde::{Deserialize, Serialize};

use crate::text::read_back;

/// The status of a task; never the state of its execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskStatus {
    /// Not bound.
    Pending,
    /// Its create is on the way to the scheduler.
    Binding,
    /// It has its execution, for ever.
    Bound,
    /// Withdrawn before it was bound.
    Canceled,
}

impl TaskStatus {
    /// All statuses.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Binding, Self::Bound, Self::Canceled];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Binding => "BINDING",
            Self::Bound => "BOUND",
            Self::Canceled => "CANCELED",
        }
    }
}

read_back! {
    TaskStatus: "a task status",
}
