//! All there is about one execution.

use std::sync::Arc;

use rusqlite::{Connection, Row};
use taskpilot_domain::execution::AttemptEnd;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::stop::StopCause;
use taskpilot_store::rows::attempts::AttemptError;
use taskpilot_store::rows::executions::{
    CancelRecord, ExecutionRecord, ExecutionSummary, LaterCancel,
};

use super::list::summary;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::attempts::read::{self, Kept};
use crate::scheduler::codes::word_or_none;
use crate::scheduler::names::find_namespace;

const GET_REST: &str = include_str!("../../../sql/scheduler/executions/get_rest.sql");
const LIST_LATER: &str = include_str!("../../../sql/scheduler/executions/list_later_cancels.sql");

/// One execution with its attempts but without their outputs, for the answer to a command: a
/// batch of them must not become a batch of outputs.
pub(in crate::scheduler) fn get(
    connection: &Connection,
    namespace: &Namespace,
    id: ExecutionId,
) -> Result<Option<ExecutionRecord>, Failure> {
    let Some(number) = find_namespace(connection, namespace)? else {
        return Ok(None);
    };
    let Some(summary) = summary(connection, number, id)? else {
        return Ok(None);
    };
    let attempts = read::list(connection, id)?;
    let mut statement = connection.prepare_cached(GET_REST)?;
    let rest = statement.query_row([id.get()], |row| Ok(Rest::read(row)))??;
    Ok(Some(rest.record(summary, namespace.clone(), attempts)))
}

/// The same with what each attempt printed last, who canceled it again, and its cleanup.
pub(in crate::scheduler) fn get_whole(
    connection: &Connection,
    namespace: &Namespace,
    id: ExecutionId,
) -> Result<Option<ExecutionRecord>, Failure> {
    let mut record = get(connection, namespace, id)?;
    if let Some(record) = &mut record {
        read::add_outputs(connection, id, &mut record.attempts)?;
        if let Some(cancel) = record.cancel.as_mut().filter(|one| one.later_count > 0) {
            cancel.later = later(connection, id)?;
        }
        // A cleanup has none.
        if let Some((cleanup, _)) = record.summary.cleanup {
            record.cleanup = get_whole(connection, namespace, cleanup)?.map(Box::new);
        }
    }
    Ok(record)
}

fn later(connection: &Connection, id: ExecutionId) -> Result<Vec<LaterCancel>, Failure> {
    let mut statement = connection.prepare_cached(LIST_LATER)?;
    let rows = statement.query_map([id.get()], |row| Ok(read_later(row)))?;
    rows.map(|row| row?).collect()
}

fn read_later(row: &Row<'_>) -> Result<LaterCancel, Failure> {
    let mut columns = Columns::of(row, "cancel_request")?;
    columns.value::<i64>("execution")?;
    Ok(LaterCancel {
        requested_at: columns.instant("requested_at")?,
        requested_by: columns.word("requested_by")?,
        reason: columns.value("reason")?,
    })
}

/// What only a read of one execution shows.
struct Rest {
    reference: Option<String>,
    key: Option<taskpilot_domain::names::IdempotencyKey>,
    options: ExecutionOptions,
    family: Option<(ExecutionId, ExecutionId)>,
    cancel: Option<CancelRecord>,
    error: Option<AttemptError>,
    payload: Option<Arc<str>>,
}

impl Rest {
    fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let mut columns = Columns::of(row, "spec")?;
        columns.value::<i64>("execution")?;
        let reference = columns.value("reference")?;
        let key = columns.word_or_none("key")?;
        let mut options = ExecutionOptions {
            attempt_timeout_ms: columns.number_or_none("attempt_timeout_ms")?,
            cancel_grace_ms: columns.number("cancel_grace_ms")?,
            deadline: columns.instant_or_none("deadline")?,
            ..ExecutionOptions::default()
        };
        let parent = columns.number_or_none("parent")?;
        let root = columns.number_or_none("root")?;
        let cancels_children: Option<bool> = columns.value("cancels_children")?;
        options.cancel_children = cancels_children.unwrap_or(false);
        let cancel = read_cancel(&mut columns)?;
        let error = read::error(&mut columns)?;
        let payload = columns.value("payload")?;
        Ok(Self {
            reference,
            key,
            options,
            family: parent.zip(root),
            cancel,
            error,
            payload,
        })
    }

    fn record(
        self,
        summary: ExecutionSummary,
        namespace: Namespace,
        attempts: Vec<Kept>,
    ) -> ExecutionRecord {
        let last_error = attempts
            .iter()
            .rev()
            .find_map(|kept| kept.record.error.clone());
        let options = ExecutionOptions {
            queue: summary.queue.clone(),
            priority: summary.priority,
            scheduled_for: Some(summary.standing.scheduled_for),
            retry: summary.standing.policy,
            ..self.options
        };
        let mut result = None;
        let mut records = Vec::with_capacity(attempts.len());
        for kept in attempts {
            if kept.record.end == Some(AttemptEnd::Succeeded) {
                result = kept.result;
            }
            records.push(kept.record);
        }
        ExecutionRecord {
            summary,
            namespace,
            payload: self.payload,
            reference: self.reference,
            key: self.key,
            family: self.family,
            options,
            result,
            last_error: self.error.or(last_error),
            cancel: self.cancel,
            attempts: records,
            cleanup: None,
        }
    }
}

fn read_cancel(columns: &mut Columns<'_, '_>) -> Result<Option<CancelRecord>, Failure> {
    let canceled_at = columns.instant_or_none("canceled_at")?;
    let canceled_by = columns.word_or_none("canceled_by")?;
    let reason: Option<String> = columns.value("reason")?;
    let cause = word_or_none(columns, "cause")?;
    let later_count = columns.number("later_count")?;
    let canceled = canceled_at.zip(canceled_by);
    Ok(canceled.map(|(requested_at, requested_by)| CancelRecord {
        cause: cause.unwrap_or(StopCause::User),
        requested_at,
        requested_by,
        reason,
        later_count,
        later: Vec::new(),
    }))
}
