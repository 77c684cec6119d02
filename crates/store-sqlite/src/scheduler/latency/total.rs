//! Adds up what was counted since ever.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row};
use taskpilot_domain::histogram::Bucket;
use taskpilot_domain::names::{Namespace, TaskType};
use taskpilot_domain::stop::StopStage;
use taskpilot_store::rows::latency::StopTotal;

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::word;
use crate::scheduler::names::{kind_of, namespace_of};

const TOTAL: &str = include_str!("../../../sql/scheduler/latency/total.sql");

/// A namespace and a type.
type Pair = (i64, i64);

/// The counts of the first `limit` pairs of a namespace and a type, and behind them of the rest.
pub(in crate::scheduler) fn total(
    connection: &Connection,
    limit: usize,
) -> Result<Vec<StopTotal>, Failure> {
    let mut totals = Totals {
        connection,
        limit,
        places: HashMap::new(),
        all: Vec::new(),
    };
    let mut statement = connection.prepare_cached(TOTAL)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        totals.add(row)?;
    }
    Ok(totals.all)
}

struct Totals<'c> {
    connection: &'c Connection,
    limit: usize,
    places: HashMap<Pair, usize>,
    all: Vec<StopTotal>,
}

impl Totals<'_> {
    fn add(&mut self, row: &Row<'_>) -> Result<(), Failure> {
        let mut columns = Columns::of(row, "stop_latency_total")?;
        columns.value::<i64>("id")?;
        let pair = (columns.value("namespace")?, columns.value("type")?);
        let stage: StopStage = word(&mut columns, "stage")?;
        let bucket = Bucket(columns.number("bucket")?);
        let count = columns.number("count")?;
        let place = self.place(pair)?;
        let histogram = self.all[place].stages.entry(stage).or_default();
        histogram.add(bucket, count);
        Ok(())
    }

    /// Where a pair is counted. Those beyond the limit share the place behind it, and are not kept.
    fn place(&mut self, pair: Pair) -> Result<usize, Failure> {
        if let Some(known) = self.places.get(&pair) {
            return Ok(*known);
        }
        let place = self.places.len();
        let is_own = place < self.limit;
        if place == self.all.len() {
            let of = is_own.then(|| self.names(pair)).transpose()?;
            let stages = BTreeMap::new();
            self.all.push(StopTotal { of, stages });
        }
        if is_own {
            self.places.insert(pair, place);
        }
        Ok(place)
    }

    fn names(&self, (namespace, kind): Pair) -> Result<(Namespace, TaskType), Failure> {
        let namespace = namespace_of(self.connection, namespace)?;
        Ok((namespace, kind_of(self.connection, kind)?))
    }
}
