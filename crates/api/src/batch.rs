//! The items of a batch, read one by one: what is wrong with one is said of that one alone.

use serde::de::DeserializeOwned;
use serde::ser::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::JsonText;

/// An item as it was read, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchItem<T>(pub Result<T, String>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for BatchItem<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = JsonText::deserialize(deserializer)?;
        let read = if text.as_str().starts_with('{') {
            text.read().map_err(|error| error.to_string())
        } else {
            Err("an item is a JSON object".to_owned())
        };
        Ok(Self(read))
    }
}

impl<T: Serialize> Serialize for BatchItem<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok(item) => item.serialize(serializer),
            Err(wrong) => Err(S::Error::custom(wrong)),
        }
    }
}
