//! Representations under a strong entity tag, for reads that ask whether there is another one.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::extract::{Tag, Tags};

/// A JSON representation, serialized once, and the tag of exactly these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    opaque: String,
    body: Vec<u8>,
}

impl Tagged {
    /// The representation of `value`.
    pub fn of<T: Serialize>(value: &T) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(value).map_err(ApiError::fault)?;
        let digest: [u8; 32] = Sha256::digest(&body).into();
        // Half of it: two representations of one thing never meet in 128 bits.
        let half = digest.first_chunk().copied().map_or(0, u128::from_be_bytes);
        let opaque = format!("{half:032x}");
        Ok(Self { opaque, body })
    }

    /// Whether it is one of those that are named.
    pub fn is_among(&self, tags: &Tags) -> bool {
        tags.weakly(&self.opaque)
    }

    /// The name of this one alone.
    pub fn tags(&self) -> Tags {
        Tags::These(vec![Tag {
            opaque: self.opaque.clone(),
            weak: false,
        }])
    }

    /// The answer to a reader who knows these already: 304 where it is one of them, else 200.
    pub fn answer(self, known: Option<&Tags>) -> Response {
        let tag = format!("\"{}\"", self.opaque);
        if known.is_some_and(|known| self.is_among(known)) {
            return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
        }
        let json = HeaderValue::from_static("application/json");
        let mut response = ([(header::ETAG, tag)], Body::from(self.body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str, known: Option<&Tags>) -> (u16, String) {
        let answer = Tagged::of(&value).unwrap().answer(known);
        let tag = answer.headers()[header::ETAG].to_str().unwrap().to_owned();
        (answer.status().as_u16(), tag)
    }

    #[test]
    fn a_representation_keeps_its_tag_and_another_has_another() {
        let (first, again, other) = (told("a", None), told("a", None), told("b", None));
        assert_eq!(first, again);
        assert_ne!(first.1, other.1);
        // A quote, 32 digits, a quote: strong.
        assert_eq!((first.1.len(), first.1.starts_with('"')), (34, true));
    }

    #[test]
    fn what_the_reader_knows_is_not_sent_again() {
        let known = Tagged::of(&"a").unwrap().tags();
        let answers = ["a", "b"].map(|value| told(value, Some(&known)).0);
        assert_eq!(answers, [304, 200]);
        assert_eq!(told("b", Some(&Tags::Any)).0, 304);
    }
}
