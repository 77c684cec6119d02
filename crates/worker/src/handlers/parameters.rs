//! What a handler takes: a JSON Schema of its payload, and the texts of the payload's properties.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use taskpilot_api::json::JsonText;

/// The checked schema of an object.
pub(crate) struct Parameters {
    validator: jsonschema::Validator,
    defaults: BTreeMap<String, Value>,
    required: Vec<String>,
    properties: Vec<String>,
    numbers: BTreeSet<String>,
}

/// A parameter as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    /// A string as it is, anything else as its JSON text without white space.
    pub(crate) text: String,
    /// Whether its schema lets it be nothing but a number (or null).
    pub(crate) is_number: bool,
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Parameters").field(&self.properties).finish()
    }
}

impl Parameters {
    /// Compiles a schema. References lead nowhere but into the schema itself.
    pub(crate) fn compile(schema: &serde_json::Value) -> Result<Self, String> {
        if schema["type"] != "object" {
            return Err("the schema is one of type = \"object\"".to_owned());
        }
        let validator = jsonschema::options()
            .offline()
            .build(schema)
            .map_err(|error| format!("the schema is wrong: {error}"))?;
        let properties = schema["properties"].as_object();
        let declared: Vec<(&String, &serde_json::Value)> =
            properties.into_iter().flatten().collect();
        let numbers = declared.iter().filter(|(_, property)| is_number(property));
        let numbers: BTreeSet<String> = numbers.map(|(name, _)| (*name).clone()).collect();
        let default = |(name, property): &(&String, &serde_json::Value)| {
            let text = JsonText::of(property.get("default")?).ok()?;
            let value = Value::of(&text, numbers.contains(*name));
            Some(((*name).clone(), value))
        };
        let required = schema["required"].as_array().into_iter().flatten();
        Ok(Self {
            validator,
            defaults: declared.iter().filter_map(default).collect(),
            required: required
                .filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect(),
            properties: declared.into_iter().map(|(name, _)| name.clone()).collect(),
            numbers,
        })
    }

    /// Whether a payload that fits always gives this parameter a value.
    pub(crate) fn check_always_there(&self, name: &str) -> Result<(), String> {
        if !self.properties.iter().any(|known| known == name) {
            return Err(format!("{{{name}}} is not among the schema's properties"));
        }
        if !self.required.iter().any(|known| known == name) && !self.defaults.contains_key(name) {
            return Err(format!(
                "{{{name}}} is neither required nor has it a default"
            ));
        }
        Ok(())
    }

    /// The parameters of a payload that fits, or the place where it does not.
    pub(crate) fn values(&self, payload: &JsonText) -> Result<Vec<(String, Value)>, String> {
        let unreadable = |_| "the payload cannot be read".to_owned();
        let parsed: serde_json::Value = payload.read().map_err(unreadable)?;
        if let Some(error) = self.validator.iter_errors(&parsed).next() {
            return Err(misfit(&error));
        }
        let mut values = self.defaults.clone();
        // Not from the parsed value: a number keeps its digits only as text.
        let texts: BTreeMap<String, Box<RawValue>> = payload.read().map_err(unreadable)?;
        for (name, text) in texts {
            if self.properties.contains(&name) {
                let text = JsonText::from_text(text.get()).map_err(unreadable)?;
                let value = Value::of(&text, self.numbers.contains(&name));
                values.insert(name, value);
            }
        }
        Ok(values.into_iter().collect())
    }
}

impl Value {
    /// Nobody checks a default against its schema, so a text is never taken for a number.
    fn of(json: &JsonText, is_declared_number: bool) -> Self {
        match json.read::<String>() {
            Ok(text) => Self {
                text,
                is_number: false,
            },
            Err(_) => Self {
                text: json.compact(),
                is_number: is_declared_number,
            },
        }
    }
}

