//! Fingerprints of requests: what an idempotency key stands for.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// SHA-256 over the canonical JSON of `request`: no white space, keys in order, strings in one
/// spelling (after RFC 8785). Numbers keep their digits: those that no double can hold still differ.
///
/// Fails where `request` has no JSON, which is a fault of its type.
pub fn fingerprint<T: Serialize>(request: &T) -> Result<[u8; 32], serde_json::Error> {
    let text = serde_json::value::to_raw_value(request)?;
    let mut canonical = String::with_capacity(text.get().len());
    write(&text, &mut canonical);
    Ok(Sha256::digest(canonical.as_bytes()).into())
}

/// Writes one value; bodies nest at most 64 levels deep, and so does this.
fn write(value: &RawValue, canonical: &mut String) {
    let text = value.get().trim();
    match text.as_bytes().first() {
        Some(b'{') => match serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text) {
            Ok(fields) => write_object(&fields, canonical),
            // A key that is no Unicode text: the value keeps the spelling it came in.
            Err(_) => canonical.push_str(text),
        },
        Some(b'[') => match serde_json::from_str::<Vec<Box<RawValue>>>(text) {
            Ok(items) => write_array(&items, canonical),
            Err(_) => canonical.push_str(text),
        },
        Some(b'"') => canonical.push_str(&one_spelling(text)),
        _ => canonical.push_str(text),
    }
}

fn write_object(fields: &BTreeMap<String, Box<RawValue>>, canonical: &mut String) {
    canonical.push('{');
    for (key, value) in fields {
        canonical.push_str(&serde_json::Value::from(key.as_str()).to_string());
        canonical.push(':');
        write(value, canonical);
        canonical.push(',');
    }
    canonical.push('}');
}

fn write_array(items: &[Box<RawValue>], canonical: &mut String) {
    canonical.push('[');
    for item in items {
        write(item, canonical);
        canonical.push(',');
    }
    canonical.push(']');
}

fn one_spelling(text: &str) -> String {
    match serde_json::from_str::<String>(text) {
        Ok(read) => serde_json::Value::from(read).to_string(),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> [u8; 32] {
        fingerprint(&RawValue::from_string(text.into()).unwrap()).unwrap()
    }

    #[test]
    fn spelling_does_not_matter_and_content_does() {
        let first = of(r#"{"a": 1, "b": [10, "\u0041"]}"#);
        assert_eq!(first, of(r#"{"b":[10,"A"],"a":1}"#));
        assert_ne!(first, of(r#"{"b":[10,"A"],"a":2}"#));
        assert_ne!(of(r#"["ab"]"#), of(r#"["a","b"]"#));
    }

    #[test]
    fn numbers_beyond_a_double_differ() {
        assert_ne!(of("12345678901234567890123"), of("12345678901234567890124"));
    }

    #[test]
    fn what_no_rust_value_holds_has_a_fingerprint() {
        for text in ["1e999", r#""\ud800""#, r#"{"\ud800":1}"#] {
            assert_eq!(of(text), of(text), "{text}");
        }
    }
}
