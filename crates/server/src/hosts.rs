//! Who may be addressed and from where: a page that was rebound by DNS, or that another site
//! serves, may not command a server on loopback.

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use taskpilot_api::errors::ErrorCode;

use crate::error::ApiError;

/// The names of a server that is reached on loopback only.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses a request that names another host, or none.
pub(crate) fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        let detail = "exactly one Host header is needed";
        return Err(ApiError::new(ErrorCode::InvalidHeader, detail).field("host"));
    };
    let named = host.to_str().is_ok_and(is_ours);
    let authority = uri.authority().is_none_or(|one| is_ours(one.as_str()));
    if named && authority {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::HostNotAllowed,
        "this server is called localhost, 127.0.0.1 or [::1]",
    ))
}

/// Refuses a change that a page of another site sends: `Sec-Fetch-Site` where the browser has it,
/// else `Origin` against `Host` (the algorithm of Go 1.25, `net/http.CrossOriginProtection`).
pub(crate) fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let same = match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None => headers
            .get(header::ORIGIN)
            .is_none_or(|origin| origin_is(origin.as_bytes(), headers)),
    };
    if same {
        return Ok(());
    }
    let detail = "a page of another site may not change anything here";
    Err(ApiError::new(ErrorCode::Forbidden, detail))
}

fn origin_is(origin: &[u8], headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let plain = origin.strip_prefix(b"http://".as_slice());
    plain.is_some() && plain == host
}

fn is_ours(host: &str) -> bool {
    NAMES.iter().any(|name| {
        let (Some(start), Some(rest)) = (host.get(..name.len()), host.get(name.len()..)) else {
            return false;
        };
        start.eq_ignore_ascii_case(name) && is_port(rest)
    })
}

fn is_port(rest: &str) -> bool {
    let digits = rest.strip_prefix(':').unwrap_or("");
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    rest.is_empty() || plain && digits.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_names_have_any_port_and_nothing_else() {
        for host in [
            "localhost",
            "LocalHost:8081",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:65535",
        ] {
            assert!(is_ours(host), "{host}");
        }
        for host in [
            "",
            "localhost.",
            "localhost:",
            "localhost:x",
            "localhost:+1",
            "localhost:65536",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil",
            "::1",
            "[::1",
            "é",
            "127.0.0.2",
        ] {
            assert!(!is_ours(host), "{host}");
        }
    }

    #[test]
    fn a_change_comes_from_our_own_pages_or_from_no_page() {
        let check = |method: Method, headers: &[(&'static str, &'static str)]| {
            let pairs = headers.iter().map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            });
            check_origin(&method, &pairs.collect()).is_ok()
        };
        let host = ("host", "localhost:8081");
        assert!(check(Method::POST, &[host]));
        assert!(check(
            Method::POST,
            &[host, ("sec-fetch-site", "same-origin")]
        ));
        assert!(check(
            Method::POST,
            &[host, ("origin", "http://localhost:8081")]
        ));
        assert!(check(
            Method::GET,
            &[host, ("sec-fetch-site", "cross-site")]
        ));
        assert!(!check(
            Method::PUT,
            &[host, ("sec-fetch-site", "cross-site")]
        ));
        assert!(!check(
            Method::PUT,
            &[host, ("sec-fetch-site", "same-site")]
        ));
        assert!(!check(
            Method::PUT,
            &[host, ("origin", "http://localhost:3000")]
        ));
        assert!(!check(Method::PUT, &[host, ("origin", "null")]));
    }
}
