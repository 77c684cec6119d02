//! The alarms that are raised: what is logged of a broken invariant.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// Counts the alarms of this thread while it lives.
pub(crate) struct Alarms {
    raised: Arc<AtomicUsize>,
    _guard: DefaultGuard,
}

impl Alarms {
    pub(crate) fn listen() -> Self {
        let raised = Arc::new(AtomicUsize::new(0));
        Self {
            raised: Arc::clone(&raised),
            _guard: tracing::subscriber::set_default(Ear(raised)),
        }
    }

    /// How many came since this was asked last.
    pub(crate) fn taken(&self) -> usize {
        self.raised.swap(0, Ordering::Relaxed)
    }
}

struct Ear(Arc<AtomicUsize>);

impl Subscriber for Ear {
    fn enabled(&self, what: &Metadata<'_>) -> bool {
        what.is_event() && what.fields().field("invariant").is_some()
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
