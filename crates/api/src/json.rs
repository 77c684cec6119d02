//! A JSON value kept as the exact text it came in: big numbers, key order and spelling survive.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{Schema, SchemaType};
use utoipa::openapi::{ObjectBuilder, RefOr};

/// Any JSON value, as its exact text.
///
/// `Debug` never prints the text, so that a payload cannot reach a log by accident. Equality is
/// equality of the text. Not to be used inside `serde(flatten)` or tagged enums: they parse it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// Takes a text that is one JSON value.
    pub fn from_text(text: impl Into<String>) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text.into()).map(Self)
    }

    /// Writes a value as compact JSON.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Bytes of the text.
    pub fn byte_len(&self) -> usize {
        self.as_str().len()
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// Whether the value is a string.
    pub fn is_string(&self) -> bool {
        self.as_str().starts_with('"')
    }

    /// Reads the value as a `T`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// The same value without white space between its tokens; numbers and strings stay as they
    /// are written.
    pub fn compact(&self) -> String {
        let mut compact = String::with_capacity(self.byte_len());
        let (mut in_string, mut escaped) = (false, false);
        for character in self.as_str().chars() {
            if in_string {
                in_string = escaped || character != '"';
                escaped = !escaped && character == '\\';
            } else if character == '"' {
                in_string = true;
            } else if character.is_ascii_whitespace() {
                continue;
            }
            compact.push(character);
        }
        compact
    }
}

impl Default for JsonText {
    fn default() -> Self {
        Self::null()
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.byte_len())
    }
}

impl utoipa::PartialSchema for JsonText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some("Any JSON value; its text is kept as it was sent."))
            .build()
            .into()
    }
}

impl utoipa::ToSchema for JsonText {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("AnyJson")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_text_survives() {
        let text = r#"{"b": 1.10, "a":123456789012345678901234567890, "b":"\u00e4"}"#;
        let read: JsonText = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(format!("{read:?}"), "JsonText(61 bytes)");
    }

    #[test]
    fn compact_text_keeps_strings_and_numbers() {
        let text = "{ \"a b\" : [ 1.0 ,\n\"x \\\" y\\\\\" , {} ] }";
        let compact = JsonText::from_text(text).unwrap().compact();
        assert_eq!(compact, "{\"a b\":[1.0,\"x \\\" y\\\\\",{}]}");
    }

    #[test]
    fn text_that_is_no_json_is_refused() {
        assert!(JsonText::from_text("{").is_err());
        assert!(JsonText::from_text("1 2").is_err());
    }
}
