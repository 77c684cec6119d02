//! The operator's handlers file: TOML, every key known, every handler checked before any runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use taskpilot_domain::names::TaskType;

use super::declaration::{Declaration, InvalidHandler};
use super::handler::Handler;
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
    handler: Vec<Declaration>,
}

pub(super) fn load(path: &Path) -> Result<BTreeMap<String, Arc<Handler>>, HandlersError> {
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
    let mut by_type = BTreeMap::new();
    for declaration in file.handler {
        let kind = declaration.kind.clone();
        let refused = |error: InvalidHandler| HandlersError::Handler {
            path: path.to_owned(),
            kind: kind.clone(),
            detail: error.to_string(),
        };
        TaskType::new(kind.clone()).map_err(|error| refused(InvalidHandler(error.to_string())))?;
        let handler = declaration.check(&base).map_err(refused)?;
        if by_type.contains_key(&kind) {
            return Err(refused(InvalidHandler("it is declared twice".to_owned())));
        }
        by_type.insert(kind, Arc::new(Handler::Command(handler)));
    }
    Ok(by_type)
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
