//! The id in a path.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use taskpilot_api::errors::ErrorCode;

use crate::error::ApiError;

/// The first parameter of the path: an id or a key of `domain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathId<T>(pub T);

impl<S, T> FromRequestParts<S> for PathId<T>
where
    S: Send + Sync,
    T: FromStr,
    T::Err: Display,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params =
            params.map_err(|_| ApiError::new(ErrorCode::InvalidId, "the path is not UTF-8"))?;
        let (name, text) = params
            .iter()
            .next()
            .ok_or_else(|| ApiError::fault("a path without parameters was asked for its id"))?;
        let id = text.parse().map_err(|invalid: T::Err| {
            ApiError::new(ErrorCode::InvalidId, invalid.to_string()).field(name)
        })?;
        Ok(Self(id))
    }
}
