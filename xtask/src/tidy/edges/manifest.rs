//! Reads the names of dependencies out of a `Cargo.toml`, in the forms that cargo accepts for them.

/// Every dependency that is compiled into the crate, with its line (from 1); those of its tests `with_dev`.
/// A renamed dependency goes by the name of its package.
pub(super) fn dependencies(manifest: &str, with_dev: bool) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    let mut section = Section::Other;
    for (number, line) in (1..).zip(manifest.lines()) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = Section::of(header.trim_end_matches(']'), with_dev);
            if let Section::Dependency(name) = &section {
                found.push((name.clone(), number));
            }
        } else if section == Section::List
            && let Some((key, value)) = line.split_once('=')
        {
            let name = key.split('.').next().unwrap_or(key);
            found.push((package(value).unwrap_or_else(|| unquoted(name)), number));
        } else if matches!(section, Section::Dependency(_))
            && let Some(name) = package(&format!("{{ {line} }}"))
            && let Some(last) = found.last_mut()
        {
            last.0 = name;
        }
    }
    found
}

#[derive(PartialEq)]
enum Section {
    /// `[dependencies]`, `[build-dependencies]`, `[target.….dependencies]`
    List,
    /// `[dependencies.name]`
    Dependency(String),
    Other,
}

impl Section {
    fn of(header: &str, with_dev: bool) -> Self {
        // What a target's condition says does not matter; it may contain dots.
        let header = header
            .rsplit_once("'.")
            .or_else(|| header.rsplit_once("\"."))
            .map_or(header, |(_, end)| end);
        let (kind, name) = header
            .split_once('.')
            .map_or((header, None), |(kind, name)| (kind, Some(name)));
        let counts = matches!(kind, "dependencies" | "build-dependencies");
        if !(counts || with_dev && kind == "dev-dependencies") {
            return Self::Other;
        }
        name.map_or(Self::List, |name| Self::Dependency(unquoted(name)))
    }
}

/// The `package = "…"` of an inline table.
fn package(value: &str) -> Option<String> {
    let table = value.trim().strip_prefix('{')?;
    let entry = table
        .split([',', '{', '}'])
        .find_map(|entry| entry.trim().strip_prefix("package"))?;
    Some(unquoted(entry.trim().strip_prefix('=')?))
}

fn unquoted(name: &str) -> String {
    name.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_dependency_is_read() {
        let manifest = r#"
[package]
name = "x"
[dependencies]
# comment
a.workspace = true
b = "1"
"c" = { version = "1", features = ["d"] }
e = { package = "f", version = "1" }
[dependencies.g]
version = "1"
[dependencies.h]
package = "i"
[target.'cfg(target_os = "linux")'.dependencies]
j = "1"
[build-dependencies]
k = "1"
[dev-dependencies]
l = "1"
[features]
m = []
"#;
        let names: Vec<String> = dependencies(manifest, false)
            .into_iter()
            .map(|found| found.0)
            .collect();
        assert_eq!(names, ["a", "b", "c", "f", "g", "i", "j", "k"]);
        assert!(dependencies(manifest, true).contains(&("l".to_owned(), 19)));
    }
}
