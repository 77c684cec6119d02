//! Registers a worker session.

use rusqlite::params;
use taskpilot_domain::names::QueueName;
use taskpilot_store::rows::sessions::{NewSession, SessionRecord};

use crate::failure::Failure;
use crate::scheduler::cleanups::cleanup_of;
use crate::scheduler::cleanups::declare::declare;
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
    let types = types(turn, namespace, new)?;
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
        cleanups: new.cleanups.iter().map(|(kind, _)| kind.clone()).collect(),
        slots: new.slots,
        running: 0,
        stopping: 0,
        stuck: 0,
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

/// The numbers of types, and those of their cleanups.
fn types(turn: &mut Turn<'_>, namespace: i64, new: &NewSession) -> Result<String, Failure> {
    let mut numbers = Vec::with_capacity(new.types.len() + new.cleanups.len());
    for name in &new.types {
        let kind = turn.memory.names.kind(turn.tx, name)?;
        let declared = new.cleanups.iter().find(|(cleaned, _)| cleaned == name);
        declare(turn, (namespace, kind), declared.map(|(_, terms)| *terms))?;
        numbers.push(kind);
        numbers.extend(declared.map(|_| cleanup_of(kind)));
    }
    Ok(json(&numbers))
}

fn json(numbers: &Vec<i64>) -> String {
    serde_json::to_string(numbers).expect("invariant: numbers are always JSON")
}
