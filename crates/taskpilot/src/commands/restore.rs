//! `taskpilot restore`: a backup becomes a data directory of its own.

use std::fs::File as OpenFile;
use std::io;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use taskpilot_store_sqlite::backup::{DATABASES, Restore, RestoreError};

use super::archive::unpack;
use crate::arguments::DataArgs;
use crate::config::File;
use crate::exit::{Code, Failure};
use crate::output;
use crate::roles::up::{data_directory, open_failure};

/// `taskpilot restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON, and errors as JSON too (to standard error)
    #[arg(long)]
    pub(crate) json: bool,
}

/// Fills a directory that is empty and not in use, or leaves it as it was.
pub(crate) fn run(arguments: &RestoreArgs, settings: &File) -> Result<Code, Failure> {
    let data = data_directory(&arguments.data, settings)?;
    let file = arguments.file.as_path();
    let archive = match OpenFile::open(file) {
        Ok(archive) => archive,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = format!("there is no file {}", file.display());
            return Err(Failure::Coded(Code::NotFound, text));
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            return Err(error
                .context(format!("cannot read {}", file.display()))
                .into());
        }
    };
    let mut restore = Restore::begin(&data).map_err(refused)?;
    let unpacked = unpack(archive, |database, content| {
        anyhow::ensure!(DATABASES.contains(&database), "{database} is no database");
        let mut draft = restore.create(database)?;
        io::copy(content, &mut draft)?;
        drop(draft);
        Ok(restore.take(database)?)
    });
    unpacked
        .with_context(|| format!("cannot restore {}", file.display()))
        .map_err(|error| match error.downcast::<RestoreError>() {
            Ok(error) => refused(error),
            Err(other) => Failure::Other(other),
        })?;
    let databases = restore.finish().map_err(refused)?;
    if arguments.json {
        output::json(&json!({"data": data, "databases": databases}))?;
    } else {
        let names = databases.join(", ");
        output::line(&format!("{} holds {names} again", data.display()));
    }
    Ok(Code::Ok)
}

fn refused(error: RestoreError) -> Failure {
    match error {
        RestoreError::Open(error) => open_failure(error),
        RestoreError::NotEmpty(_) => Failure::Coded(Code::Conflict, error.to_string()),
        RestoreError::Damaged { .. } => Failure::Other(error.into()),
    }
}
