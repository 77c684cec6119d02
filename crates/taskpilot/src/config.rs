//! Where a setting comes from: flags over environment over file over defaults.
//!
//! Flags and environment are read by the argument parser; this is the file and the defaults.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// Where the control plane listens unless told otherwise.
pub(crate) const CONTROL_ADDRESS: &str = "127.0.0.1:8081";
/// Where the scheduler listens unless told otherwise.
pub(crate) const SCHEDULER_ADDRESS: &str = "127.0.0.1:8080";
/// Attempts that a worker runs at once unless told otherwise.
pub(crate) const SLOTS: u32 = 4;

/// The settings file: TOML, each key named as its flag with `_` for `-`, all optional.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    /// Where it was read.
    #[serde(skip)]
    path: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) control: Option<String>,
    pub(crate) scheduler: Option<String>,
    pub(crate) listen: Option<String>,
    pub(crate) scheduler_url: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) handlers: Option<PathBuf>,
    pub(crate) slots: Option<u32>,
    pub(crate) queues: Option<Vec<String>>,
    pub(crate) containment: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) lease_ms: Option<u64>,
    pub(crate) drain_ms: Option<u64>,
    pub(crate) history_days: Option<u64>,
}

impl File {
    /// Whether it may have a setting of this name.
    pub(crate) fn has(key: &str) -> bool {
        KEYS.iter().any(|known| known == key)
    }

    /// Where it was read; `None` where there was none.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Reads the file that was named, else the one at the default place if it is there.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let default = config_home().map(|home| home.join("taskpilot/config.toml"));
        let (path, required) = match named {
            Some(path) => (path.to_owned(), true),
            None => match default {
                Some(path) => (path, false),
                None => return Ok(Self::default()),
            },
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let file: Self = toml::from_str(&text)
                    .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
                Ok(Self {
                    path: Some(path),
                    ..file
                })
            }
            Err(error) if !required && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(Failure::Usage(format!(
                "cannot read {}: {error}",
                path.display()
            ))),
        }
    }
}

/// The settings that a file may have.
static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let empty = serde_json::to_value(File::default());
    let keys = empty.ok().and_then(|value| match value {
        serde_json::Value::Object(keys) => Some(keys.into_iter().map(|(key, _)| key).collect()),
        _ => None,
    });
    keys.unwrap_or_default()
});

/// The directory of the databases: `$XDG_DATA_HOME/taskpilot`, else `~/.local/share/taskpilot`.
pub(crate) fn default_data() -> anyhow::Result<PathBuf> {
    let home = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .context("no home directory is known: name a directory with --data")?;
    Ok(home.join("taskpilot"))
}

fn config_home() -> Option<PathBuf> {
    absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))
}

/// Relative paths in these variables are to be ignored (XDG Base Directory Specification 0.8).
fn absolute(variable: &str) -> Option<PathBuf> {
    Environment::get(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// The process environment: the only place that reads it, apart from the argument parser.
pub(crate) struct Environment;

impl Environment {
    /// A variable that is set, in UTF-8 and not empty.
    #[expect(clippy::disallowed_methods, reason = "the binary owns its environment")]
    pub(crate) fn get(variable: &str) -> Option<String> {
        std::env::var(variable)
            .ok()
            .filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to nothing.
    #[expect(clippy::disallowed_methods, reason = "the binary owns its environment")]
    pub(crate) fn is_empty(variable: &OsStr) -> bool {
        std::env::var_os(variable).is_some_and(|value| value.is_empty())
    }

    /// Whether colour is unwanted (no-color.org), or the terminal cannot show it.
    pub(crate) fn no_color() -> bool {
        refuses_color(Self::get)
    }
}

fn refuses_color(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("NO_COLOR").is_some() || variable("TERM").is_some_and(|term| term == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_refused_by_its_variable_and_by_a_dumb_terminal() {
        let refused = |set: &[(&str, &str)]| {
            refuses_color(|name| {
                let found = set.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(refused(&[("NO_COLOR", "1"), ("TERM", "xterm")]));
        assert!(refused(&[("NO_COLOR", "0")]));
        assert!(refused(&[("TERM", "dumb")]));
        assert!(!refused(&[("TERM", "xterm")]));
        assert!(!refused(&[]));
    }

    #[test]
    fn an_unknown_setting_is_refused_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, "slots = 2\nslot = 3\n").unwrap();
        let failure = File::load(Some(&path)).unwrap_err();
        assert_eq!(failure.code(), crate::exit::Code::Usage);
        assert!(
            failure.to_string().contains("unknown field `slot`"),
            "{failure}"
        );
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let failure = File::load(Some(Path::new("/nonexistent/taskpilot.toml"))).unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("cannot read /nonexistent/taskpilot.toml")
        );
    }
}
