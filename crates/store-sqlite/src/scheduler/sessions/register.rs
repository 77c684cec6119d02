//! Registers a worker session.

use rusqlite::params;
use taskpilot_domain::names::{QueueName, TaskType};
use taskpilot_store::rows::sessions::{NewSession, SessionRecord};

use crate::failure::Failure;
use crate::scheduler::codes::Coded;
use crate::scheduler::turn::Turn;

static INSERT: &str = include_str!("../../../sql/scheduler/sessions/insert.sql");

/// About what a registration keeps in memory and writes.
pub(in crate::scheduler) fn bytes(session: &NewSession) -> usize {
    let queues = session.queues.iter().map(|name| name.as_str().len());
    let types = session.types.iter().map(|name| name.as_str().len());
    512 + queues.chain(types).sum::<usize>()
}

pub(in crate::scheduler) fn register(
    turn: &mut Turn<'_>,
    new: &NewSession,
) -> Result<SessionRecord, Failure> {
    let namespace = turn.memory.names.namespace(turn.tx, &new.namespace)?;
    let queues = queues(turn, namespace, &new.queues)?;
    let types = types(turn, &new.types)?;
    let (now, id) = (turn.now, turn.memory.next_session());
    let lease_until = now.plus_ms(new.lease_ms);
    turn.statement(INSERT)?.execute(params![
        id.get(),
        namespace,
        new.token.as_bytes(),
        new.slots,
        new.containment.code(),
        now.as_millis(),
        lease_until.as_millis(),
        new.name.as_str(),
        queues,
        types,
    ])?;
    Ok(SessionRecord {
        id,
        name: new.name.clone(),
        queues: new.queues.clone(),
        types: new.types.clone(),
        slots: new.slots,
        running: 0,
        stopping: 0,
        released: 0,
        containment: new.containment,
        registered_at: now,
        renewed_at: now,
        lease_until,
        ended_at: None,
    })
}

/// The numbers of queues as the JSON array that a claim searches by.
fn queues(turn: &mut Turn<'_>, namespace: i64, names: &[QueueName]) -> Result<String, Failure> {
    let tx = turn.tx;
    let numbers = names
        .iter()
        .map(|name| turn.memory.names.queue(tx, namespace, name));
    Ok(json(&numbers.collect::<Result<_, _>>()?))
}

fn types(turn: &mut Turn<'_>, names: &[TaskType]) -> Result<String, Failure> {
    let tx = turn.tx;
    let numbers = names.iter().map(|name| turn.memory.names.kind(tx, name));
    Ok(json(&numbers.collect::<Result<_, _>>()?))
}

fn json(numbers: &Vec<i64>) -> String {
    serde_json::to_string(numbers).expect("invariant: numbers are always JSON")
}
