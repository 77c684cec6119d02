//! What is wrong with one field of a request.

use std::fmt;

use taskpilot_domain::options::InvalidOption;

/// A field that is well-formed JSON but not acceptable: the `422` with `field` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field as it stands on the wire, such as `execution.maxAttempts`.
    pub field: String,
    /// What the field must be.
    pub message: String,
}

impl FieldError {
    /// Names `field` and says what it must be.
    pub fn new(field: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            field: field.into(),
            message: message.to_string(),
        }
    }

    /// The same error seen from the object that holds the field.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        Self {
            field: format!("{parent}.{}", self.field),
            ..self
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for FieldError {}

impl From<InvalidOption> for FieldError {
    fn from(invalid: InvalidOption) -> Self {
        Self::new(invalid.field(), invalid)
    }
}

/// Reads `value` as a domain value, or names `field`.
pub(crate) fn parse<T>(field: &str, value: &str) -> Result<T, FieldError>
where
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    value
        .parse()
        .map_err(|invalid| FieldError::new(field, invalid))
}

/// Refuses a text with more than `max` characters, or with a NUL: not every store keeps one.
pub(crate) fn at_most(field: &str, text: Option<&str>, max: usize) -> Result<(), FieldError> {
    match text {
        Some(text) if text.contains('\0') => Err(FieldError::new(field, "no NUL characters")),
        Some(text) if text.chars().count() > max => Err(FieldError::new(
            field,
            format_args!("at most {max} characters"),
        )),
        _ => Ok(()),
    }
}

/// Refuses a list with more than `max` items.
pub(crate) fn at_most_items<T>(field: &str, items: &[T], max: usize) -> Result<(), FieldError> {
    if items.len() > max {
        return Err(FieldError::new(field, format_args!("at most {max} items")));
    }
    Ok(())
}
