//! One argument with places for parameters: `--out={path}`. `{{` and `}}` are braces.

use super::parameters::Value;

/// A checked argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Parameter(String),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTemplate {
    #[error("a brace stands alone: write {{{{ or }}}} for one")]
    LoneBrace,
    #[error("{{{0}}} is no name of a parameter: letters, digits, '_' and '-'")]
    Name(String),
    #[error("it has a NUL")]
    Nul,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        if text.contains('\0') {
            return Err(InvalidTemplate::Nul);
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let ("{", Some((name, after))) = (brace, rest.split_once('}')) else {
                return Err(InvalidTemplate::LoneBrace);
            };
            if !is_name(name) {
                return Err(InvalidTemplate::Name(name.to_owned()));
            }
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Parameter(name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    /// The names of its parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Parameter(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text, where it has no parameters.
    pub(crate) fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn has_parameters(&self) -> bool {
        self.parameters().next().is_some()
    }

    /// The text before the first parameter, if there is any.
    pub(crate) fn leading_literal(&self) -> Option<&str> {
        match self.parts.first() {
            Some(Part::Text(text)) => Some(text),
            Some(Part::Parameter(_)) | None => None,
        }
    }

    pub(crate) fn is_double_dash(&self) -> bool {
        self.fixed() == Some("--")
    }

    /// The argument. Always one, whatever the values are.
    pub(crate) fn render(&self, values: &[(String, Value)]) -> Result<String, String> {
        let mut argument = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => argument.push_str(text),
                Part::Parameter(name) => {
                    let value = value(values, name).ok_or(format!("/{name} is missing"))?;
                    if value.text.contains('\0') {
                        return Err(format!("/{name} has a NUL, which no argument can have"));
                    }
                    argument.push_str(&value.text);
                }
            }
        }
        Ok(argument)
    }

    /// The parameter with whose text the argument begins, unless it is declared as a number.
    pub(crate) fn leading_parameter(&self, values: &[(String, Value)]) -> Option<&str> {
        for part in &self.parts {
            match part {
                Part::Text(_) => return None,
                Part::Parameter(name) => {
                    let value = value(values, name)?;
                    if !value.text.is_empty() {
                        return (!value.is_number).then_some(name.as_str());
                    }
                }
            }
        }
        None
    }
}

fn value<'a>(values: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    values
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, values: &[(&str, &str)]) -> String {
        let values: Vec<(String, Value)> = values
            .iter()
            .map(|(name, text)| {
                let value = Value {
                    text: (*text).to_owned(),
                    is_number: false,
                };
                ((*name).to_owned(), value)
            })
            .collect();
        Template::parse(template).unwrap().render(&values).unwrap()
    }

    #[test]
    fn parameters_are_replaced_once_and_only_where_they_were_declared() {
        let values = [("a", "{b} $(reboot) 'x' \"y\"\n; *"), ("b", "B")];
        assert_eq!(render("{a}", &values), values[0].1);
        assert_eq!(
            render("--x={a}:{b}", &values),
            format!("--x={}:B", values[0].1)
        );
        assert_eq!(render("${{b}} {{{b}}}", &values), "${b} {B}");
        assert_eq!(render("", &values), "");
    }

    #[test]
    fn a_text_that_is_no_template_is_refused() {
        let refused = |text: &str| Template::parse(text).unwrap_err();
        for text in [
            "{",
            "}",
            "a { b",
            "a } b",
            "${HOME",
            "{{}",
            "awk '{print}}'",
        ] {
            assert_eq!(refused(text), InvalidTemplate::LoneBrace, "{text}");
        }
        for name in ["", " ", "a b", "a.b", "ä"] {
            let name = name.to_owned();
            assert_eq!(refused(&format!("{{{name}}}")), InvalidTemplate::Name(name));
        }
        assert_eq!(refused("a\0b"), InvalidTemplate::Nul);
    }
}
