//! `taskpilot config show`: every setting with its value, and where that comes from.
//!
//! It asks the argument parser of each role, so that it says what the role would do.

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::Arguments;
use crate::config::{File, default_data};
use crate::exit::{Code, Failure};
use crate::output;

/// What has settings, and the command that takes them.
const ROLES: [(&str, &[&str]); 5] = [
    ("up", &["up"]),
    ("control", &["control"]),
    ("scheduler", &["scheduler"]),
    ("worker", &["worker"]),
    ("client", &["task", "list"]),
];

/// What marks an argument as a setting.
const VARIABLES: &str = "TASKPILOT_";

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting and its value; what may hold a secret is hidden
    Show(ShowArgs),
}

/// `taskpilot config show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Say where each value comes from: flag, environment, file or default
    #[arg(long)]
    origin: bool,
    /// Print JSON, and errors as JSON too (to standard error)
    #[arg(long)]
    pub(crate) json: bool,
    /// Only this role (up, control, scheduler, worker, client), as it would be with these flags
    #[arg(
        value_name = "ROLE [FLAGS]",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    role: Vec<OsString>,
}

/// One setting of one role.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Setting {
    role: &'static str,
    name: String,
    value: Value,
    origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
enum Origin {
    Flag(String),
    Environment(String),
    File(String),
    Default,
}

pub(crate) fn run(command: ConfigCommand, file: &File) -> Result<Code, Failure> {
    let ConfigCommand::Show(show) = command;
    let settings = settings_of(&show.role, file)?;
    if show.json {
        output::json(&settings)?;
        return Ok(Code::Ok);
    }
    let columns = if show.origin { 4 } else { 3 };
    let rows: Vec<Vec<String>> = settings
        .iter()
        .map(|setting| setting.row(columns))
        .collect();
    output::table(&["ROLE", "SETTING", "VALUE", "FROM"][..columns], &rows);
    Ok(Code::Ok)
}

fn settings_of(role: &[OsString], file: &File) -> Result<Vec<Setting>, Failure> {
    let [name, flags @ ..] = role else {
        let all = ROLES.iter().map(|(role, path)| read(role, path, &[], file));
        let all: Vec<Vec<Setting>> = all.collect::<Result<_, _>>()?;
        return Ok(all.into_iter().flatten().collect());
    };
    let known = ROLES.iter().find(|(role, _)| name == role);
    let Some((role, path)) = known else {
        let names = ROLES.map(|(role, _)| role).join(", ");
        let text = format!("{} is no role: {names}", name.to_string_lossy());
        return Err(Failure::Usage(text));
    };
    read(role, path, flags, file)
}

/// The settings of one role, as it would read them itself.
fn read(
    role: &'static str,
    path: &[&str],
    flags: &[OsString],
    file: &File,
) -> Result<Vec<Setting>, Failure> {
    let command = command_of(path).no_binary_name(true);
    let matches = command.clone().try_get_matches_from(flags);
    let matches = matches.map_err(|error| {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        Failure::Usage(text.trim_end().to_owned())
    })?;
    let file = serde_json::to_value(file)
        .map(|values| (values, file.path()))
        .map_err(anyhow::Error::from)?;
    let settings = command.get_arguments().filter(|one| is_setting(one));
    settings
        .map(|argument| setting(role, argument, &matches, (&file.0, file.1)))
        .collect()
}

fn command_of(path: &[&str]) -> Command {
    let mut command = Arguments::with_variables();
    for name in path {
        command = command
            .find_subcommand(name)
            .expect("invariant: the table names commands that there are")
            .clone();
    }
    command
}

fn is_setting(argument: &Arg) -> bool {
    let variable = argument.get_env().and_then(|name| name.to_str());
    variable.is_some_and(|name| name.starts_with(VARIABLES))
        || argument
            .get_long()
            .is_some_and(|long| File::has(&long.replace('-', "_")))
}

fn setting(
    role: &'static str,
    argument: &Arg,
    matches: &ArgMatches,
    (file, path): (&Value, Option<&Path>),
) -> Result<Setting, Failure> {
    let id = argument.get_id().as_str();
    let given = matches.get_raw(id).map(|raw| {
        let texts: Vec<String> = raw.map(|text| text.to_string_lossy().into()).collect();
        typed(argument, &texts.join(","))
    });
    let of_file = Some(&file[id]).filter(|value| !value.is_null());
    let (value, origin) = match (given, matches.value_source(id), of_file) {
        (Some(value), Some(ValueSource::CommandLine), _) => (value, flag_of(argument)),
        (Some(value), Some(ValueSource::EnvVariable), _) => (value, variable_of(argument)),
        (_, _, Some(value)) => {
            let path = path.map_or_else(String::new, |path| path.display().to_string());
            (value.clone(), Origin::File(path))
        }
        _ => (default_of(argument)?, Origin::Default),
    };
    Ok(Setting {
        role,
        name: id.into(),
        value: redacted(value),
        origin,
    })
}

fn flag_of(argument: &Arg) -> Origin {
    Origin::Flag(format!("--{}", argument.get_long().unwrap_or_default()))
}

fn variable_of(argument: &Arg) -> Origin {
    let name = argument.get_env().unwrap_or_default();
    Origin::Environment(name.to_string_lossy().into())
}

/// The default as the help tells it; there is no second place that could say otherwise.
fn default_of(argument: &Arg) -> Result<Value, Failure> {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let told = help
        .split_once("[default: ")
        .and_then(|(_, rest)| rest.split_once(']'));
    let Some((text, _)) = told else {
        return Ok(Value::Null);
    };
    if let Some(rest) = text.strip_prefix("~/.local/share/taskpilot") {
        return Ok(format!("{}{rest}", default_data()?.display()).into());
    }
    Ok(typed(argument, text))
}

/// A number or a list where it is one, for programs.
fn typed(argument: &Arg, text: &str) -> Value {
    if let Some(delimiter) = argument.get_value_delimiter() {
        return text.split(delimiter).collect();
    }
    text.parse::<u64>()
        .map_or_else(|_| text.into(), Value::from)
}

/// What stands before the host of an address may be a password.
fn redacted(value: Value) -> Value {
    let Value::String(text) = &value else {
        return value;
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return value;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}").into(),
        None => value,
    }
}

impl Setting {
    fn row(&self, columns: usize) -> Vec<String> {
        let cells = [
            self.role.to_owned(),
            self.name.clone(),
            shown(&self.value),
            self.origin.shown(),
        ];
        cells.into_iter().take(columns).collect()
    }
}

impl Origin {
    fn shown(&self) -> String {
        match self {
            Self::Flag(name) => format!("flag {name}"),
            Self::Environment(name) => format!("environment {name}"),
            Self::File(path) => format!("file {path}"),
            Self::Default => "default".into(),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_hidden() {
        for (text, expected) in [
            ("http://a:b@host:1/x@y", "http://***@host:1/x@y"),
            ("http://host/a@b", "http://host/a@b"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(redacted(text.into()), Value::from(expected));
        }
    }

    #[test]
    fn every_setting_of_the_file_is_one_of_some_role() {
        let file = File::default();
        let Value::Object(keys) = serde_json::to_value(&file).unwrap() else {
            panic!("a table of settings");
        };
        let shown = settings_of(&[], &file).unwrap();
        for key in keys.keys() {
            assert!(shown.iter().any(|one| one.name == *key), "{key}");
        }
    }

    #[test]
    fn the_parser_and_the_file_know_the_same_settings() {
        let shown = settings_of(&[], &File::default()).unwrap();
        for setting in shown {
            assert!(File::has(&setting.name), "{}", setting.name);
        }
    }
}
