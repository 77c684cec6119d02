//! The wish to bind at once, as every way to create a task has it.

use crate::field::{FieldError, parse};
use crate::options::ExecutionOptionsBody;
use crate::tasks::NewBinding;

/// What a body says of it.
pub(super) struct Binding {
    pub(super) bind: Option<bool>,
    pub(super) scheduler_type: Option<String>,
    pub(super) execution: Option<ExecutionOptionsBody>,
}

impl Binding {
    /// Checks every field that needs no clock; `None`: it is not to be bound.
    pub(super) fn resolve(self) -> Result<Option<NewBinding>, FieldError> {
        if !self.bind.unwrap_or(false) {
            return self.refuse_what_needs_bind().map(|()| None);
        }
        let scheduler_type = self.scheduler_type.as_deref();
        let options = self.execution.unwrap_or_default().resolve();
        Ok(Some(NewBinding {
            scheduler_type: scheduler_type
                .map(|name| parse("schedulerType", name))
                .transpose()?,
            options: options.map_err(|error| error.within("execution"))?,
        }))
    }

    /// Without `bind` these would be left out silently.
    fn refuse_what_needs_bind(&self) -> Result<(), FieldError> {
        let given = [
            ("schedulerType", self.scheduler_type.is_some()),
            ("execution", self.execution.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(FieldError::new(field, "only together with \"bind\": true")),
            None => Ok(()),
        }
    }
}
