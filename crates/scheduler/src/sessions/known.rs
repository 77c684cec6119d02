//! What never changes of a session: whose it is and what it takes. It is kept, so that the calls of
//! a worker cost no read for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskpilot_domain::ids::SessionId;
use taskpilot_domain::limits::CONNECTIONS_MAX;
use taskpilot_server::error::ApiError;

use crate::app::App;
use crate::http::error::unavailable;
use crate::hub::Interest;

/// The constant half of a session.
#[derive(Debug)]
pub(crate) struct Known {
    /// What it takes, and in which namespace.
    pub(crate) interest: Interest,
    /// Attempts it holds at once.
    pub(crate) slots: u32,
}

/// Sessions that were asked for; as many as can be connected.
#[derive(Debug, Default)]
pub(crate) struct KnownSessions(Mutex<HashMap<SessionId, Arc<Known>>>);

impl KnownSessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a session, whoever asks; `None` where there is none.
pub(crate) async fn known(app: &App, id: SessionId) -> Result<Option<Arc<Known>>, ApiError> {
    let kept = app.sessions.lock().get(&id).cloned();
    if kept.is_some() {
        return Ok(kept);
    }
    let read = app.store.get_session(id).await.map_err(unavailable)?;
    let Some((namespace, record)) = read else {
        return Ok(None);
    };
    let known = Arc::new(Known {
        interest: Interest {
            namespace,
            queues: record.queues,
            types: record.types,
        },
        slots: record.slots,
    });
    let mut sessions = app.sessions.lock();
    if sessions.len() >= CONNECTIONS_MAX {
        sessions.clear();
    }
    sessions.insert(id, known.clone());
    Ok(Some(known))
}
