//! Who calls: principal, namespace, permissions and the id of the request.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::headers;
use taskpilot_domain::names::{Namespace, PrincipalName};

use crate::error::ApiError;
use crate::permission::{Permission, Permissions};

/// The caller of a request. An extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// Who calls.
    pub principal: PrincipalName,
    /// The world that the caller sees.
    pub namespace: Namespace,
    /// What the caller may do.
    pub permissions: Permissions,
    /// The id of the request, as it stands in answers and logs.
    pub request_id: String,
}

/// Whether a service lets a principal speak for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// Its forwarding headers are refused: the control plane.
    Refused,
    /// They are accepted from a principal that may act for others: the scheduler.
    Accepted,
}

impl RequestContext {
    /// The caller without authentication, which is possible on loopback only.
    pub(crate) fn local(request_id: String) -> Self {
        Self {
            principal: PrincipalName::local(),
            namespace: Namespace::default_namespace(),
            permissions: Permissions::all(),
            request_id,
        }
    }

    /// The principal and namespace that the caller speaks for, where it names them.
    pub(crate) fn on_behalf(
        self,
        headers: &HeaderMap,
        forwarding: Forwarding,
    ) -> Result<Self, ApiError> {
        let principal = named(headers, headers::PRINCIPAL)?;
        let namespace = named(headers, headers::NAMESPACE)?;
        if principal.is_none() && namespace.is_none() {
            return Ok(self);
        }
        let may =
            forwarding == Forwarding::Accepted && self.permissions.allow(Permission::ActForOthers);
        if !may {
            let detail = "this principal may not speak for others here";
            return Err(ApiError::new(ErrorCode::Forbidden, detail));
        }
        Ok(Self {
            principal: principal.unwrap_or(self.principal),
            namespace: namespace.unwrap_or(self.namespace),
            ..self
        })
    }
}

fn named<T: TryFrom<String>>(headers: &HeaderMap, name: &'static str) -> Result<Option<T>, ApiError>
where
    T::Error: std::fmt::Display,
{
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        let detail = "the header is sent once";
        return Err(ApiError::new(ErrorCode::InvalidHeader, detail).field(name));
    }
    let text = value.to_str().unwrap_or_default().to_owned();
    let read = T::try_from(text).map_err(|invalid| {
        ApiError::new(ErrorCode::InvalidHeader, invalid.to_string()).field(name)
    })?;
    Ok(Some(read))
}

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let context = parts.extensions.get::<Self>().cloned();
        context.ok_or_else(|| ApiError::fault("a route was reached past the edge"))
    }
}
