//! The query, strictly: `T` denies unknown fields, and a repeated parameter is refused.

use axum::extract::{FromRequestParts, Query as AxumQuery};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use taskpilot_api::errors::ErrorCode;

use crate::error::ApiError;

/// The query parameters. The route says `with_query` in its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        if !is_text(parts.uri.query().unwrap_or_default()) {
            let detail = "a query is percent-encoded UTF-8";
            return Err(ApiError::new(ErrorCode::InvalidQuery, detail));
        }
        let AxumQuery(query) = AxumQuery::try_from_uri(&parts.uri)
            .map_err(|refused| ApiError::new(ErrorCode::InvalidQuery, refused.body_text()))?;
        Ok(Self(query))
    }
}

/// Whether the query says one text: a parser would put other characters in the place of what it
/// cannot read, and then look for these.
fn is_text(query: &str) -> bool {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, behind @ ..] = rest else {
            return false;
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let (Some(high), Some(low)) = (digit(high), digit(low)) else {
            return false;
        };
        bytes.extend(u8::try_from(high << 4 | low));
        rest = behind;
    }
    std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_is_no_text_is_told_from_one_that_is() {
        for query in ["", "a=b&c", "a=%C3%a9+%00", "a=%25zz"] {
            assert!(is_text(query), "{query}");
        }
        for query in ["a=%ff", "%", "a=%4", "a=%zz", "a=%ED%A0%80", "a=%C3&%A9"] {
            assert!(!is_text(query), "{query}");
        }
    }
}
