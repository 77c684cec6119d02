//! The `Idempotency-Key` header: bare, or the quoted string of a structured field (RFC 9651).

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::headers::IDEMPOTENCY_KEY;
use taskpilot_domain::names::IdempotencyKey;

use crate::error::ApiError;

/// The key of a create, if the caller sent one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency(pub Option<IdempotencyKey>);

impl<S: Sync> FromRequestParts<S> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        if values.next().is_some() {
            return Err(refused("the header is sent once"));
        }
        key(value).map(|key| Self(Some(key)))
    }
}

/// No key for the whole of a call whose items have keys of their own: it would make nothing repeatable,
/// and is refused instead of ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPerItem;

impl<S: Sync> FromRequestParts<S> for KeyPerItem {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        if parts.headers.contains_key(IDEMPOTENCY_KEY) {
            return Err(refused("each item has its own key, `idempotencyKey`"));
        }
        Ok(Self)
    }
}

fn key(value: &HeaderValue) -> Result<IdempotencyKey, ApiError> {
    let text = value
        .to_str()
        .map_err(|_| refused("visible ASCII characters only"))?;
    let text = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted).ok_or_else(|| refused("the quoted string is broken"))?,
        None => text.to_owned(),
    };
    IdempotencyKey::new(text).map_err(|invalid| refused(&invalid.to_string()))
}

/// The text up to the closing quote, which ends the value.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|one| matches!(one, '"' | '\\'))?),
            character => text.push(character),
        }
    }
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidHeader, detail).field(IDEMPOTENCY_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<String> {
        key(&HeaderValue::from_static(text)).ok().map(String::from)
    }

    #[test]
    fn a_key_is_the_same_bare_and_quoted() {
        assert_eq!(read("abc-1"), Some("abc-1".into()));
        assert_eq!(read("\"abc-1\""), Some("abc-1".into()));
        assert_eq!(read(r#""a\"b\\c""#), Some(r#"a"b\c"#.into()));
    }

    #[test]
    fn broken_keys_are_refused() {
        for text in [
            "",
            "\"",
            "\"a",
            "\"a\"b",
            "\"a\";x=1",
            r#""a\b""#,
            "a b",
            "\"\"",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
