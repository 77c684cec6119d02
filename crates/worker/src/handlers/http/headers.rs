//! The headers of a call: the operator's, with parameters where they were declared, and ours.

use std::collections::BTreeMap;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use taskpilot_api::workers::Grant;

use super::target::encoded;
use crate::environment::allowed;
use crate::handlers::parameters::Value;
use crate::handlers::template::Template;

/// Names that the worker sets, or that say how a message is framed.
const RESERVED: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The checked headers of a handler.
#[derive(Debug)]
pub(super) struct Headers {
    fixed: HeaderMap,
    templates: Vec<(HeaderName, Template)>,
}

impl Headers {
    /// Of `headers` and of `environment_headers`, in which the places are for variables.
    pub(super) fn check(
        headers: &BTreeMap<String, String>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut checked = Self {
            fixed: HeaderMap::new(),
            templates: Vec::new(),
        };
        for (name, text) in headers {
            let name = checked.new_name(name)?;
            let template = Template::parse(text).map_err(|error| format!("{name}: {error}"))?;
            checked.templates.push((name, template));
        }
        for (name, text) in environment {
            let name = checked.new_name(name)?;
            let value = from_environment(text).map_err(|error| format!("{name}: {error}"))?;
            checked.fixed.insert(name, value);
        }
        Ok(checked)
    }

    /// The names of their parameters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        let templates = self.templates.iter();
        templates.flat_map(|(_, template)| template.parameters())
    }

    /// The headers of one call.
    pub(super) fn render(
        &self,
        values: &[(String, Value)],
        grant: &Grant,
    ) -> Result<HeaderMap, String> {
        let mut headers = self.fixed.clone();
        for (name, template) in &self.templates {
            let value = HeaderValue::try_from(template.render(values)?);
            let value = value.map_err(|_| {
                format!("the header {name} cannot hold a value of the payload: visible ASCII only")
            })?;
            headers.insert(name.clone(), value);
        }
        for (name, text) in [
            ("taskpilot-execution-id", grant.execution_id.to_string()),
            ("taskpilot-attempt", grant.attempt.to_string()),
            ("idempotency-key", idempotency_key(grant)),
            ("user-agent", "taskpilot".to_owned()),
        ] {
            let value = HeaderValue::try_from(text).map_err(|error| error.to_string())?;
            headers.entry(name).or_insert(value);
        }
        Ok(headers)
    }

    fn new_name(&self, text: &str) -> Result<HeaderName, String> {
        let name = HeaderName::try_from(text);
        let name = name.map_err(|_| format!("{text:?} is no name of a header"))?;
        if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("taskpilot-") {
            return Err(format!("the header {name} is set by the worker"));
        }
        let is_known = self.fixed.contains_key(&name)
            || self.templates.iter().any(|(known, _)| *known == name);
        if is_known {
            return Err(format!("the header {name} is declared twice"));
        }
        Ok(name)
    }
}

/// Fills in variables of the worker, now: a call later cannot lack one.
fn from_environment(text: &str) -> Result<HeaderValue, String> {
    let template = Template::parse(text).map_err(|error| error.to_string())?;
    let found = allowed(template.parameters());
    let mut values = Vec::new();
    for name in template.parameters() {
        let Some(text) = found.get(name).filter(|text| !text.is_empty()) else {
            return Err(format!("the variable {name} of the worker is not set"));
        };
        let (name, text) = (name.to_owned(), text.clone());
        values.push((
            name,
            Value {
                text,
                is_number: false,
            },
        ));
    }
    // The error would show a secret.
    let value = HeaderValue::try_from(template.render(&values)?);
    let mut value = value.map_err(|_| "a variable has what no header can hold".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The same for all attempts of an execution. The reference keeps executions of different databases
/// apart, which hand out the same numbers: the control plane's are random.
fn idempotency_key(grant: &Grant) -> String {
    let mut key = grant.execution_id.to_string();
    if let Some(reference) = &grant.reference {
        key.push('-');
        key.push_str(&encoded(reference));
    }
    key
}
