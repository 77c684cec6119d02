//! The room for new work: capped, so that a flood of it leaves connections and time for the rest.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::problem::Outcome;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// The way into the room of one service.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Door {
    pub(crate) fn new(calls: usize, turns: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(calls)),
            turns: Arc::new(Semaphore::new(turns)),
        }
    }
}

/// A place among the calls that make new work, held as long as the call lives. Named before the
/// body of a request, it refuses before that is read.
#[derive(Debug)]
pub struct Room {
    _permit: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
}

/// The right to work now.
#[derive(Debug)]
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Returns when it is this call's turn, first come, first served. Not for calls that wait for
    /// another service: they would keep the turn from those that do not.
    pub async fn turn(&self) -> Turn {
        let permit = self.turns.clone().acquire_owned().await;
        // The turns are never closed.
        Turn {
            _permit: permit.ok(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Room {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(Door { room, turns }) = parts.extensions.get() else {
            return Err(ApiError::fault("a service without a door to its room"));
        };
        let permit = room.clone().try_acquire_owned().map_err(|_| {
            let detail = "too many calls that make work are open: come again later";
            let error = ApiError::new(ErrorCode::Overloaded, detail);
            // What was sent behind it on the same connection is refused with it.
            error.outcome(Outcome::NotApplied).closing()
        })?;
        Ok(Self {
            _permit: permit,
            turns: turns.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;

    use super::*;

    async fn enter(door: &Door) -> Result<Room, ApiError> {
        let request = Request::new(Body::empty());
        let mut parts = request.into_parts().0;
        parts.extensions.insert(door.clone());
        Room::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_room_that_is_full_refuses_until_somebody_leaves() {
        let door = Door::new(2, 1);
        let (first, second) = (enter(&door).await, enter(&door).await);
        assert!(first.is_ok() && second.is_ok());
        let refused = enter(&door).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        drop(first);
        assert!(enter(&door).await.is_ok());
    }

    #[tokio::test]
    async fn those_in_the_room_take_turns() {
        let door = Door::new(2, 1);
        let (first, second) = (enter(&door).await.unwrap(), enter(&door).await.unwrap());
        let turn = first.turn().await;
        let mut next = std::pin::pin!(second.turn());
        let is_next = |_: &Turn| true;
        let early =
            tokio::select! { biased; turn = &mut next => is_next(&turn), () = async {} => false };
        assert!(!early);
        drop(turn);
        next.await;
    }
}