/// Whether a schema says by itself that its values are numbers.
fn is_number(property: &serde_json::Value) -> bool {
    let one =
        |kind: &serde_json::Value| matches!(kind.as_str(), Some("integer" | "number" | "null"));
    match &property["type"] {
        serde_json::Value::Array(kinds) => kinds.iter().all(one),
        kind => one(kind),
    }
}

/// Names the place and the rule. The error's own text would show the value.
fn misfit(error: &jsonschema::ValidationError<'_>) -> String {
    use jsonschema::error::ValidationErrorKind;
    let place = error.instance_path();
    let place = match place.as_str() {
        "" => "its top",
        path => path,
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            format!("the payload lacks {property} at {place}")
        }
        kind => {
            let rule = kind.keyword();
            format!("the payload does not fit its handler at {place} ({rule})")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameters() -> Parameters {
        Parameters::compile(&json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "maxLength": 20},
                "n": {"type": "number", "default": 5},
                "deep": {},
            },
            "required": ["path"],
            "additionalProperties": false,
        }))
        .unwrap()
    }

    fn values(payload: &str) -> Result<Vec<(String, String)>, String> {
        let values = parameters().values(&JsonText::from_text(payload).unwrap())?;
        Ok(values
            .into_iter()
            .map(|(name, value)| (name, value.text))
            .collect())
    }

    fn named(values: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        values.iter().map(owned).collect()
    }

    #[test]
    fn values_are_texts_and_defaults_fill_the_gaps() {
        assert_eq!(
            values(r#"{"path": "a \u00e4"}"#),
            Ok(named(&[("n", "5"), ("path", "a ä")]))
        );
        let all =
            r#"{"path": "", "n": 1234567890123456789012345678.10, "deep": {"a": [1, "x y"]}}"#;
        let expected = [
            ("deep", r#"{"a":[1,"x y"]}"#),
            ("n", "1234567890123456789012345678.10"),
            ("path", ""),
        ];
        assert_eq!(values(all), Ok(named(&expected)));
    }

    #[test]
    fn of_a_name_that_comes_twice_the_checked_value_is_used() {
        let twice = r#"{"path": "1234567890123456789012345", "path": "short"}"#;
        assert_eq!(values(twice), Ok(named(&[("n", "5"), ("path", "short")])));
        let twice = r#"{"path": "short", "path": "1234567890123456789012345"}"#;
        assert!(values(twice).is_err());
    }

    #[test]
    fn a_misfit_names_the_place_and_never_the_value() {
        for (payload, place) in [
            (
                r#"{"path": "secret secret secret secret"}"#,
                "/path (maxLength)",
            ),
            (r#"{"path": ["secret"]}"#, "/path (type)"),
            (r#""secret""#, "its top (type)"),
            (r#"{"n": 1}"#, "lacks \"path\" at its top"),
            (r#"{"path": "", "n": "secret"}"#, "/n (type)"),
            (
                r#"{"path": "", "x": "secret"}"#,
                "its top (additionalProperties)",
            ),
        ] {
            let told = values(payload).unwrap_err();
            assert!(told.contains(place), "{told}");
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_schema_does_not_reach_outside_itself() {
        for reference in [
            "http://127.0.0.1:9/s.json",
            "file:///etc/passwd",
            "other.json",
        ] {
            let schema = json!({"type": "object", "properties": {"a": {"$ref": reference}}});
            assert!(Parameters::compile(&schema).is_err(), "{reference}");
        }
        let inside = json!({"type": "object", "$defs": {"s": {"type": "string"}},
            "properties": {"a": {"$ref": "#/$defs/s"}}, "required": ["a"]});
        Parameters::compile(&inside).unwrap();
    }

    #[test]
    fn a_parameter_must_always_have_a_value() {
        let parameters = parameters();
        assert_eq!(parameters.check_always_there("path"), Ok(()));
        assert_eq!(parameters.check_always_there("n"), Ok(()));
        for name in ["deep", "unknown"] {
            let refused = parameters.check_always_there(name).unwrap_err();
            assert!(refused.contains(name), "{refused}");
        }
    }
}
