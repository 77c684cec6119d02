//! A program as the operator wrote it, and the checks that make it one that can run.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use taskpilot_domain::limits::{
    ATTEMPT_TIMEOUT_MS_MAX, CANCEL_GRACE_MS_MAX, OUTPUT_TAIL_BYTES_DEFAULT,
};

use super::argv::{Arguments, Declared};
use super::code::{self, Reach};
use super::command::{CommandHandler, Stdin};
use super::judge::{Judgement, ResultKind, Retries};
use super::parameters::Parameters;
use super::template::Template;
use crate::environment::{ALLOWED_BY_DEFAULT, allowed};
use crate::limits::{MEMORY_BYTES_MIN, OPEN_FILES_MIN};
use crate::spec::ResourceLimits;

/// What a `[[handler]]` or a `[handler.cleanup]` of the file says of its program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declaration {
    argv: Vec<String>,
    #[serde(default)]
    allow_leading_dash: bool,
    environment: Option<Vec<String>>,
    #[serde(default)]
    set_environment: BTreeMap<String, String>,
    working_directory: Option<PathBuf>,
    #[serde(default)]
    limits: Limits,
    timeout_ms: Option<u64>,
    grace_ms: Option<u64>,
    #[serde(default)]
    stdin: Stdin,
    output_tail_bytes: Option<usize>,
    #[serde(default)]
    result: ResultKind,
    #[serde(default)]
    retryable_exit_codes: Vec<i32>,
    #[serde(default)]
    non_retryable_exit_codes: Vec<i32>,
}

/// What the program of a handler may use.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    memory_bytes: Option<u64>,
    cpu_seconds: Option<u64>,
    open_files: Option<u64>,
    file_bytes: Option<u64>,
}

impl Limits {
    /// The supervisor lives under the same limits, so they leave it room.
    fn check(self) -> Result<ResourceLimits, InvalidHandler> {
        for (name, value, min) in [
            ("memory_bytes", self.memory_bytes, MEMORY_BYTES_MIN),
            ("cpu_seconds", self.cpu_seconds, 1),
            ("open_files", self.open_files, OPEN_FILES_MIN),
        ] {
            if value.is_some_and(|value| value < min) {
                return wrong(format!("limits.{name} is at least {min}"));
            }
        }
        Ok(ResourceLimits {
            memory_bytes: self.memory_bytes,
            cpu_seconds: self.cpu_seconds,
            open_files: self.open_files,
            file_bytes: self.file_bytes,
        })
    }
}

/// What is wrong with a handler.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct InvalidHandler(pub(super) String);

