//! `Prefer: wait=N` (RFC 7240): a wish, so what cannot be read is ignored.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use taskpilot_api::headers::{PREFER, PREFERENCE_APPLIED};
use taskpilot_domain::limits::PREFER_WAIT_S_MAX;

/// How long the caller wants to wait for the answer that matters, at most 60 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreferWait(Option<u64>);

impl PreferWait {
    /// The wish in time; `None` answers at once.
    pub fn wait(self) -> Option<Duration> {
        self.0
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs)
    }

    /// The header that says that the wish was honoured.
    pub fn applied(self) -> Option<(HeaderName, HeaderValue)> {
        let value = HeaderValue::from_str(&format!("wait={}", self.0?));
        Some((HeaderName::from_static(PREFERENCE_APPLIED), value.ok()?))
    }
}

impl<S: Sync> FromRequestParts<S> for PreferWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(wish(&parts.headers)))
    }
}

/// The first `wait` counts, as RFC 7240 has it for repeated preferences.
fn wish(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(PREFER).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).find_map(seconds)
}

fn seconds(preference: &str) -> Option<u64> {
    let preference = preference.split(';').next().unwrap_or_default();
    let (name, value) = preference.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    let seconds: u64 = value.trim().trim_matches('"').parse().ok()?;
    Some(seconds.min(PREFER_WAIT_S_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish_of(values: &[&'static str]) -> Option<u64> {
        let pairs = values.iter().map(|value| {
            let name = HeaderName::from_static(PREFER);
            (name, HeaderValue::from_static(value))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        wish(&headers)
    }

    #[test]
    fn the_first_wait_counts_up_to_its_cap() {
        assert_eq!(wish_of(&["wait=10"]), Some(10));
        assert_eq!(
            wish_of(&["respond-async, Wait = \"7\"; x=1", "wait=9"]),
            Some(7)
        );
        assert_eq!(wish_of(&["wait=99999"]), Some(60));
        assert_eq!(PreferWait(Some(0)).wait(), None);
    }

    #[test]
    fn what_cannot_be_read_is_ignored() {
        for value in ["wait", "wait=", "wait=-1", "wait=x", "waiting=3", ""] {
            assert_eq!(wish_of(&[value]), None, "{value}");
        }
    }
}
