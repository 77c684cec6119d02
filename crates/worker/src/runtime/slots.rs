//! Slots: how many attempts may have processes at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The slots of a worker, whatever session uses them.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    total: u32,
    used: Arc<AtomicU32>,
}

/// A slot in use, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    used: Arc<AtomicU32>,
}

impl Slots {
    pub(crate) fn new(total: u32) -> Self {
        Self {
            total,
            used: Arc::default(),
        }
    }

    /// How many are free. The dispatcher alone takes slots, and with the end of an attempt it gets
    /// the slot back: what it reads here it can take.
    pub(crate) fn free(&self) -> u32 {
        self.total.saturating_sub(self.used.load(Ordering::Acquire))
    }

    pub(crate) fn take(&self) -> Slot {
        self.used.fetch_add(1, Ordering::AcqRel);
        Slot {
            used: self.used.clone(),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.used.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_used_until_it_is_dropped() {
        let slots = Slots::new(2);
        let first = slots.take();
        let second = slots.take();
        assert_eq!(slots.free(), 0);
        drop(first);
        assert_eq!(slots.free(), 1);
        drop(second);
        assert_eq!(slots.free(), 2);
    }
}
