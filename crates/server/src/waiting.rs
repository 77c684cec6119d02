//! The room for calls that wait (long polls, streams): capped, so that other calls always find some.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use taskpilot_api::errors::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;
use crate::settings::Settings;
use crate::shutdown::Shutdown;

/// The way into the waiting room. An extractor for routes that say that they wait.
#[derive(Debug, Clone)]
pub struct Waits {
    room: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    shutdown: Shutdown,
}

impl Waits {
    pub(crate) fn new(settings: Settings, shutdown: Shutdown) -> Self {
        Self {
            room: Arc::new(Semaphore::new(settings.waiting_calls)),
            reads: Arc::new(Semaphore::new(settings.waiting_reads)),
            shutdown,
        }
    }

    /// A seat, where there is one: for calls that can answer at once instead.
    pub fn try_enter(&self) -> Option<Seat> {
        self.enter().ok()
    }

    /// A seat of those for calls that only would rather wait: however many they are, workers find one.
    pub(crate) fn try_sit_down(&self) -> Option<Seat> {
        let share = self.reads.clone().try_acquire_owned().ok()?;
        let seat = self.try_enter()?;
        Some(Seat {
            _share: Some(share),
            ..seat
        })
    }

    /// A seat, or the answer that there is none.
    pub fn enter(&self) -> Result<Seat, ApiError> {
        if self.shutdown.is_requested() {
            let detail = "the service is stopping";
            return Err(ApiError::new(ErrorCode::ShuttingDown, detail));
        }
        let permit = self.room.clone().try_acquire_owned().map_err(|_| {
            ApiError::new(ErrorCode::Overloaded, "too many calls are waiting already")
        })?;
        Ok(Seat {
            _permit: permit,
            _share: None,
            shutdown: self.shutdown.clone(),
        })
    }
}

/// A seat in the waiting room, kept as long as the call waits or its stream lives.
#[derive(Debug)]
pub struct Seat {
    _permit: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
    shutdown: Shutdown,
}

impl Seat {
    /// Returns when the room closes: answer with what there is.
    pub async fn closing(&self) {
        self.shutdown.requested().await;
    }
}

/// Says that the matched route may wait.
#[derive(Debug, Clone)]
pub(crate) struct MayWait(pub(crate) Waits);

impl<S: Sync> FromRequestParts<S> for Waits {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let room = parts.extensions.get::<MayWait>();
        room.map(|MayWait(waits)| waits.clone())
            .ok_or_else(|| ApiError::fault("a route waits that does not say so in its table"))
    }
}
