//! Sessions as people see them.

use rusqlite::{Connection, OptionalExtension, Row};
use taskpilot_domain::ids::SessionId;
use taskpilot_domain::names::{Namespace, QueueName, TaskType};
use taskpilot_store::rows::sessions::SessionRecord;

use super::TABLE;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::attempts::count_running;
use crate::scheduler::codes::word;
use crate::scheduler::names::find_namespace;
use crate::scheduler::stops::orders::{count_open, count_released};

const GET_RECORD: &str = include_str!("../../../sql/scheduler/sessions/get_record.sql");
const LIST_LIVING: &str = include_str!("../../../sql/scheduler/sessions/list_living.sql");
const LIST_ENDED: &str = include_str!("../../../sql/scheduler/sessions/list_ended.sql");
const LIST_QUEUES: &str = include_str!("../../../sql/scheduler/sessions/list_queues.sql");
const LIST_TYPES: &str = include_str!("../../../sql/scheduler/sessions/list_types.sql");
const LIST_CLEANUPS: &str = include_str!("../../../sql/scheduler/sessions/list_cleanups.sql");

/// The sessions of a namespace that have not ended, then those that ended last.
pub(in crate::scheduler) fn list(
    connection: &Connection,
    namespace: &Namespace,
    limit: u32,
) -> Result<Vec<SessionRecord>, Failure> {
    let Some(namespace) = find_namespace(connection, namespace)? else {
        return Ok(Vec::new());
    };
    let mut sessions = rows(connection, LIST_LIVING, (namespace, limit))?;
    let found = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
    let rest = limit.saturating_sub(found);
    sessions.extend(rows(connection, LIST_ENDED, (namespace, rest))?);
    sessions
        .into_iter()
        .map(|session| complete(connection, session))
        .collect()
}

/// One session, whosever it is, and whose it is.
pub(in crate::scheduler) fn get(
    connection: &Connection,
    id: SessionId,
) -> Result<Option<(Namespace, SessionRecord)>, Failure> {
    let mut statement = connection.prepare_cached(GET_RECORD)?;
    let found = statement.query_row([id.get()], |row| Ok(read_owned(row)));
    let Some((namespace, session)) = found.optional()?.transpose()? else {
        return Ok(None);
    };
    Ok(Some((namespace, complete(connection, session)?)))
}

/// A row whose queues and types are still numbers.
struct Session {
    record: SessionRecord,
    queues: String,
    types: String,
}

fn rows(connection: &Connection, sql: &str, params: (i64, u32)) -> Result<Vec<Session>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| Ok(read_listed(row)))?;
    rows.map(|row| row?).collect()
}

fn read_listed(row: &Row<'_>) -> Result<Session, Failure> {
    read(&mut Columns::of(row, TABLE)?)
}

fn read_owned(row: &Row<'_>) -> Result<(Namespace, Session), Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let session = read(&mut columns)?;
    Ok((columns.word("namespace")?, session))
}

fn read(columns: &mut Columns<'_, '_>) -> Result<Session, Failure> {
    let id = columns.number("id")?;
    let name = columns.word("name")?;
    let queues = columns.value("queues")?;
    let types = columns.value("types")?;
    let record = SessionRecord {
        id,
        name,
        queues: Vec::new(),
        types: Vec::new(),
        cleanups: Vec::new(),
        slots: columns.number("slots")?,
        running: 0,
        stopping: 0,
        stuck: 0,
        released: 0,
        containment: word(columns, "containment")?,
        registered_at: columns.instant("registered_at")?,
        renewed_at: columns.instant("renewed_at")?,
        lease_until: columns.instant("lease_until")?,
        ended_at: columns.instant_or_none("ended_at")?,
    };
    Ok(Session {
        record,
        queues,
        types,
    })
}

fn complete(connection: &Connection, session: Session) -> Result<SessionRecord, Failure> {
    let id = session.record.id.get();
    let (stopping, stuck) = count_open(connection, id)?;
    Ok(SessionRecord {
        queues: names(connection, LIST_QUEUES, &session.queues, QueueName::new)?,
        types: names(connection, LIST_TYPES, &session.types, TaskType::new)?,
        cleanups: names(connection, LIST_CLEANUPS, &session.types, TaskType::new)?,
        running: count_running(connection, id)?,
        stopping,
        stuck,
        released: count_released(connection, id)?,
        ..session.record
    })
}

fn names<T, E>(
    connection: &Connection,
    sql: &str,
    numbers: &str,
    parse: impl Fn(String) -> Result<T, E>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([numbers], |row| row.get::<_, String>(0))?;
    rows.map(|text| {
        parse(text?).map_err(|_| Failure::Corrupt {
            table: TABLE,
            column: "queues",
            id: 0,
        })
    })
    .collect()
}
