//! Signals by key: "look again". Signals that meet become one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Waiters by what they wait for.
#[derive(Debug)]
pub(super) struct Signals<K>(Mutex<HashMap<K, watch::Sender<()>>>);

impl<K> Default for Signals<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Copy + Eq + Hash> Signals<K> {
    /// One more waiter for `key`.
    pub(super) fn subscribe(&self, key: K) -> watch::Receiver<()> {
        let mut waiters = self.lock();
        waiters.retain(|_, waiter| waiter.receiver_count() > 0);
        waiters
            .entry(key)
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe()
    }

    /// The only waiter for `key`: those before it see their channel closed.
    pub(super) fn replace(&self, key: K) -> watch::Receiver<()> {
        let (sender, receiver) = watch::channel(());
        let mut waiters = self.lock();
        waiters.retain(|_, waiter| waiter.receiver_count() > 0);
        waiters.insert(key, sender);
        receiver
    }

    pub(super) fn signal(&self, key: K) {
        if let Some(waiter) = self.lock().get(&key) {
            waiter.send_replace(());
        }
    }

    pub(super) fn signal_all(&self) {
        self.lock()
            .values()
            .for_each(|waiter| waiter.send_replace(()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_before_the_wait_is_not_lost() {
        let signals = Signals::default();
        let mut waiter = signals.subscribe(1);
        signals.signal(1);
        signals.signal(1);
        assert!(waiter.changed().await.is_ok());
        assert!(!waiter.has_changed().unwrap());
    }

    #[tokio::test]
    async fn a_newer_waiter_closes_the_older() {
        let signals = Signals::default();
        let mut older = signals.replace(1);
        let newer = signals.replace(1);
        assert!(older.changed().await.is_err());
        assert!(newer.has_changed().is_ok());
    }
}
