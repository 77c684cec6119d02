//! Queries as they stand in a URL.

use std::fmt::Write;

/// Joins a path and a query, every byte beyond the unreserved ones percent-encoded (RFC 3986, section 2.3).
pub(crate) fn with_query(path: &str, query: &[(&str, String)]) -> String {
    let mut text = path.to_owned();
    for (index, (name, value)) in query.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_is_encoded() {
        let query = [("label", "a=b &ü".to_owned()), ("limit", "5".to_owned())];
        let text = with_query("/api/tasks", &query);
        assert_eq!(text, "/api/tasks?label=a%3Db%20%26%C3%BC&limit=5");
        assert_eq!(with_query("/api/tasks", &[]), "/api/tasks");
    }
}
