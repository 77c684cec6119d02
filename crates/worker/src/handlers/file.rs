//! The operator's handlers file: TOML, every key known, every handler checked before any runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use taskpilot_domain::names::TaskType;

use super::cleanup::{Cleanup, CleanupSection};
use super::command::CommandHandler;
use super::declaration::Declaration;
use super::handler::Handler;
use super::http::{AllowList, HttpDeclaration, HttpSection};
use super::parameters::Parameters;
use crate::limits::HANDLERS_FILE_BYTES_MAX;

/// Why a handlers file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HandlersError {
    /// It cannot be read.
    #[error("cannot read the handlers file {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not the TOML that it should be.
    #[error("the handlers file {} is wrong: {detail}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        detail: String,
    },
    /// One of its handlers is wrong.
    #[error("the handlers file {} is wrong: handler {kind:?}: {detail}", .path.display())]
    Handler {
        /// The file.
        path: PathBuf,
        /// The type of the handler.
        kind: String,
        /// What is wrong, and how to put it right.
        detail: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandlersFile {
    #[serde(default)]
    http: HttpSection,
    #[serde(default)]
    handler: Vec<toml::Table>,
}

/// A `[[handler]]`: the keys of every kind, and the rest.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    _kind: String,
    kind: Option<toml::Value>,
    /// For people who read the file.
    #[serde(default, rename = "description")]
    _description: String,
    parameters: Option<serde_json::Value>,
    #[serde(default)]
    confirm_start: bool,
    cleanup: Option<toml::Table>,
    #[serde(flatten)]
    rest: toml::Table,
}

/// What a file declares.
#[derive(Default)]
pub(super) struct Declared {
    pub(super) by_type: BTreeMap<String, Arc<Handler>>,
    /// Of the types whose canceled executions are cleaned up after.
    pub(super) cleanups: BTreeMap<String, Cleanup>,
    /// Types of which nothing runs before the scheduler was asked.
    pub(super) confirmed: BTreeSet<String>,
}

pub(super) fn load(path: &Path) -> Result<Declared, HandlersError> {
    let text = read(path).map_err(|source| HandlersError::Io {
        path: path.to_owned(),
        source,
    })?;
    let file: HandlersFile = toml::from_str(&text).map_err(|error| HandlersError::Syntax {
        path: path.to_owned(),
        detail: error.to_string(),
    })?;
    let base = base(path).map_err(|source| HandlersError::Io {
        path: path.to_owned(),
        source,
    })?;
    let allow = file.http.check(&base);
    let allow = Arc::new(allow.map_err(|detail| HandlersError::Syntax {
        path: path.to_owned(),
        detail,
    })?);
    let ground = Ground { base, allow };
    let mut declared = Declared::default();
    for table in file.handler {
        let kind = table.get("type").and_then(toml::Value::as_str);
        let kind = kind.unwrap_or_default().to_owned();
        let added = declared.add(&kind, table, &ground);
        added.map_err(|detail| HandlersError::Handler {
            path: path.to_owned(),
            kind,
            detail,
        })?;
    }
    Ok(declared)
}

/// What the handlers of one file stand on.
struct Ground {
    /// Where relative paths begin.
    base: PathBuf,
    allow: Arc<AllowList>,
}

impl Declared {
    fn add(&mut self, kind: &str, table: toml::Table, ground: &Ground) -> Result<(), String> {
        let entry: Entry = table.try_into().map_err(|error| misread(&error))?;
        let parameters = entry.parameters.as_ref().map(Parameters::compile);
        let parameters = parameters.transpose()?.map(Arc::new);
        let handler = ground.handler(entry.kind.as_ref(), entry.rest, parameters.clone())?;
        TaskType::new(kind.to_owned()).map_err(|error| error.to_string())?;
        if self.by_type.contains_key(kind) {
            return Err("it is declared twice".to_owned());
        }
        if let Some(table) = entry.cleanup {
            let cleanup = ground.cleanup(table, parameters);
            let cleanup = cleanup.map_err(|detail| format!("cleanup: {detail}"))?;
            self.cleanups.insert(kind.to_owned(), cleanup);
        }
        if entry.confirm_start {
            self.confirmed.insert(kind.to_owned());
        }
        self.by_type.insert(kind.to_owned(), Arc::new(handler));
        Ok(())
    }
}

impl Ground {
    /// A handler of the kind that it names; a program where it names none.
    fn handler(
        &self,
        kind: Option<&toml::Value>,
        rest: toml::Table,
        parameters: Option<Arc<Parameters>>,
    ) -> Result<Handler, String> {
        match kind.map(toml::Value::as_str) {
            None | Some(Some("command")) => Ok(Handler::Command(self.program(rest, parameters)?)),
            Some(Some("http")) => {
                let declaration: HttpDeclaration =
                    rest.try_into().map_err(|error| misread(&error))?;
                Ok(Handler::Http(declaration.check(&self.allow, parameters)?))
            }
            Some(_) => Err("kind is \"command\" or \"http\"".to_owned()),
        }
    }

    /// The program of a `[handler.cleanup]`, which gets the payload that its handler takes.
    fn cleanup(
        &self,
        table: toml::Table,
        parameters: Option<Arc<Parameters>>,
    ) -> Result<Cleanup, String> {
        let section: CleanupSection = table.try_into().map_err(|error| misread(&error))?;
        let program = self.program(section.rest, parameters)?;
        Cleanup::by_program(program, section.max_attempts)
    }

    fn program(
        &self,
        table: toml::Table,
        parameters: Option<Arc<Parameters>>,
    ) -> Result<CommandHandler, String> {
        let declaration: Declaration = table.try_into().map_err(|error| misread(&error))?;
        let checked = declaration.check(&self.base, parameters);
        checked.map_err(|error| error.to_string())
    }
}

/// What is wrong, and with which key.
fn misread(error: &toml::de::Error) -> String {
    error.to_string().trim_end().replace('\n', " ")
}

/// The directory of the file, absolute: a worker may run anywhere.
fn base(path: &Path) -> io::Result<PathBuf> {
    let path = path.canonicalize()?;
    Ok(path.parent().unwrap_or(Path::new("/")).to_owned())
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = File::open(path)?;
    let read = file
        .take(HANDLERS_FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > HANDLERS_FILE_BYTES_MAX) {
        return Err(io::Error::other(format!(
            "it has more than {HANDLERS_FILE_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}
