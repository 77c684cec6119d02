//! JSON bodies, bounded in bytes, time and depth before they are parsed.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::headers::MERGE_PATCH_JSON;
use taskpilot_domain::limits::JSON_DEPTH_MAX;

use crate::error::ApiError;
use crate::json_depth;
use crate::settings::Settings;

/// A body that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonBody<T>(pub T);

/// A body that may be absent; `T::default()` then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalJsonBody<T>(pub T);

/// A merge patch (RFC 7396) that must be there, under its own media type or as plain JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchBody<T>(pub T);

const JSON: &[&str] = &["application/json"];
const PATCH: &[&str] = &[MERGE_PATCH_JSON, "application/json"];

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        needed(request, JSON).await.map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for PatchBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        needed(request, PATCH).await.map(Self)
    }
}

async fn needed<T: DeserializeOwned>(
    request: Request,
    kinds: &[&'static str],
) -> Result<T, ApiError> {
    let bytes = read(request, kinds).await?;
    if bytes.is_empty() {
        return Err(ApiError::new(ErrorCode::MalformedJson, "a body is needed"));
    }
    parse(&bytes)
}

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read(request, JSON).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        parse(&bytes).map(Self)
    }
}

/// The whole body; empty where there is none, whatever its media type.
async fn read(request: Request, kinds: &[&'static str]) -> Result<Vec<u8>, ApiError> {
    let settings = request.extensions().get::<Settings>().copied();
    let settings = settings.unwrap_or_default();
    let (parts, body) = request.into_parts();
    if announced(&parts.headers) > settings.body_bytes as u64 {
        return Err(too_large(settings.body_bytes));
    }
    let collected = collect(body, settings.body_bytes);
    let bytes = tokio::time::timeout(settings.body_read, collected)
        .await
        .map_err(|_| {
            let detail = "the body did not arrive in time";
            ApiError::new(ErrorCode::RequestTimeout, detail).closing()
        })??;
    if !bytes.is_empty() {
        check_media_type(&parts.headers, kinds)?;
    }
    Ok(bytes)
}

fn announced(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

async fn collect(mut body: Body, max: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|broken| {
            let detail = "the body could not be read";
            ApiError::new(ErrorCode::MalformedJson, detail).caused_by(broken)
        })?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > max {
                return Err(too_large(max));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn too_large(max: usize) -> ApiError {
    let detail = format!("a body has at most {max} bytes");
    ApiError::new(ErrorCode::BodyTooLarge, detail).closing()
}

fn check_media_type(headers: &HeaderMap, kinds: &[&'static str]) -> Result<(), ApiError> {
    let json = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|essence| {
            let is = |kind: &&str| essence.trim_ascii().eq_ignore_ascii_case(kind.as_bytes());
            kinds.iter().any(is)
        })
    });
    let encoding = headers.get(header::CONTENT_ENCODING);
    let plain = encoding.is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if json && plain {
        return Ok(());
    }
    let kinds = kinds.join(" or ");
    let detail = format!("a body is sent as {kinds}, without a content encoding");
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
}

/// Every body is an object: a list would be read as its fields in their order.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let detail = "the body is not UTF-8";
        return Err(ApiError::new(ErrorCode::MalformedJson, detail));
    };
    if json_depth::exceeds(bytes, JSON_DEPTH_MAX) {
        let detail = format!("a body nests at most {JSON_DEPTH_MAX} levels deep");
        return Err(ApiError::new(ErrorCode::BodyTooDeep, detail));
    }
    let object = text.trim_ascii_start().starts_with('{');
    let read = if object {
        serde_json::from_str(text)
    } else {
        Err(serde_json::Error::custom("a body is a JSON object"))
    };
    read.map_err(|error| {
        // A wrong field is found before broken syntax behind it; the syntax is the graver fault.
        match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => ApiError::new(ErrorCode::InvalidBody, error.to_string()),
            Err(syntax) => ApiError::new(ErrorCode::MalformedJson, syntax.to_string()),
        }
    })
}
