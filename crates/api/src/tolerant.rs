//! Reading of a foreign scheduler's answer: a field that cannot be read is as if it was not sent.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::json::JsonText;

/// The field, or nothing where it is absent, `null` or of another shape.
pub(crate) fn field<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let text = Option::<JsonText>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.read().ok()))
}

/// The same for a name that others send as a number.
pub(crate) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<JsonText>::deserialize(deserializer)?;
    Ok(text.and_then(|text| {
        let number = || text.read::<i64>().ok().map(|number| number.to_string());
        text.read().ok().or_else(number)
    }))
}
