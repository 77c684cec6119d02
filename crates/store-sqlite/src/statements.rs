//! Every statement file is prepared against the schema that it is for.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::database::Service;
use crate::migrate::migrate;
use crate::open::Connector;

/// Prepares all that is under `sql/<service>` and fails with the file that the engine refuses.
pub(crate) fn prepare_all(service: &Service) {
    let (_directory, connection) = migrated(service);
    let mut files = files_of(service.name);
    assert!(!files.is_empty(), "{} has no statements", service.name);
    files.extend(files_of("connection"));
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        if let Err(error) = connection.prepare(&text) {
            panic!("{}: {error}", file.display());
        }
    }
}

/// How the engine would run each statement of a service, by its file.
pub(crate) fn plans_of(service: &Service) -> Vec<(String, String)> {
    let (_directory, connection) = migrated(service);
    let plan = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let mut steps = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
            .unwrap();
        let steps = steps.raw_query().mapped(|row| row.get::<_, String>(3));
        let steps: Vec<_> = steps.map(Result::unwrap).collect();
        (file.display().to_string(), steps.join("\n"))
    };
    files_of(service.name).iter().map(plan).collect()
}

fn migrated(service: &Service) -> (TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let connector = Connector::new(directory.path(), service.name, service.caches);
    let mut connection = connector.writer().unwrap();
    migrate(&mut connection, (service.migrations)()).unwrap();
    (directory, connection)
}

fn files_of(folder: &str) -> Vec<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    files_under(&home.join(folder))
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files_under(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
