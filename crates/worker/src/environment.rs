//! What of the worker's own environment a command may see: names on a list, nothing else.

use std::collections::BTreeMap;

/// Names that a program needs to find its tools, its language and its scratch space, and that hold
/// no secret.
pub const ALLOWED_BY_DEFAULT: [&str; 9] = [
    "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER",
];

/// The variables of the worker that are on the list. Values that are not UTF-8 are left out.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the worker that reads its environment"
)]
pub fn allowed<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_names_pass() {
        let environment = allowed(["PATH", "TASKPILOT_SURELY_UNSET"]);
        assert_eq!(environment.keys().collect::<Vec<_>>(), ["PATH"]);
    }
}
