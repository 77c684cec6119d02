//! The operator's handlers file: TOML, every key known, every handler checked before any runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use taskpilot_domain::names::TaskType;

use super::declaration::Declaration;
use super::handler::Handler;
use super::http::{AllowList, HttpDeclaration, HttpSection};
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

/// What a file declares.
pub(super) struct Declared {
    pub(super) by_type: BTreeMap<String, Arc<Handler>>,
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
    let mut by_type = BTreeMap::new();
    let mut confirmed = BTreeSet::new();
    for mut table in file.handler {
        let kind = table.get("type").and_then(toml::Value::as_str);
        let kind = kind.unwrap_or_default().to_owned();
        let refused = |detail: String| HandlersError::Handler {
            path: path.to_owned(),
            kind: kind.clone(),
            detail,
        };
        if confirms_start(&mut table).map_err(refused)? {
            confirmed.insert(kind.clone());
        }
        let handler = declared(table, &base, &allow).map_err(refused)?;
        TaskType::new(kind.clone()).map_err(|error| refused(error.to_string()))?;
        if by_type.contains_key(&kind) {
            return Err(refused("it is declared twice".to_owned()));
        }
        by_type.insert(kind, Arc::new(handler));
    }
    Ok(Declared { by_type, confirmed })
}

/// The key that every kind of handler has; it is taken out.
fn confirms_start(table: &mut toml::Table) -> Result<bool, String> {
    match table.remove("confirm_start") {
        None => Ok(false),
        Some(toml::Value::Boolean(confirms)) => Ok(confirms),
        Some(_) => Err("confirm_start is true or false".to_owned()),
    }
}

/// A handler of the kind that it names; a program where it names none.
fn declared(table: toml::Table, base: &Path, allow: &Arc<AllowList>) -> Result<Handler, String> {
    let read = |error: toml::de::Error| error.message().to_owned();
    let kind = table.get("kind").map(toml::Value::as_str);
    match kind.unwrap_or(Some("command")) {
        Some("command") => {
            let declaration: Declaration = table.try_into().map_err(read)?;
            let handler = declaration.check(base).map_err(|error| error.to_string())?;
            Ok(Handler::Command(handler))
        }
        Some("http") => {
            let declaration: HttpDeclaration = table.try_into().map_err(read)?;
            Ok(Handler::Http(declaration.check(allow)?))
        }
        _ => Err("kind is \"command\" or \"http\"".to_owned()),
    }
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
