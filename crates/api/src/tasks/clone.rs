//! The clone of a task: the same work again, as a task of its own.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Binding, NewBinding};
use crate::field::FieldError;
use crate::options::ExecutionOptionsBody;
use crate::schema;

/// `POST /api/tasks/{id}/clone`; the body may be absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CloneTask {
    /// Whether to bind it at once; no unless told otherwise.
    pub bind: Option<bool>,
    /// With `bind`: the type that the scheduler is asked for, instead of the task's.
    #[schema(value_type = Option<schema::TaskType>)]
    pub scheduler_type: Option<String>,
    /// With `bind`: how the execution is to be run. Without this and `schedulerType` it is run as
    /// the execution of the other task was: in its queue, with its priority, attempts, time and
    /// grace. Where the scheduler does not know that any more the clone is refused; `{}` takes the
    /// defaults.
    #[serde(deserialize_with = "crate::object::maybe")]
    pub execution: Option<ExecutionOptionsBody>,
}

impl CloneTask {
    /// Whether it is to be run as the other one was.
    pub fn is_like_before(&self) -> bool {
        self.bind == Some(true) && self.scheduler_type.is_none() && self.execution.is_none()
    }

    /// Checks every field that needs no clock; `None`: it is not to be bound.
    pub fn resolve(self) -> Result<Option<NewBinding>, FieldError> {
        let binding = Binding {
            bind: self.bind,
            scheduler_type: self.scheduler_type,
            execution: self.execution,
        };
        binding.resolve()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_bind_is_run_as_before() {
        for (text, expected) in [
            ("{}", false),
            (r#"{"bind":true}"#, true),
            (r#"{"bind":true,"execution":{}}"#, false),
            (r#"{"bind":true,"schedulerType":"a"}"#, false),
        ] {
            let body: CloneTask = serde_json::from_str(text).unwrap();
            assert_eq!(body.is_like_before(), expected, "{text}");
            body.resolve().unwrap();
        }
        let unbound: CloneTask = serde_json::from_str(r#"{"execution":{}}"#).unwrap();
        assert_eq!(unbound.resolve().unwrap_err().field, "execution");
        assert!(serde_json::from_str::<CloneTask>(r#"{"title":"a"}"#).is_err());
    }
}
