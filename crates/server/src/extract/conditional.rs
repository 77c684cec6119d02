//! Entity tags and the conditions on them (RFC 9110, section 13): `If-Match` and `If-None-Match`.

use axum::extract::FromRequestParts;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use taskpilot_api::errors::ErrorCode;

use crate::error::ApiError;

/// Which representations a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// Any that there is: `*`.
    Any,
    /// Those with one of these tags, as they stand between the quotes; weak ones are marked.
    These(Vec<Tag>),
}

/// One entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What stands between the quotes.
    pub opaque: String,
    /// Whether it only promises that the meaning is the same.
    pub weak: bool,
}

impl Tags {
    /// Whether `opaque` is named by a strong comparison, as a change needs it.
    pub fn strongly(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| !tag.weak && tag.opaque == opaque),
        }
    }

    /// Whether `opaque` is named by a weak comparison, as a read needs it.
    pub fn weakly(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag.opaque == opaque),
        }
    }
}

/// What a change is about. A call without it is refused: it would undo what it has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(pub Tags);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let tags = read(&parts.headers, &IF_MATCH)?.ok_or_else(|| {
            let detail = "the change needs If-Match with the ETag of what it is about";
            ApiError::new(ErrorCode::PreconditionRequired, detail).field(IF_MATCH.as_str())
        })?;
        Ok(Self(tags))
    }
}

/// What the caller of a read knows already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(pub Option<Tags>);

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read(&parts.headers, &IF_NONE_MATCH).map(Self)
    }
}

fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, ApiError> {
    let mut lines = Vec::new();
    for value in headers.get_all(name) {
        lines.push(value.to_str().map_err(|_| refused(name))?);
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let text = lines.join(",");
    tags(&text).map(Some).ok_or_else(|| refused(name))
}

fn refused(name: &HeaderName) -> ApiError {
    let detail = "entity tags in quotes, or *";
    ApiError::new(ErrorCode::InvalidHeader, detail).field(name.as_str())
}

/// Reads a list of tags; a comma may stand within one.
fn tags(text: &str) -> Option<Tags> {
    if text.trim() == "*" {
        return Some(Tags::Any);
    }
    let mut tags = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (!tags.is_empty()).then_some(Tags::These(tags));
        }
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(behind) => (true, behind),
            None => (false, rest),
        };
        let (opaque, behind) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(Tag {
            opaque: opaque.to_owned(),
            weak,
        });
        rest = behind.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn these(list: &[(&str, bool)]) -> Tags {
        let list = list.iter().map(|(opaque, weak)| Tag {
            opaque: (*opaque).into(),
            weak: *weak,
        });
        Tags::These(list.collect())
    }

    #[test]
    fn tags_are_read_as_they_stand() {
        assert_eq!(tags(" * "), Some(Tags::Any));
        assert_eq!(tags(r#""3""#), Some(these(&[("3", false)])));
        assert_eq!(
            tags(r#"W/"a", "b,c",,"""#),
            Some(these(&[("a", true), ("b,c", false), ("", false)]))
        );
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for text in ["", ",", "3", "\"3", "\"3\" \"4\"", "w/\"3\"", "*, \"3\""] {
            assert_eq!(tags(text), None, "{text}");
        }
    }

    #[test]
    fn a_weak_tag_is_good_for_a_read_only() {
        let tags = tags(r#"W/"3", "4""#).unwrap();
        assert_eq!(
            ["3", "4", "5"].map(|one| tags.strongly(one)),
            [false, true, false]
        );
        assert_eq!(
            ["3", "4", "5"].map(|one| tags.weakly(one)),
            [true, true, false]
        );
    }
}
