//! What the two halves rely on: batches, bad neighbours, storage errors, one owner.

use std::sync::mpsc;

use refinery::Migration;
use taskpilot_domain::limits::LISTS_WAITING_MAX;
use tempfile::TempDir;

use super::*;

const CACHES: Caches = Caches {
    writer_kib: 512,
    reader_kib: 64,
};

const NOTES: Service = Service {
    name: "notes",
    migrations: || Runner::new(&[note_table()]),
    caches: CACHES,
};

fn note_table() -> Migration {
    let sql = "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;";
    Migration::unapplied("V1__note", sql).unwrap()
}

fn open() -> (TempDir, Arc<Database>) {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path(), &NOTES).unwrap();
    (directory, Arc::new(database))
}

fn insert(tx: &Tx<'_>, text: &str) -> Result<i64, Failure> {
    tx.prepare_cached("INSERT INTO note (text) VALUES (?1)")?
        .execute([text])?;
    tx.publish(Change::Execution(id(tx.last_insert_rowid())));
    Ok(tx.last_insert_rowid())
}

fn id(number: i64) -> taskpilot_domain::ids::ExecutionId {
    number.try_into().unwrap()
}

async fn write(database: &Database, text: &str) -> Result<i64, StoreError> {
    let text = text.to_owned();
    database
        .write(Lane::Create, text.len(), move |tx| insert(tx, &text))
        .await
}

async fn count(database: &Database) -> i64 {
    let count = database.read(|connection| {
        let count = connection.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?;
        Ok(count)
    });
    count.await.unwrap()
}

/// Holds the writer inside a transaction until the sender is dropped.
async fn hold(database: &Arc<Database>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let (release, held) = mpsc::channel::<()>();
    let (entered, inside) = tokio::sync::oneshot::channel();
    let database = Arc::clone(database);
    let mut entered = Some(entered);
    let holder = tokio::spawn(async move {
        let holding = database.write(Lane::Heartbeat, 0, move |_| {
            entered.take().map(|entered| entered.send(()));
            let _ = held.recv();
            Ok(())
        });
        holding.await.unwrap();
    });
    inside.await.unwrap();
    (release, holder)
}

