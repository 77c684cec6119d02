//! Create, claim and finish as three durable transactions of a batch, on one thread and in the
//! fastest layout that was found. It decides nothing and is never part of a service.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::open::{Connector, OpenError};
use crate::scheduler::SCHEDULER;

static SCHEMA: &str = include_str!("../../sql/floor/schema.sql");
static INSERT: &str = include_str!("../../sql/floor/insert.sql");
static INSERT_KEY: &str = include_str!("../../sql/floor/insert_key.sql");
static INSERT_READY: &str = include_str!("../../sql/floor/insert_ready.sql");
static LEAVE_QUEUE: &str = include_str!("../../sql/floor/leave_queue.sql");
static CLAIM: &str = include_str!("../../sql/floor/claim.sql");
static LIST_GRANTS: &str = include_str!("../../sql/floor/list_grants.sql");
static FINISH: &str = include_str!("../../sql/floor/finish.sql");
static BEGIN: &str = include_str!("../../sql/connection/begin_write.sql");
static COMMIT: &str = include_str!("../../sql/connection/commit.sql");

/// Pages of the log (16 MiB) after which its own thread copies them.
const CHECKPOINT_PAGES: u32 = 4096;

/// What one execution is created with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloorItem {
    /// Its idempotency key.
    pub key: String,
    /// What its handler would get.
    pub payload: String,
}

/// A database of lifecycles.
#[derive(Debug)]
pub struct Floor {
    connection: Connection,
    last: i64,
    claims: i64,
}

impl Floor {
    /// Opens a new database in the directory, with the settings of the engine's own writer.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let connection = Connector::new(directory, "floor", SCHEDULER.caches).writer()?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection,
            last: 0,
            claims: 0,
        })
    }

    /// The version of the library that is linked.
    pub fn library() -> &'static str {
        rusqlite::version()
    }

    /// Whole lifecycles of these items: each of the three steps is on the disk before the next.
    pub fn cycle(&mut self, items: &[FloorItem], now_ms: i64) -> Result<(), OpenError> {
        let before = self.last;
        self.create(items, now_ms)?;
        self.claim(before, items.len(), now_ms)?;
        self.finish(before, now_ms)?;
        Ok(())
    }

    fn create(&mut self, items: &[FloorItem], now_ms: i64) -> rusqlite::Result<()> {
        self.connection.execute_batch(BEGIN)?;
        let mut insert = self.connection.prepare_cached(INSERT)?;
        let mut insert_key = self.connection.prepare_cached(INSERT_KEY)?;
        let mut insert_ready = self.connection.prepare_cached(INSERT_READY)?;
        for item in items {
            self.last += 1;
            let fingerprint = [0xa5_u8; 32];
            insert.execute(params![self.last, now_ms, item.payload])?;
            insert_key.execute(params![item.key, fingerprint, self.last, now_ms])?;
            insert_ready.execute([self.last])?;
        }
        self.connection.execute_batch(COMMIT)
    }

    fn claim(&mut self, before: i64, count: usize, now_ms: i64) -> rusqlite::Result<()> {
        self.claims += 1;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.connection.execute_batch(BEGIN)?;
        self.connection
            .prepare_cached(CLAIM)?
            .execute((self.claims, now_ms, count))?;
        self.connection
            .prepare_cached(LEAVE_QUEUE)?
            .execute([self.last])?;
        let mut grants = self.connection.prepare_cached(LIST_GRANTS)?;
        let mut rows = grants.query((before, count))?;
        while let Some(row) = rows.next()? {
            let (_, token, payload) = (row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?);
            std::hint::black_box((token, payload));
        }
        drop(rows);
        self.connection.execute_batch(COMMIT)
    }

    fn finish(&mut self, before: i64, now_ms: i64) -> rusqlite::Result<()> {
        self.connection.execute_batch(BEGIN)?;
        self.connection
            .prepare_cached(FINISH)?
            .execute((before, self.last, now_ms, "null"))?;
        self.connection.execute_batch(COMMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COUNT_ENDED: &str = include_str!("../../sql/floor/count_ended.sql");

    #[test]
    fn every_fact_of_a_lifecycle_is_kept_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut floor = Floor::open(directory.path()).unwrap();
        let item = |number: usize| FloorItem {
            key: format!("key-{number}"),
            payload: "{}".to_owned(),
        };
        let items: Vec<FloorItem> = (0..30).map(item).collect();
        for batch in items.chunks(10) {
            floor.cycle(batch, 1).unwrap();
        }
        let ended: i64 = floor
            .connection
            .query_one(COUNT_ENDED, [], |row| row.get(0))
            .unwrap();
        assert_eq!(ended, 30);
        let again = floor.cycle(&items[..1], 2);
        assert!(again.is_err(), "a key is there twice");
    }
}
