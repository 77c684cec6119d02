//! What the writer keeps in mind of queues: which are paused or limited, and what a transaction
//! moved in any of them.
//!
//! The differences are written once per commit. All of it is forgotten after a rollback.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Row, params};
use taskpilot_domain::execution::{BlockedBy, Standing};
use taskpilot_domain::limits::QUEUE_TYPES_WOKEN_MAX;
use taskpilot_domain::queue::QueueRule;

use super::{TABLE, rule};
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::Place;

const LIST_LIMITED: &str = include_str!("../../../sql/scheduler/queues/list_limited.sql");
const LIST_PAUSED: &str = include_str!("../../../sql/scheduler/queues/list_paused.sql");
const COUNT: &str = include_str!("../../../sql/scheduler/queues/count.sql");
const NEXT_READY_TYPE: &str = include_str!("../../../sql/scheduler/queues/next_ready_type.sql");

/// Something that a queue has a count of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scheduler) enum Counted {
    Ready,
    Scheduled,
    BackingOff,
    Blocked,
    Running,
    Stopping,
}

impl Counted {
    /// Where an execution is counted; nowhere once it has ended.
    pub(in crate::scheduler) fn of(place: Place, standing: &Standing) -> Option<Self> {
        match place {
            Place::Ready => Some(Self::Ready),
            Place::Waiting if standing.attempt_count == 0 => Some(Self::Scheduled),
            Place::Waiting => Some(Self::BackingOff),
            Place::Blocked => Some(Self::Blocked),
            Place::Running => Some(Self::Running),
            Place::Succeeded | Place::Failed | Place::Canceled => None,
        }
    }

    fn is_held(self) -> bool {
        matches!(self, Self::Running | Self::Stopping)
    }
}

/// The queues in the writer's mind, by their number.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct Board {
    /// Those that an operator set anything for.
    steered: HashMap<i64, Steered>,
    /// What this transaction moved.
    moved: HashMap<i64, [i64; 6]>,
    /// Those that may have become claimable in it.
    opened: HashSet<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Steered {
    rule: QueueRule,
    held: u64,
}

impl Steered {
    fn blocks(self) -> Option<BlockedBy> {
        self.rule.blocks(self.held)
    }
}

impl Board {
    /// Forgets what it knew and reads what is stored.
    pub(in crate::scheduler) fn load(&mut self, connection: &Connection) -> Result<(), Failure> {
        *self = Self::default();
        for sql in [LIST_LIMITED, LIST_PAUSED] {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok(read(row)))?;
            for row in rows {
                let (id, steered) = row??;
                self.steered.insert(id, steered);
            }
        }
        Ok(())
    }

    /// Whether no queue is paused or limited.
    pub(in crate::scheduler) fn is_free(&self) -> bool {
        self.steered.is_empty()
    }

    /// How many attempts may begin now; `None`: as many as there are.
    pub(in crate::scheduler) fn room(&self, queue: i64) -> Option<u64> {
        let steered = self.steered.get(&queue)?;
        steered.rule.room(steered.held)
    }

    /// What keeps ready executions of a queue from being claimed now.
    pub(in crate::scheduler) fn blocks(&self, queue: i64) -> Option<BlockedBy> {
        self.steered.get(&queue).and_then(|queue| queue.blocks())
    }

    /// Notes that an execution, or its stop, is counted elsewhere than before.
    pub(in crate::scheduler) fn moves(
        &mut self,
        queue: i64,
        from: Option<Counted>,
        to: Option<Counted>,
    ) {
        if from == to {
            return;
        }
        let moved = self.moved.entry(queue).or_default();
        if let Some(from) = from {
            moved[from as usize] -= 1;
        }
        if let Some(to) = to {
            moved[to as usize] += 1;
        }
        let held = |counted: Option<Counted>| counted.is_some_and(Counted::is_held);
        match (held(from), held(to)) {
            (false, true) => self.hold(queue),
            (true, false) => self.release(queue),
            (true, true) | (false, false) => {}
        }
    }

    fn hold(&mut self, queue: i64) {
        if let Some(steered) = self.steered.get_mut(&queue) {
            steered.held += 1;
        }
    }

    fn release(&mut self, queue: i64) {
        let Some(steered) = self.steered.get_mut(&queue) else {
            return;
        };
        if steered.blocks().is_some() {
            self.opened.insert(queue);
        }
        steered.held = steered.held.saturating_sub(1);
    }

    /// Takes a rule that was set. `held` is what the queue holds by now.
    pub(in crate::scheduler) fn set(&mut self, queue: i64, rule: QueueRule, held: u64) {
        self.opened.insert(queue);
        if rule.is_free() {
            self.steered.remove(&queue);
        } else {
            self.steered.insert(queue, Steered { rule, held });
        }
    }

    /// Writes what the transaction moved.
    pub(in crate::scheduler) fn write(&mut self, connection: &Connection) -> Result<(), Failure> {
        for (queue, moved) in self.moved.drain() {
            if moved == [0; 6] {
                continue;
            }
            let [ready, scheduled, backing_off, blocked, running, stopping] = moved;
            connection.prepare_cached(COUNT)?.execute(params![
                queue,
                ready,
                scheduled,
                backing_off,
                blocked,
                running,
                stopping
            ])?;
        }
        Ok(())
    }

    /// The queues and types of which something can be claimed now and could not before.
    pub(in crate::scheduler) fn take_opened(
        &mut self,
        connection: &Connection,
    ) -> Result<Vec<(i64, i64)>, Failure> {
        let mut ready = Vec::new();
        for queue in std::mem::take(&mut self.opened) {
            if self.blocks(queue).is_none() {
                let kinds = ready_types(connection, queue)?;
                ready.extend(kinds.into_iter().map(|kind| (queue, kind)));
            }
        }
        Ok(ready)
    }
}

fn read(row: &Row<'_>) -> Result<(i64, Steered), Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let id = columns.value("id")?;
    let (rule, held) = rule(&mut columns)?;
    Ok((id, Steered { rule, held }))
}

fn ready_types(connection: &Connection, queue: i64) -> Result<Vec<i64>, Failure> {
    let mut statement = connection.prepare_cached(NEXT_READY_TYPE)?;
    let mut kinds = Vec::new();
    // Those of cleanups are negative.
    let mut last = i64::MIN;
    while kinds.len() < QUEUE_TYPES_WOKEN_MAX {
        let next: Option<i64> = statement.query_row((queue, last), |row| row.get(0))?;
        let Some(kind) = next else { break };
        kinds.push(kind);
        last = kind;
    }
    Ok(kinds)
}
