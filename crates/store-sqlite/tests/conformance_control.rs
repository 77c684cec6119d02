//! The contract of control stores, on SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use taskpilot_store::conformance::ControlHarness;
use taskpilot_store::control::ControlStore;
use taskpilot_store_sqlite::SqliteControlStore;
use tempfile::TempDir;

struct Sqlite {
    store: Arc<SqliteControlStore>,
    directory: TempDir,
}

#[async_trait]
impl ControlHarness for Sqlite {
    fn store(&self) -> Arc<dyn ControlStore> {
        Arc::clone(&self.store) as Arc<dyn ControlStore>
    }

    async fn restart(&mut self) {
        self.store.close();
        self.store = Arc::new(open_in(&self.directory));
    }
}

async fn open() -> impl ControlHarness {
    let directory = tempfile::tempdir().expect("a directory");
    Sqlite {
        store: Arc::new(open_in(&directory)),
        directory,
    }
}

fn open_in(directory: &TempDir) -> SqliteControlStore {
    SqliteControlStore::open(directory.path()).expect("a store")
}

taskpilot_store::control_conformance!(open);
