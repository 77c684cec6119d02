//! The contract of scheduler stores, on SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use taskpilot_store::conformance::SchedulerHarness;
use taskpilot_store::scheduler::SchedulerStore;
use taskpilot_store_sqlite::SqliteSchedulerStore;
use tempfile::TempDir;

struct Sqlite {
    store: Arc<SqliteSchedulerStore>,
    directory: TempDir,
}

#[async_trait]
impl SchedulerHarness for Sqlite {
    fn store(&self) -> Arc<dyn SchedulerStore> {
        Arc::clone(&self.store) as Arc<dyn SchedulerStore>
    }

    async fn restart(&mut self) {
        self.store.close();
        self.store = Arc::new(open_in(&self.directory));
    }

    fn claim_work(&self) -> u64 {
        self.store.last_claim_steps()
    }
}

async fn open() -> impl SchedulerHarness {
    let directory = tempfile::tempdir().expect("a directory");
    Sqlite {
        store: Arc::new(open_in(&directory)),
        directory,
    }
}

fn open_in(directory: &TempDir) -> SqliteSchedulerStore {
    SqliteSchedulerStore::open(directory.path()).expect("a store")
}

taskpilot_store::scheduler_conformance!(open);
