//! Names and the small numbers that stand for them in rows.
//!
//! Both directions are kept in memory, within a bound, and forgotten after a rollback.

use std::collections::HashMap;
use std::hash::Hash;

use rusqlite::{Connection, OptionalExtension, Params};
use taskpilot_domain::names::{Namespace, QueueName, TaskType};

use crate::failure::Failure;

const FIND_NAMESPACE: &str = include_str!("../../sql/scheduler/names/find_namespace.sql");
const INSERT_NAMESPACE: &str = include_str!("../../sql/scheduler/names/insert_namespace.sql");
const GET_NAMESPACE: &str = include_str!("../../sql/scheduler/names/get_namespace.sql");
const FIND_QUEUE: &str = include_str!("../../sql/scheduler/names/find_queue.sql");
const INSERT_QUEUE: &str = include_str!("../../sql/scheduler/names/insert_queue.sql");
const GET_QUEUE: &str = include_str!("../../sql/scheduler/names/get_queue.sql");
const FIND_TYPE: &str = include_str!("../../sql/scheduler/names/find_type.sql");
const INSERT_TYPE: &str = include_str!("../../sql/scheduler/names/insert_type.sql");
const GET_TYPE: &str = include_str!("../../sql/scheduler/names/get_type.sql");

/// Names of one kind in memory: some hundred bytes each, so below a megabyte.
const KEPT_MAX: usize = 2_048;

/// What the writer knows of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    namespaces: Known<Namespace>,
    queues: Known<(i64, QueueName)>,
    kinds: Known<TaskType>,
}

#[derive(Debug)]
struct Known<K> {
    numbers: HashMap<K, i64>,
    names: HashMap<i64, K>,
}

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            names: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq + Clone> Known<K> {
    fn keep(&mut self, number: i64, name: &K) {
        if self.numbers.len() >= KEPT_MAX {
            self.clear();
        }
        self.numbers.insert(name.clone(), number);
        self.names.insert(number, name.clone());
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.names.clear();
    }
}

impl Names {
    /// The number of a namespace, which is given one if it has none.
    pub(super) fn namespace(&mut self, tx: &Connection, name: &Namespace) -> Result<i64, Failure> {
        if let Some(number) = self.namespaces.numbers.get(name) {
            return Ok(*number);
        }
        let number = intern(tx, FIND_NAMESPACE, INSERT_NAMESPACE, [name.as_str()])?;
        self.namespaces.keep(number, name);
        Ok(number)
    }

    /// The number of a queue of a namespace, which is given one if it has none.
    pub(super) fn queue(
        &mut self,
        tx: &Connection,
        namespace: i64,
        name: &QueueName,
    ) -> Result<i64, Failure> {
        let key = (namespace, name.clone());
        if let Some(number) = self.queues.numbers.get(&key) {
            return Ok(*number);
        }
        let params = (namespace, name.as_str());
        let number = intern(tx, FIND_QUEUE, INSERT_QUEUE, params)?;
        self.queues.keep(number, &key);
        Ok(number)
    }

    /// The number of a type, which is given one if it has none.
    pub(super) fn kind(&mut self, tx: &Connection, name: &TaskType) -> Result<i64, Failure> {
        if let Some(number) = self.kinds.numbers.get(name) {
            return Ok(*number);
        }
        let number = intern(tx, FIND_TYPE, INSERT_TYPE, [name.as_str()])?;
        self.kinds.keep(number, name);
        Ok(number)
    }

    pub(super) fn namespace_of(
        &mut self,
        tx: &Connection,
        number: i64,
    ) -> Result<Namespace, Failure> {
        if let Some(name) = self.namespaces.names.get(&number) {
            return Ok(name.clone());
        }
        let name = namespace_of(tx, number)?;
        self.namespaces.keep(number, &name);
        Ok(name)
    }

    /// The name of a queue and the number of its namespace.
    pub(super) fn queue_of(
        &mut self,
        tx: &Connection,
        number: i64,
    ) -> Result<(i64, QueueName), Failure> {
        if let Some(name) = self.queues.names.get(&number) {
            return Ok(name.clone());
        }
        let mut statement = tx.prepare_cached(GET_QUEUE)?;
        let (namespace, text): (i64, String) =
            statement.query_row([number], |row| Ok((row.get(1)?, row.get(2)?)))?;
        let name = QueueName::new(text).map_err(|_| corrupt("queue", number))?;
        self.queues.keep(number, &(namespace, name.clone()));
        Ok((namespace, name))
    }

    /// The name of a type. A negative number is that of its cleanup, which has no other name.
    pub(super) fn kind_of(&mut self, tx: &Connection, number: i64) -> Result<TaskType, Failure> {
        let number = number.abs();
        if let Some(name) = self.kinds.names.get(&number) {
            return Ok(name.clone());
        }
        let name = kind_of(tx, number)?;
        self.kinds.keep(number, &name);
        Ok(name)
    }

    /// Forgets everything: what was given a number may have been rolled back.
    pub(super) fn clear(&mut self) {
        self.namespaces.clear();
        self.queues.clear();
        self.kinds.clear();
    }
}

/// The number of a namespace, if anything was ever in it.
pub(super) fn find_namespace(
    connection: &Connection,
    name: &Namespace,
) -> Result<Option<i64>, Failure> {
    let mut statement = connection.prepare_cached(FIND_NAMESPACE)?;
    let found = statement.query_row([name.as_str()], |row| row.get(0));
    Ok(found.optional()?)
}

/// The name of a namespace.
pub(super) fn namespace_of(connection: &Connection, number: i64) -> Result<Namespace, Failure> {
    let mut statement = connection.prepare_cached(GET_NAMESPACE)?;
    let text: String = statement.query_row([number], |row| row.get(0))?;
    Namespace::new(text).map_err(|_| corrupt("namespace", number))
}

/// The name of a type.
pub(super) fn kind_of(connection: &Connection, number: i64) -> Result<TaskType, Failure> {
    let mut statement = connection.prepare_cached(GET_TYPE)?;
    let text: String = statement.query_row([number], |row| row.get(0))?;
    TaskType::new(text).map_err(|_| corrupt("handler_type", number))
}

fn intern(
    tx: &Connection,
    find: &str,
    insert: &str,
    params: impl Params + Clone,
) -> Result<i64, Failure> {
    let mut statement = tx.prepare_cached(find)?;
    let found = statement.query_row(params.clone(), |row| row.get(0));
    if let Some(number) = found.optional()? {
        return Ok(number);
    }
    tx.prepare_cached(insert)?.execute(params)?;
    Ok(tx.last_insert_rowid())
}

fn corrupt(table: &'static str, id: i64) -> Failure {
    Failure::Corrupt {
        table,
        column: "name",
        id,
    }
}