/// Starts writes that wait behind a held writer, then lets all go, and collects their answers.
async fn while_held(database: &Arc<Database>, texts: &[&str]) -> Vec<Result<i64, StoreError>> {
    let (release, holder) = hold(database).await;
    let waiting: Vec<_> = texts
        .iter()
        .map(|text| {
            let text = (*text).to_owned();
            database.push(Lane::Create, 0, move |tx| match text.as_str() {
                "panic" => panic!("a command that panics"),
                text => insert(tx, text),
            })
        })
        .collect();
    drop(release);
    holder.await.unwrap();
    let mut answers = Vec::new();
    for awaited in waiting {
        answers.push(awaited.answer().await);
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_committed_together() {
    let (_directory, database) = open();
    let mut changes = database.changes();
    // The held transaction has used up its time: what waits becomes the next one.
    let (release, holder) = hold(&database).await;
    let waiting: Vec<_> = (0..5)
        .map(|number| {
            database.push(Lane::Create, 0, move |tx| {
                insert(tx, &format!("note {number}"))
            })
        })
        .collect();
    drop(release);
    holder.await.unwrap();
    for awaited in waiting {
        awaited.answer().await.unwrap();
    }
    let published: usize = changes.recv().await.unwrap().len();
    assert_eq!((published, count(&database).await), (5, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_command_never_fails_its_neighbours() {
    let (_directory, database) = open();
    let answers = while_held(&database, &["a", "b", "a", "panic", "c", "b", "d"]).await;
    let written: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(written, [true, true, false, false, true, false, true]);
    assert_eq!(count(&database).await, 4);
    database.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_raises_the_generation() {
    let (_directory, database) = open();
    let generation = || database.write(Lane::Create, 0, |tx| Ok(tx.generation()));
    let before = generation().await.unwrap();
    assert_eq!(generation().await.unwrap(), before);
    let failed = database.write(Lane::Create, 0, |_| -> Result<(), Failure> {
        Err(Failure::Corrupt {
            table: "note",
            column: "text",
            id: 7,
        })
    });
    assert!(matches!(
        failed.await,
        Err(StoreError::Corrupt {
            table: "note",
            column: "text",
            id: 7
        })
    ));
    assert!(generation().await.unwrap() > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_writes_until_a_probe_is_written() {
    let (directory, database) = open();
    write(&database, "before").await.unwrap();
    database.connector.limit_pages(8);
    // A limit holds for a connection from its opening: fail once to get a new one.
    let cause = rusqlite::Error::InvalidQuery;
    database.health.fail("notes", &cause);
    assert!(
        database.check().await.is_err(),
        "a probe needs more than the limit leaves"
    );
    let refused = write(&database, &"x".repeat(100)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })));
    assert_eq!(count(&database).await, 1, "reads go on");

    database.connector.limit_pages(0);
    database.check().await.unwrap();
    write(&database, "after").await.unwrap();
    database.close();
    let reopened = Database::open(directory.path(), &NOTES).unwrap();
    assert_eq!(count(&reopened).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_on_a_disk_that_fills_up() {
    let directory = tempfile::tempdir().unwrap();
    let database = Arc::new(Database::open(directory.path(), &NOTES).unwrap());
    database
        .write(Lane::Create, 0, |tx| {
            tx.pragma_update(None, "max_page_count", 20)?;
            Ok(())
        })
        .await
        .unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match write(&database, &format!("{acknowledged} {}", "x".repeat(9_000))).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(database.health.check().is_err());
    assert_eq!(count(&database).await, acknowledged);
    // The connection that the limit was set on is replaced, and the next probe finds room.
    database.check().await.unwrap();
    write(&database, "after").await.unwrap();
    assert_eq!(count(&database).await, acknowledged + 1);
}

/// Lists that hold a reader each until the sender is dropped.
async fn hold_with_lists(
    database: &Arc<Database>,
    lists: u32,
) -> (mpsc::Sender<()>, Vec<Awaited<()>>) {
    let (release, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let waiting = (0..lists).map(|_| {
        let (held, entered) = (Arc::clone(&held), entered.clone());
        database.reads.push(Look::List, move |_| {
            entered.send(()).unwrap();
            let _ = held.lock().unwrap().recv();
            Ok(())
        })
    });
    let waiting: Vec<_> = waiting.collect();
    for _ in 0..lists {
        inside.recv().await.unwrap();
    }
    (release, waiting)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_lists_leaves_a_reader_to_the_rest() {
    let (_directory, database) = open();
    write(&database, "there").await.unwrap();
    let (release, mut lists) = hold_with_lists(&database, READERS - 1).await;
    for _ in 0..LISTS_WAITING_MAX {
        lists.push(database.reads.push(Look::List, |_| Ok(())));
    }
    let one_more = database.reads.push(Look::List, |_| Ok(())).answer().await;
    assert!(matches!(one_more, Err(StoreError::Overloaded)));
    assert_eq!(count(&database).await, 1, "it is not behind the lists");
    drop(release);
    for list in lists {
        list.answer().await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_committed_once_the_storage_failed_elsewhere() {
    let (_directory, database) = open();
    let health = Arc::clone(&database.health);
    let during = database.write(Lane::Create, 0, move |tx| {
        // The checkpointer fails while this transaction is open.
        health.fail("notes", &rusqlite::Error::InvalidQuery);
        insert(tx, "during")
    });
    let refused = during.await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })));
    assert_eq!(count(&database).await, 0);
    database.check().await.unwrap();
    write(&database, "after").await.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn a_storage_error_of_the_writers_own_checkpoint_stops_the_writes() {
    let (_directory, database) = open();
    write(&database, "before").await.unwrap();
    // A log that cannot be written is a storage error like any other.
    let read_only = database.connector.reader().unwrap();
    let writer = Writer {
        // The store's own writer would take the restart for itself.
        gauge: Arc::default(),
        ..database.writer(database.connector.clone(), read_only)
    };
    writer.gauge.ask_for_restart();
    writer.finish_checkpoint();
    let refused = write(&database, "after").await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn a_second_store_is_told_who_owns_the_directory() {
    let (directory, database) = open();
    let second = Database::open(directory.path(), &NOTES).unwrap_err();
    assert!(
        second
            .to_string()
            .contains(&format!("process {}", std::process::id())),
        "{second}"
    );
    database.close();
    Database::open(directory.path(), &NOTES).unwrap();
}

#[tokio::test]
async fn a_closed_store_leaves_no_log_behind() {
    for _ in 0..20 {
        let (directory, database) = open();
        write(&database, "kept").await.unwrap();
        assert_eq!(count(&database).await, 1);
        database.close();
        let files = std::fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["notes.db", "notes.lock"]);
    }
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is() {
    let (_directory, database) = open();
    database.close();
    let refused = write(&database, "late").await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })));
    let refused = database.read(|_| Ok(())).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn a_schema_of_a_newer_release_is_refused() {
    const NEWER: Service = Service {
        migrations: || {
            let sql = "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT;";
            Runner::new(&[
                note_table(),
                Migration::unapplied("V2__later", sql).unwrap(),
            ])
        },
        ..NOTES
    };
    let directory = tempfile::tempdir().unwrap();
    drop(Database::open(directory.path(), &NEWER).unwrap());
    let refused = Database::open(directory.path(), &NOTES).unwrap_err();
    assert!(matches!(
        refused,
        OpenError::NewerSchema { found: 2, known: 1 }
    ));
    drop(Database::open(directory.path(), &NEWER).unwrap());
}
