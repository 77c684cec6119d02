//! Registration and goodbye, and the list of workers.

use taskpilot_api::workers::{FencedAttempt, Registered, Registration, SessionState, WorkerItem};
use taskpilot_domain::limits::PAGE_MAX;
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::sessions::{NewSession, SessionRecord, SessionRef};

use super::convert::gone;
use crate::app::App;
use crate::http::error::unavailable;
use crate::secrets;

/// Registers a session.
pub(crate) async fn register(
    app: &App,
    namespace: Namespace,
    worker: Registration,
) -> Result<Registered, ApiError> {
    let token = secrets::token()?;
    let new = NewSession {
        namespace,
        name: worker.name,
        queues: worker.queues,
        types: worker.types,
        cleanups: worker.cleanups,
        slots: worker.slots,
        containment: worker.containment,
        token,
        lease_ms: app.config.lease_ms,
    };
    let session = app
        .store
        .register_session(app.clock.now(), new)
        .await
        .map_err(unavailable)?;
    tracing::info!(
        session = session.id.get(),
        worker = session.name.as_str(),
        "registered"
    );
    Ok(Registered {
        session_id: session.id,
        token,
        lease_ms: app.config.lease_ms,
        heartbeat_ms: app.config.heartbeat_ms,
    })
}

/// Ends a session for good.
pub(crate) async fn goodbye(
    app: &App,
    session: SessionRef,
    never_started: Vec<FencedAttempt>,
) -> Result<(), ApiError> {
    let released = never_started
        .iter()
        .map(|one| (one.execution_id, one.attempt))
        .collect();
    let ended = app
        .store
        .end_session(app.clock.now(), session, released, secrets::jitter())
        .await;
    ended.map_err(unavailable)?.map_err(gone)?;
    app.progress.forget(session.id);
    tracing::info!(session = session.id.get(), "said goodbye");
    Ok(())
}

/// The sessions of a namespace: those that live, then those that ended last.
pub(crate) async fn list(app: &App, namespace: &Namespace) -> Result<Vec<WorkerItem>, ApiError> {
    let sessions = app
        .store
        .list_sessions(namespace, PAGE_MAX)
        .await
        .map_err(unavailable)?;
    Ok(sessions.into_iter().map(item).collect())
}

fn item(session: SessionRecord) -> WorkerItem {
    let state = match session.ended_at {
        None if session.held().is_quarantined() => SessionState::Quarantined,
        None => SessionState::Active,
        Some(at) if at >= session.lease_until => SessionState::Expired,
        Some(_) => SessionState::Gone,
    };
    WorkerItem {
        id: session.id,
        name: session.name.into(),
        queues: session.queues.into_iter().map(Into::into).collect(),
        types: session.types.into_iter().map(Into::into).collect(),
        cleanups: session.cleanups.into_iter().map(Into::into).collect(),
        slots: session.slots,
        running: session.running,
        stopping: session.stopping,
        released: session.released,
        containment: session.containment.into(),
        registered_at: session.registered_at,
        last_heartbeat_at: session.renewed_at,
        lease_until: session.lease_until,
        state: state.into(),
    }
}
