//! Sessions that hold attempts and do nothing with them.

use anyhow::Result;

use crate::bodies::KIND;
use crate::session::{Session, Trade};
use crate::target::Target;

/// Slots of a session that holds work.
const HELD_BY_ONE: u32 = 1_000;

/// Sessions that hold so many of what waits, for as long as they are there.
pub(crate) async fn hold(count: u64, target: &Target) -> Result<Vec<Session>> {
    let mut holders = Vec::new();
    let mut held = 0;
    while held < count {
        let trade = Trade {
            name: "bench-holder",
            kind: KIND,
            slots: HELD_BY_ONE,
        };
        let mut holder = Session::register(&target.scheduler, trade).await?;
        let left = u32::try_from(count - held)?;
        held += holder.take(HELD_BY_ONE.min(left)).await?;
        holders.push(holder);
    }
    Ok(holders)
}
