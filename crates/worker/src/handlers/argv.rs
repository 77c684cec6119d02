//! The arguments of a program, made of the payload.

use std::sync::Arc;

use taskpilot_api::json::JsonText;

use super::parameters::Parameters;
use super::template::Template;
use crate::limits::DEMO_SECONDS_MAX;

/// How the arguments behind the program come about.
#[derive(Debug)]
pub(crate) enum Arguments {
    /// As the operator declared them.
    Declared(Declared),
    /// Of a demo: a fixed script, and a number of seconds from the payload.
    Seconds {
        /// What stands before the number.
        fixed: &'static [&'static str],
        /// Where the payload says nothing.
        default: u32,
    },
}

/// Declared arguments.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(super) templates: Vec<Template>,
    /// `None`: any payload will do.
    pub(super) parameters: Option<Arc<Parameters>>,
    /// Whether a text of the payload may begin an argument with `-`.
    pub(super) allow_leading_dash: bool,
}

impl Arguments {
    /// The arguments for a payload, or what is wrong with it: its place, never its value.
    pub(crate) fn render(&self, payload: &JsonText) -> Result<Vec<String>, String> {
        match self {
            Self::Declared(declared) => declared.render(payload),
            Self::Seconds { fixed, default } => {
                let mut arguments: Vec<String> =
                    fixed.iter().map(|&text| text.to_owned()).collect();
                arguments.push(seconds(payload, *default)?);
                Ok(arguments)
            }
        }
    }
}

impl Declared {
    fn render(&self, payload: &JsonText) -> Result<Vec<String>, String> {
        let values = match &self.parameters {
            Some(parameters) => parameters.values(payload)?,
            None => Vec::new(),
        };
        let mut is_operand = self.allow_leading_dash;
        let mut arguments = Vec::with_capacity(self.templates.len());
        for template in &self.templates {
            let argument = template.render(&values)?;
            if let Some(name) = template.leading_parameter(&values)
                && !is_operand
                && argument.starts_with('-')
            {
                return Err(format!(
                    "/{name} begins with '-' and would be taken for an option"
                ));
            }
            is_operand |= template.is_double_dash();
            arguments.push(argument);
        }
        Ok(arguments)
    }
}

/// Only a number ever becomes an argument.
fn seconds(payload: &JsonText, default: u32) -> Result<String, String> {
    let payload: serde_json::Value = payload
        .read()
        .map_err(|_| "the payload cannot be read".to_owned())?;
    let (place, asked) = match &payload {
        serde_json::Value::Number(_) => ("", Some(&payload)),
        other => ("/seconds", other.get("seconds")),
    };
    let Some(asked) = asked else {
        return Ok(default.to_string());
    };
    match asked.as_f64() {
        Some(seconds) if (0.0..=DEMO_SECONDS_MAX).contains(&seconds) => {
            // -0 is such a number, and an option.
            Ok(format!("{}", seconds.abs()))
        }
        Some(_) | None => Err(format!(
            "the payload at {place:?} is no number from 0 to {DEMO_SECONDS_MAX}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_declared_number_begins_an_argument_with_a_dash() {
        let schema = serde_json::json!({"type": "object", "required": ["a"], "properties": {
            "a": true, "n": {"type": "number", "default": 0},
            "i": {"type": ["integer", "null"], "default": -7}}});
        let arguments = |template: &str| {
            Arguments::Declared(Declared {
                templates: vec![Template::parse(template).unwrap()],
                parameters: Some(Arc::new(Parameters::compile(&schema).unwrap())),
                allow_leading_dash: false,
            })
        };
        let render = |template: &str, payload: &str| {
            let payload = JsonText::from_text(payload).unwrap();
            arguments(template).render(&payload).map_err(|_| ())
        };
        let is = |text: &str| Ok(vec![text.to_owned()]);
        assert_eq!(render("{n}", r#"{"a": 1, "n": -1.50}"#), is("-1.50"));
        assert_eq!(render("{i}", r#"{"a": 1}"#), is("-7"));
        assert_eq!(render("{a}", r#"{"a": 5}"#), is("5"));
        assert_eq!(render("--x={a}", r#"{"a": -5}"#), is("--x=-5"));
        for payload in [r#"{"a": -5}"#, r#"{"a": "-5"}"#, r#"{"a": -0}"#] {
            assert_eq!(render("{a}", payload), Err(()), "{payload}");
        }
    }

    #[test]
    fn only_numbers_make_a_demo_longer_or_shorter() {
        let arguments = Arguments::Seconds {
            fixed: &["-c", "exec sleep \"$1\""],
            default: 60,
        };
        let seconds = |payload: &str| {
            let payload = JsonText::from_text(payload).unwrap();
            let arguments = arguments.render(&payload).ok()?;
            assert_eq!(arguments[..2], ["-c", "exec sleep \"$1\""]);
            arguments.last().cloned()
        };
        let is = |text: &str| Some(text.to_owned());
        for payload in ["\"hello\"", "null", "{}", "[1]", r#"{"n": 1}"#] {
            assert_eq!(seconds(payload), is("60"), "{payload}");
        }
        assert_eq!(seconds("2"), is("2"));
        assert_eq!(seconds("0.25"), is("0.25"));
        assert_eq!(seconds(r#"{"seconds": 3}"#), is("3"));
        assert_eq!(seconds("1e-7"), is("0.0000001"));
        for nothing in ["0", "-0", "-0.0", r#"{"seconds": -0}"#] {
            assert_eq!(seconds(nothing), is("0"), "no option of sleep");
        }
        for payload in [
            "-1",
            "1e99",
            "86401",
            r#"{"seconds": "1; reboot"}"#,
            r#"{"seconds":-1}"#,
        ] {
            assert_eq!(seconds(payload), None, "{payload}");
        }
    }
}
