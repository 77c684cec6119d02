//! `taskpilot bench floor`: what the storage below could do if nothing were above it.

use std::path::Path;

use anyhow::Result;
use taskpilot_store_sqlite::Floor;
use tokio::task::yield_now;

use crate::arguments::{FloorArgs, Size};
use crate::bodies::Work;
use crate::clock::{now_ns, seconds};
use crate::report::{Goal, Report};
use crate::target::below;

/// Below this the floor itself is wrong, on two quiet processors and in batches of 500.
const FLOOR_MIN: f64 = 100_000.0;

pub(crate) async fn measure(args: &FloorArgs) -> Result<Report> {
    let parent = args.place.directory()?;
    let mut report = Report::new("floor");
    args.size.tell(&mut report);
    let mut rates = Vec::new();
    for number in 0..args.place.runs {
        rates.push(rate(&parent, args.size, number.into()).await?);
    }
    let goal = (args.size.batch == 500).then_some(Goal::AtLeast(FLOOR_MIN));
    report.figure("floor", "lifecycles/s", &rates, goal);
    Ok(report)
}

/// Lifecycles per second of one run on a new database. Signals are looked at between its batches.
pub(crate) async fn rate(parent: &Path, size: Size, run: u64) -> Result<f64> {
    let directory = below(parent)?;
    let mut floor = Floor::open(directory.path())?;
    let work = Work::new(run, size.payload as usize);
    let batches = size.count.div_ceil(size.batch.into());
    let mut items = Vec::new();
    for batch in 0..batches {
        items.push(work.floor(batch * u64::from(size.batch), size.batch.into()));
        yield_now().await;
    }
    let begun = now_ns();
    for batch in &items {
        floor.cycle(batch, NOW_MS)?;
        yield_now().await;
    }
    let took = seconds(now_ns() - begun);
    Ok(f64::from(u32::try_from(batches)?) * f64::from(size.batch) / took)
}

/// The floor keeps instants and judges none.
const NOW_MS: i64 = 1_800_000_000_000;

impl Size {
    /// What was asked for, in a report.
    pub(crate) fn tell(self, report: &mut Report) {
        report.setting("count", self.count);
        report.setting("batch", self.batch);
        report.setting("payloadBytes", self.payload);
        report.setting("synchronous", "FULL");
    }
}