impl Declaration {
    /// Checks it, for payloads of this schema; relative paths in it begin at `base`, the directory
    /// of its file.
    pub(super) fn check(
        self,
        base: &Path,
        parameters: Option<Arc<Parameters>>,
    ) -> Result<CommandHandler, InvalidHandler> {
        in_range("timeout_ms", self.timeout_ms, ATTEMPT_TIMEOUT_MS_MAX)?;
        in_range("grace_ms", self.grace_ms, CANCEL_GRACE_MS_MAX)?;
        let output_tail_bytes = self.output_tail_bytes.unwrap_or(OUTPUT_TAIL_BYTES_DEFAULT);
        if output_tail_bytes > OUTPUT_TAIL_BYTES_DEFAULT {
            return wrong(format!(
                "output_tail_bytes is at most {OUTPUT_TAIL_BYTES_DEFAULT}"
            ));
        }
        let Some((program, arguments)) = self.argv.split_first() else {
            return wrong("argv names a program");
        };
        let program = find_program(program, base)?;
        let templates = templates(arguments, parameters.as_deref())?;
        let reach = Reach {
            stdin: self.stdin,
            allow_leading_dash: self.allow_leading_dash,
        };
        code::check(&program, &templates, reach)
            .map_err(|refused| InvalidHandler(refused.to_string()))?;
        Ok(CommandHandler {
            program,
            arguments: Arguments::Declared(Declared {
                templates,
                parameters,
                allow_leading_dash: self.allow_leading_dash,
            }),
            environment: environment(self.environment, self.set_environment)?,
            directory: directory(self.working_directory, base)?,
            limits: self.limits.check()?,
            stdin: self.stdin,
            output_tail_bytes,
            timeout_ms: self.timeout_ms,
            grace_ms: self.grace_ms,
            judgement: Judgement {
                result: self.result,
                retries: retries(self.retryable_exit_codes, self.non_retryable_exit_codes)?,
            },
        })
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, InvalidHandler> {
    Err(InvalidHandler(what.into()))
}

fn in_range(name: &str, value: Option<u64>, max: u64) -> Result<(), InvalidHandler> {
    match value {
        Some(value) if value > max || value == 0 && name == "timeout_ms" => {
            wrong(format!("{name} is at most {max}, and a timeout at least 1"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The absolute path of the program: given so, or from the directory of the file, or found in the
/// worker's `PATH` now, so that nothing that happens later can put another program in its place.
fn find_program(name: &str, base: &Path) -> Result<String, InvalidHandler> {
    if name.contains(['{', '}', '\0']) {
        return wrong("argv[0] is the program itself: it takes no parameters");
    }
    if name.is_empty() {
        return wrong("argv[0] is a path, or a name to be found in PATH");
    }
    if name.contains('/') {
        let path = base.join(name);
        return match path.to_str() {
            Some(text) if is_program(&path) => Ok(text.to_owned()),
            Some(_) | None => wrong(format!("there is no program {}", path.display())),
        };
    }
    let path = allowed(["PATH"]).remove("PATH").unwrap_or_default();
    let directories = path.split(':').filter(|one| one.starts_with('/'));
    let mut candidates = directories.map(|one| format!("{}/{name}", one.trim_end_matches('/')));
    match candidates.find(|candidate| is_program(Path::new(candidate))) {
        Some(found) => Ok(found),
        None => wrong(format!("there is no program {name} in PATH")),
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn templates(
    arguments: &[String],
    parameters: Option<&Parameters>,
) -> Result<Vec<Template>, InvalidHandler> {
    let mut templates = Vec::with_capacity(arguments.len());
    for (index, argument) in arguments.iter().enumerate() {
        let at = |error: String| InvalidHandler(format!("argv[{}]: {error}", index + 1));
        let template = Template::parse(argument).map_err(|error| at(error.to_string()))?;
        for name in template.parameters() {
            match parameters {
                Some(parameters) => parameters.check_always_there(name).map_err(at)?,
                None => return Err(at(format!("{{{name}}} needs a schema: parameters = {{…}}"))),
            }
        }
        templates.push(template);
    }
    Ok(templates)
}

fn environment(
    names: Option<Vec<String>>,
    set: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, InvalidHandler> {
    let names = names.unwrap_or_else(|| ALLOWED_BY_DEFAULT.map(str::to_owned).to_vec());
    for name in names.iter().chain(set.keys()) {
        if name.is_empty() || name.contains(['=', '\0']) {
            return wrong(format!("{name:?} is no name of a variable"));
        }
        if name.starts_with("TASKPILOT_") {
            return wrong(format!("{name} is set by the worker"));
        }
    }
    if let Some((name, _)) = set.iter().find(|(_, value)| value.contains('\0')) {
        return wrong(format!("the value of {name} has a NUL"));
    }
    let mut environment = allowed(names.iter().map(String::as_str));
    environment.extend(set);
    Ok(environment)
}

fn directory(directory: Option<PathBuf>, base: &Path) -> Result<PathBuf, InvalidHandler> {
    let directory = directory.map_or_else(|| PathBuf::from("/"), |named| base.join(named));
    if !directory.is_dir() {
        let shown = directory.display();
        return wrong(format!("working_directory {shown} is no directory"));
    }
    Ok(directory)
}

fn retries(only: Vec<i32>, except: Vec<i32>) -> Result<Retries, InvalidHandler> {
    match (only.is_empty(), except.is_empty()) {
        (true, true) => Ok(Retries::Always),
        (false, true) => Ok(Retries::Only(only)),
        (true, false) => Ok(Retries::Except(except)),
        (false, false) => {
            wrong("either retryable_exit_codes or non_retryable_exit_codes, not both")
        }
    }
}
