//! What an answer means: a result, or a failure that helps whoever reads it.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, HeaderMap, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use taskpilot_api::json::JsonText;

use super::call::broken;
use crate::handlers::function::Failure;
use crate::handlers::judge;
use crate::limits::{HTTP_ERROR_BYTES_MAX, HTTP_ERROR_CHARS_MAX};

/// The rules of one handler.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) expected: Statuses,
    pub(super) bytes_max: usize,
    pub(super) result: ResultKind,
}

/// What the result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResultKind {
    /// The body: as the JSON it is, else as a text; null where it is empty.
    #[default]
    Body,
    /// Null.
    None,
}

/// Statuses that mean success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statuses {
    ranges: Vec<(u16, u16)>,
}

impl Statuses {
    /// Of texts such as `204` and `200-299`; without any, the latter.
    pub(super) fn parse(texts: &[String]) -> Result<Self, String> {
        let mut ranges = Vec::with_capacity(texts.len());
        for text in texts {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let range = first.parse().ok().zip(last.parse().ok());
            let is_whole =
                |(first, last): &(u16, u16)| first <= last && *first >= 200 && *last < 600;
            let Some((first, last)) = range.filter(is_whole) else {
                return Err(format!(
                    "expect: {text:?} is no status such as \"204\" and no range such as \"200-299\""
                ));
            };
            if first < 400 && last >= 300 {
                return Err("expect: 3xx is no success, for no redirect is followed".to_owned());
            }
            ranges.push((first, last));
        }
        if ranges.is_empty() {
            ranges.push((200, 299));
        }
        Ok(Self { ranges })
    }

    fn has(&self, status: StatusCode) -> bool {
        let status = status.as_u16();
        let mut ranges = self.ranges.iter();
        ranges.any(|&(first, last)| (first..=last).contains(&status))
    }
}

impl Rules {
    /// Reads the answer, as far as it is wanted.
    pub(super) async fn judge(&self, response: Response<Incoming>) -> Result<JsonText, Failure> {
        let (head, body) = response.into_parts();
        if !self.expected.has(head.status) {
            let body = read(body, HTTP_ERROR_BYTES_MAX).await;
            let text = body.map(|read| read.bytes).unwrap_or_default();
            return Err(refused(head.status, &head.headers, &text));
        }
        if self.result == ResultKind::None {
            return Ok(JsonText::null());
        }
        let encoding = head.headers.get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            let told = "the answer has an encoding that was not asked for";
            return Err(Failure::lasting("response_unreadable", told));
        }
        let read = read(body, self.bytes_max).await;
        let read = read.map_err(|error| broken(&error))?;
        if !read.is_whole {
            let told = format!("the answer has more than {} bytes", self.bytes_max);
            return Err(Failure::lasting("response_too_large", told));
        }
        result(&read.bytes)
    }
}

struct Read {
    bytes: Vec<u8>,
    is_whole: bool,
}

/// Reads no further than it keeps.
async fn read(mut body: Incoming, bytes_max: usize) -> Result<Read, hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = bytes_max - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            let is_whole = false;
            return Ok(Read { bytes, is_whole });
        }
    }
    let is_whole = true;
    Ok(Read { bytes, is_whole })
}

fn result(bytes: &[u8]) -> Result<JsonText, Failure> {
    let text = String::from_utf8_lossy(bytes);
    if text.trim().is_empty() {
        return Ok(JsonText::null());
    }
    let json = match JsonText::from_text(text.as_ref()) {
        Ok(json) => json.as_str().to_owned(),
        // Not every database keeps a NUL in a text.
        Err(_) => serde_json::Value::from(text.replace('\0', "\u{fffd}")).to_string(),
    };
    judge::result(json).map_err(Failure::from)
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    if status.is_redirection() {
        let told = format!("the target answered {status}: redirects are not followed");
        return Failure::lasting("redirect_refused", told);
    }
    let mut told = format!("the target answered {status}");
    let after = headers.get(RETRY_AFTER);
    if let Some(after) = after.and_then(|after| after.to_str().ok()) {
        told = format!("{told} (Retry-After: {})", head(after));
    }
    let body = head(&String::from_utf8_lossy(body));
    if !body.is_empty() {
        told.push_str(": ");
        told.push_str(&body);
    }
    match status.as_u16() {
        408 | 425 | 429 | 500..=599 => Failure::retryable("http_status", told),
        _ => Failure::lasting("http_status", told),
    }
}

/// The beginning of a text, on one line.
fn head(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|one: char| one.is_whitespace() || one.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(HTTP_ERROR_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_and_ranges() {
        let parse = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            Statuses::parse(&texts)
        };
        let has = |texts: &[&str], status: u16| {
            parse(texts)
                .unwrap()
                .has(StatusCode::from_u16(status).unwrap())
        };
        assert!(has(&[], 200) && has(&[], 299) && !has(&[], 404) && !has(&[], 300));
        assert!(has(&["200-204", "404"], 404) && !has(&["200-204", "404"], 205));
        for text in [
            "", "2xx", "204-200", "199", "600", "200-", "-204", "301", "200-304", "300-400",
        ] {
            parse(&[text]).unwrap_err();
        }
    }

    #[test]
    fn a_body_is_the_json_it_is_or_a_text() {
        let is = |body: &[u8]| result(body).map(|result| result.as_str().to_owned());
        assert_eq!(is(b" {\"n\": 1.10}\n"), Ok("{\"n\": 1.10}".to_owned()));
        assert_eq!(is(b"done\n"), Ok("\"done\\n\"".to_owned()));
        assert_eq!(is(b" \n"), Ok("null".to_owned()));
        assert_eq!(is(b"a\0\xff"), Ok("\"a\u{fffd}\u{fffd}\"".to_owned()));
    }

    #[test]
    fn some_refusals_are_worth_another_try() {
        let retryable = |status: u16| {
            let status = StatusCode::from_u16(status).unwrap();
            refused(status, &HeaderMap::new(), b"").retryable
        };
        for status in [408, 425, 429, 500, 502, 503, 599] {
            assert!(retryable(status), "{status}");
        }
        for status in [300, 301, 307, 400, 401, 404, 409, 422, 418] {
            assert!(!retryable(status), "{status}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "30".parse().unwrap());
        let told = refused(
            StatusCode::SERVICE_UNAVAILABLE,
            &headers,
            b"try\n\0later\xff",
        );
        let text =
            "the target answered 503 Service Unavailable (Retry-After: 30): try later\u{fffd}";
        assert_eq!(told.message, text);
    }
}
