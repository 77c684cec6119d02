//! `taskpilot backup`: a copy of the databases of a data directory, also while they are in use.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use taskpilot_store_sqlite::backup::{DATABASES, copy};

use super::archive::{Draft, pack};
use crate::arguments::DataArgs;
use crate::config::File;
use crate::exit::{Code, Failure};
use crate::output;
use crate::roles::up::{data_directory, open_failure};

/// `taskpilot backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make; it must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON, and errors as JSON too (to standard error)
    #[arg(long)]
    pub(crate) json: bool,
}

/// Copies what is there. It reads only, and no writer waits for it.
pub(crate) fn run(arguments: &BackupArgs, settings: &File) -> Result<Code, Failure> {
    let data = data_directory(&arguments.data, settings)?;
    let file = arguments.file.as_path();
    if file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    let draft = Draft::beside(file);
    let draft = draft.with_context(|| format!("cannot write beside {}", file.display()))?;
    let mut databases = Vec::new();
    for database in DATABASES {
        if copy(&data, database, &draft.path(database)).map_err(open_failure)? {
            databases.push(database);
        }
    }
    if databases.is_empty() {
        let text = format!("there is no database in {}", data.display());
        return Err(Failure::Coded(Code::NotFound, text));
    }
    let bytes = match pack(&draft, &databases, file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(file)),
        Err(error) => {
            let error = anyhow::Error::from(error);
            return Err(error
                .context(format!("cannot write {}", file.display()))
                .into());
        }
    };
    if arguments.json {
        output::json(&json!({"file": file, "databases": databases, "bytes": bytes}))?;
    } else {
        let names = databases.join(", ");
        output::line(&format!("{} holds {names}: {bytes} bytes", file.display()));
    }
    Ok(Code::Ok)
}

fn exists(file: &Path) -> Failure {
    let text = format!("{} exists: name another file", file.display());
    Failure::Coded(Code::Conflict, text)
}
