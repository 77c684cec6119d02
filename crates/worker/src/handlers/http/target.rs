//! The URL of a handler: an origin that is fixed, and a path and query with places for parameters.

use hyper::http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::allow::Origin;
use crate::handlers::parameters::Value;
use crate::handlers::template::Template;

/// A checked URL.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) origin: Origin,
    path: Template,
    query: Option<Template>,
}

impl Target {
    /// Reads a URL; parameters stand in its path and query, never before them.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let visible = |one: char| one.is_ascii_graphic() && !matches!(one, '\\' | '#');
        if !text.chars().all(visible) {
            return Err("url: it has visible ASCII characters, without '\\' and '#'".to_owned());
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("url: it begins with http:// or https://".to_owned());
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let fixed = format!("{scheme}://{authority}");
        if fixed.contains(['{', '}']) {
            return Err(
                "url: parameters stand in the path and the query, never in scheme, host or port"
                    .to_owned(),
            );
        }
        let origin = Origin::parse(&fixed).map_err(|error| format!("url: {error}"))?;
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        let template = |text| Template::parse(text).map_err(|error| format!("url: {error}"));
        let target = Self {
            origin,
            path: template(path)?,
            query: query.map(template).transpose()?,
        };
        target.check(&fixed)?;
        Ok(target)
    }

    /// The names of its parameters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        let query = self.query.iter().flat_map(Template::parameters);
        self.path.parameters().chain(query)
    }

    /// Path and query for a payload's values, or what is wrong with these.
    pub(super) fn render(&self, values: &[(String, Value)]) -> Result<PathAndQuery, String> {
        for name in self.path.parameters() {
            let value = values.iter().find(|(known, _)| known == name);
            if let Some((_, value)) = value {
                check_in_path(name, &value.text)?;
            }
        }
        let encoded: Vec<(String, Value)> = values
            .iter()
            .map(|(name, value)| {
                let value = Value {
                    text: encoded(&value.text),
                    is_number: value.is_number,
                };
                (name.clone(), value)
            })
            .collect();
        let mut text = self.path.render(&encoded)?;
        // Two values, or a value and what stands beside it, may make up what none of them is.
        if text.split('/').any(is_dots) {
            return Err("its parameters would lead to another path".to_owned());
        }
        if let Some(query) = &self.query {
            text.push('?');
            text.push_str(&query.render(&encoded)?);
        }
        PathAndQuery::try_from(text).map_err(|error| error.to_string())
    }

    /// What is written is what is asked for: nothing in it would be read in another way.
    fn check(&self, fixed: &str) -> Result<(), String> {
        let value = |name: &str| {
            let text = "x".to_owned();
            (
                name.to_owned(),
                Value {
                    text,
                    is_number: false,
                },
            )
        };
        let values: Vec<(String, Value)> = self.parameters().map(value).collect();
        let path = self
            .render(&values)
            .map_err(|error| format!("url: {error}"))?;
        let url = Url::parse(&format!("{fixed}{path}")).map_err(|error| error.to_string())?;
        let read = url.query().map_or_else(
            || url.path().to_owned(),
            |query| format!("{}?{query}", url.path()),
        );
        if read != path.as_str() {
            return Err(format!("url: its path and query would be read as {read}"));
        }
        Ok(())
    }
}

fn check_in_path(name: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("/{name} is empty and would lead to another path"));
    }
    // Encoded it is one segment; but there are servers that decode first and split then.
    if value.split(['/', '\\']).any(is_dots) {
        return Err(format!("/{name} would lead to another path"));
    }
    Ok(())
}

/// Whether a segment is one that leads elsewhere, however it is written.
fn is_dots(segment: &str) -> bool {
    let segment = segment.to_ascii_lowercase().replace("%2e", ".");
    segment == "." || segment == ".."
}

/// Everything but what never has a meaning of its own (RFC 3986, section 2.3).
const REST: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text as a part of a URL, of which nothing is read as more than text.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, REST).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(url: &str, values: &[(&str, &str)]) -> Result<String, String> {
        let values: Vec<(String, Value)> = values
            .iter()
            .map(|&(name, text)| {
                let (name, text) = (name.to_owned(), text.to_owned());
                (
                    name,
                    Value {
                        text,
                        is_number: false,
                    },
                )
            })
            .collect();
        let path = Target::parse(url).unwrap().render(&values)?;
        Ok(path.as_str().to_owned())
    }

    #[test]
    fn a_value_stays_in_its_place() {
        let url = "https://h.test/items/{id}/x?q={q}&fixed=1";
        let is = |path: &str| Ok(path.to_owned());
        assert_eq!(
            render(url, &[("id", "a/b?c#d e"), ("q", "1&admin=true#ä%")]),
            is("/items/a%2Fb%3Fc%23d%20e/x?q=1%26admin%3Dtrue%23%C3%A4%25&fixed=1")
        );
        assert_eq!(
            render(url, &[("id", "@h\r\n"), ("q", "")]),
            is("/items/%40h%0D%0A/x?q=&fixed=1")
        );
        assert_eq!(render("http://h.test", &[]), is("/"));
        assert_eq!(render("http://h.test?a", &[]), is("/?a"));
        for id in ["", ".", "..", "../x", "a/../b", "a\\..\\b", "a/."] {
            assert!(render(url, &[("id", id), ("q", "")]).is_err(), "{id:?}");
        }
        let both = "http://h.test/{a}{b}/x";
        assert!(render(both, &[("a", "."), ("b", ".")]).is_err());
        let escape = "http://h.test/%{a}/x";
        assert!(render(escape, &[("a", "2e")]).is_err());
    }

    #[test]
    fn parameters_stand_behind_the_origin() {
        for url in [
            "{s}://h.test/",
            "http://{h}/",
            "http://h.test:{p}/",
            "http://{u}@h.test/",
            "http://h.{d}",
            "http://h.test{p}/",
            "http://h.test{p}?x",
        ] {
            let refused = Target::parse(url).unwrap_err();
            assert!(refused.contains("never in scheme"), "{url}: {refused}");
        }
        for url in [
            "h.test/x",
            "ftp://h.test/",
            "http://u:p@h.test/",
            "http://h.test/#f",
            "http://h.test\\x",
            "http://h.test/a b",
            "http://h.test/ä",
            "http://h.test/a/../b",
            "http://h.test/%2e%2E/b",
            "http://h.test/{{x}}",
            "http://h.test/{",
            "http://h.test/<x>",
        ] {
            Target::parse(url).unwrap_err();
        }
    }
}
