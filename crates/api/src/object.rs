//! Reading of objects within requests: a list in the place of one is refused, where serde would
//! take its items for the fields in their order.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::json::JsonText;

/// The object, or nothing where it is `null`.
pub(crate) fn maybe<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Option::<JsonText>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.as_str().starts_with('{') => {
            text.read().map(Some).map_err(Error::custom)
        }
        Some(_) => Err(Error::custom("an object is expected")),
    }
}

#[cfg(test)]
mod tests {
    use crate::bindings::BindTask;
    use crate::tasks::CreateTask;

    #[test]
    fn a_list_is_no_object() {
        for body in [
            r#"{"backoff":[]}"#,
            r#"{"backoff":[1,2,3.0]}"#,
            r#"{"backoff":1}"#,
        ] {
            assert!(serde_json::from_str::<BindTask>(body).is_err(), "{body}");
        }
        let task = r#"{"type":"x","bind":true,"execution":[]}"#;
        assert!(serde_json::from_str::<CreateTask>(task).is_err());
    }

    #[test]
    fn an_object_is_read_with_its_own_rules() {
        let read = |body| serde_json::from_str::<BindTask>(body);
        assert!(read(r#"{"backoff":{"initialMs":1}}"#).is_ok());
        assert!(read(r#"{"backoff":null}"#).is_ok());
        assert!(read(r#"{"backoff":{"initial":1}}"#).is_err());
    }
}
