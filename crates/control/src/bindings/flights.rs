//! One drive per binding at a time within this process; who comes meanwhile waits for it.
//!
//! Correctness comes from the key and the store. This keeps a hundred callers from sending a hundred
//! creates, and a drive from ending with the caller who began it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskpilot_domain::names::IdempotencyKey;
use tokio::sync::{OwnedRwLockReadGuard, RwLock, watch};

use super::drive::{Driven, Errand, Landing, drive};
use crate::app::App;

type Waiting = watch::Receiver<Option<Landing>>;

/// The drives that are under way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    drives: Mutex<HashMap<IdempotencyKey, Waiting>>,
    /// Shared by the batches that are under way. Who drives one of theirs meanwhile does not wait for
    /// them: the key makes it the same execution.
    batches: Arc<RwLock<()>>,
}

/// A drive that goes on also when nobody waits for it.
pub(crate) struct Flight(Waiting);

/// Joins the drive of a binding, or begins it.
pub(crate) fn board(app: &Arc<App>, errand: Errand) -> Flight {
    let key = errand.record.request.key.clone();
    let mut flights = app.flights.lock();
    if let Some(waiting) = flights.get(&key) {
        return Flight(waiting.clone());
    }
    let (sender, receiver) = watch::channel(None);
    flights.insert(key.clone(), receiver.clone());
    let seat = Seat {
        app: app.clone(),
        key,
    };
    tokio::spawn(async move {
        let landing = drive(&seat.app, &errand).await;
        // Before it is told: who comes after that drives anew.
        drop(seat);
        let _ = sender.send(Some(landing));
    });
    Flight(receiver)
}

impl Flight {
    /// How far the drive came.
    pub(crate) async fn landed(mut self) -> Landing {
        match self.0.wait_for(Option::is_some).await {
            Ok(landing) => landing.clone().unwrap_or(Ok(Driven::Over)),
            Err(_) => Ok(Driven::Broken("a drive ended without an answer".into())),
        }
    }
}

impl Flights {
    /// Counts a batch among them as long as what is returned is held.
    pub(crate) async fn batch(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.batches).read_owned().await
    }

    /// Waits until no drive and no batch is under way: a create whose answer is never stored would leave a
    /// binding in front of a plain scheduler open for ever.
    pub(crate) async fn all_landed(&self) {
        drop(self.batches.write().await);
        loop {
            let next = self.lock().values().next().cloned();
            let Some(waiting) = next else { return };
            let _landing = Flight(waiting).landed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IdempotencyKey, Waiting>> {
        self.drives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes its drive off the list, also where that panics.
struct Seat {
    app: Arc<App>,
    key: IdempotencyKey,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.app.flights.lock().remove(&self.key);
    }
}
