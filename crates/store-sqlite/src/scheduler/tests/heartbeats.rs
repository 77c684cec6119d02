//! What a heartbeat writes: as much for a session of a thousand attempts as for one of ten.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use taskpilot_domain::ids::Token;
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::names::{QueueName, TaskType};
use taskpilot_store::rows::sessions::{
    ClaimOutcome, ClaimRequest, Heartbeat, HeartbeatOutcome, SessionRef,
};
use taskpilot_store::rows::stops::Held;
use taskpilot_store::scheduler::SchedulerStore;

use super::{SqliteSchedulerStore, at, job, open, register, rows_changed};

/// Rows that were changed and pages that went into the log.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    rows: u64,
    pages: u64,
}

/// A new session that holds `count` attempts.
async fn holding(store: &SqliteSchedulerStore, count: u32) -> (SessionRef, Vec<Held>) {
    let batch = vec![job("a", "x"); count as usize];
    store.create_executions(at(0), batch).await.unwrap();
    let (queue, kind) = (QueueName::new("a").unwrap(), TaskType::new("x").unwrap());
    let session = register(store, vec![queue], vec![kind]).await;
    let request = ClaimRequest {
        session,
        seq: 1,
        tokens: (0..count)
            .map(|n| Token::from_bytes(u128::from(n).to_be_bytes()))
            .collect(),
        hand_ins: Vec::new(),
    };
    let ClaimOutcome::Served { grants, .. } = store.claim(at(3), request).await.unwrap() else {
        panic!("not served");
    };
    let held = grants
        .iter()
        .map(|one| (one.fence.execution, one.fence.attempt));
    (session, held.collect())
}

/// A reader that keeps the log as it is: what is appended to it is never cut off.
fn keep_log(directory: &Path) -> Connection {
    let path = directory.join("scheduler.db");
    let reader = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader
        .execute_batch("BEGIN; SELECT * FROM namespace;")
        .unwrap();
    reader
}

fn log_bytes(directory: &Path) -> u64 {
    fs::metadata(directory.join("scheduler.db-wal"))
        .unwrap()
        .len()
}

/// What one heartbeat writes that names all attempts of a session with so many.
async fn written_by_a_heartbeat(count: u32) -> Written {
    /// A page of the log with its head.
    const FRAME: u64 = 24 + 4_096;
    let (directory, store) = open();
    let (session, held) = holding(&store, count).await;
    assert_eq!(held.len(), count as usize);
    let heartbeat = Heartbeat {
        session,
        held,
        answered_seq: 1,
        stops: Vec::new(),
        progress: Vec::new(),
        lease_ms: LEASE_MS,
    };
    let _reader = keep_log(directory.path());
    // The first one closes the claim; what is measured is each after it.
    store.heartbeat(at(10), heartbeat.clone()).await.unwrap();
    let (rows, bytes) = (rows_changed(&store).await, log_bytes(directory.path()));
    let outcome = store.heartbeat(at(20), heartbeat).await.unwrap();
    let HeartbeatOutcome::Renewed { lost, .. } = outcome else {
        panic!("not renewed: {outcome:?}");
    };
    assert_eq!(lost, [], "all of them are its own");
    let log = log_bytes(directory.path()) - bytes;
    assert_eq!(log % FRAME, 0, "whole pages");
    Written {
        rows: rows_changed(&store).await - rows,
        pages: log / FRAME,
    }
}

#[tokio::test]
async fn the_writes_of_a_heartbeat_do_not_grow_with_its_attempts() {
    let few = written_by_a_heartbeat(10).await;
    let many = written_by_a_heartbeat(1_000).await;
    assert_eq!(many, few);
    assert!(
        few.rows > 0 && few.pages > 0,
        "something is written: {few:?}"
    );
}
