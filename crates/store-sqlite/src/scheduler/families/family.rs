//! Where an execution stands in its tree.

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::families::{Kin, NoChild, adopt};
use taskpilot_domain::ids::ExecutionId;

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::executions;
use crate::scheduler::turn::Turn;

pub(super) const TABLE: &str = "family";

static GET: &str = include_str!("../../../sql/scheduler/families/get.sql");
static INSERT: &str = include_str!("../../../sql/scheduler/families/insert.sql");
static COUNT: &str = include_str!("../../../sql/scheduler/families/count.sql");

/// The row of an execution that is somebody's child or parent, or would cancel its children.
pub(in crate::scheduler) struct Family {
    pub(in crate::scheduler) parent: Option<ExecutionId>,
    pub(in crate::scheduler) kin: Kin,
    pub(in crate::scheduler) cancels_children: bool,
}

/// None for most: they are alone.
pub(in crate::scheduler) fn find(
    turn: &mut Turn<'_>,
    id: ExecutionId,
) -> Result<Option<Family>, Failure> {
    let statement = turn.statement(GET)?;
    let found = statement.query_row([id.get()], |row| Ok(read(row)));
    found.optional()?.transpose()
}

/// Where a new child of `parent` stands, if it may be one.
pub(in crate::scheduler) fn place(
    turn: &mut Turn<'_>,
    namespace: i64,
    parent: ExecutionId,
) -> Result<Result<Kin, NoChild>, Failure> {
    let found = executions::find(turn, parent)?;
    if found.is_none_or(|found| found.namespace != namespace) {
        return Ok(adopt(None));
    }
    let family = find(turn, parent)?;
    let kin = family.map_or_else(|| Kin::root(parent), |family| family.kin);
    Ok(adopt(Some(kin)))
}

/// Writes what is not alone; its parent has a child more.
pub(in crate::scheduler) fn join(
    turn: &mut Turn<'_>,
    id: ExecutionId,
    (parent, kin): (Option<ExecutionId>, Kin),
    cancels_children: bool,
) -> Result<(), Failure> {
    if parent.is_none() && !cancels_children {
        return Ok(());
    }
    turn.statement(INSERT)?.execute((
        id.get(),
        parent.map(ExecutionId::get),
        kin.root.get(),
        kin.depth,
        cancels_children,
    ))?;
    if let Some(parent) = parent {
        turn.statement(COUNT)?.execute([parent.get()])?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Family, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    columns.value::<i64>("execution")?;
    Ok(Family {
        parent: columns.number_or_none("parent")?,
        kin: Kin {
            root: columns.number("root")?,
            depth: columns.number("depth")?,
            children: columns.number("children")?,
        },
        cancels_children: columns.value("cancels_children")?,
    })
}
