//! A wish to wait together with the way into the waiting room.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};

use super::PreferWait;
use crate::error::ApiError;
use crate::waiting::{Seat, Waits};

/// How long the caller would wait, on a route that says that it waits.
#[derive(Debug, Clone)]
pub struct Patience {
    prefer: PreferWait,
    waits: Waits,
}

impl Patience {
    /// The time to wait and a seat for it; `None` answers at once: without the wish, or without a
    /// seat.
    pub fn sit_down(&self) -> Option<(Duration, Seat)> {
        self.prefer.wait().zip(self.waits.try_sit_down())
    }

    /// The header that says that the wish was honoured.
    pub fn applied(&self) -> Option<(HeaderName, HeaderValue)> {
        self.prefer.applied()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Patience {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ok(prefer) = PreferWait::from_request_parts(parts, state).await;
        let waits = Waits::from_request_parts(parts, state).await?;
        Ok(Self { prefer, waits })
    }
}
