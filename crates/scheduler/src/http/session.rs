//! The session of a worker's call: its id from the path, its token from the header.
//!
//! The token is compared by the store, with the call itself. A session of another namespace does not
//! exist.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::headers::SESSION_TOKEN;
use taskpilot_domain::ids::{SessionId, Token};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::PathId;
use taskpilot_store::rows::sessions::{SessionGone, SessionRef};

use crate::app::App;
use crate::sessions::convert::gone;
use crate::sessions::known::known;

/// Who a worker says it is.
pub(super) struct Session(pub(super) SessionRef);

impl FromRequestParts<Arc<App>> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let PathId(id) = PathId::<SessionId>::from_request_parts(parts, app).await?;
        let token = token(&parts.headers)?;
        let context = RequestContext::from_request_parts(parts, app).await?;
        match known(app, id).await? {
            Some(known) if known.interest.namespace == context.namespace => {
                Ok(Self(SessionRef { id, token }))
            }
            _ => Err(gone(SessionGone::Unknown)),
        }
    }
}

fn token(headers: &HeaderMap) -> Result<Token, ApiError> {
    let text = headers
        .get(SESSION_TOKEN)
        .and_then(|value| value.to_str().ok());
    let token: Option<Token> = text.and_then(|text| text.parse().ok());
    token.ok_or_else(|| {
        let detail = "the call carries the token of its session, 32 hexadecimal digits";
        ApiError::new(ErrorCode::InvalidHeader, detail).field(SESSION_TOKEN)
    })
}
