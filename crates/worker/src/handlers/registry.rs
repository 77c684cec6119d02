//! The handlers of one worker, by type.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::built_in;
use super::file::{self, HandlersError};
use super::handler::Handler;

/// What a worker can run, by type. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handlers {
    by_type: Arc<BTreeMap<String, Arc<Handler>>>,
}

impl Handlers {
    /// The demos: `demo`, `demo-slow`, `demo-fail` and `demo-stubborn`.
    pub fn built_in() -> Self {
        Self::of(built_in::all())
    }

    /// The demos, and the handlers of an operator's file (`docs/handlers.md`), which win where a
    /// name is the same. Reads the worker's environment: programs and allow-listed variables are
    /// looked up now.
    pub fn load(path: &Path) -> Result<Self, HandlersError> {
        let mut by_type = built_in::all();
        by_type.extend(file::load(path)?);
        Ok(Self::of(by_type))
    }

    /// The types that it has handlers for.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.by_type.keys().map(String::as_str)
    }

    pub(crate) fn find(&self, kind: &str) -> Option<Arc<Handler>> {
        self.by_type.get(kind).cloned()
    }

    fn of(by_type: BTreeMap<String, Arc<Handler>>) -> Self {
        Self {
            by_type: Arc::new(by_type),
        }
    }
}
