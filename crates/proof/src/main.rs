//! `make test-model`: visits every state of the model within its large bounds, and says how many.

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use taskpilot_proof::model::{Bounds, check};

/// Fewer states than that, and the bounds are no test.
const STATES_MIN: usize = 1_000_000;

fn main() -> Result<()> {
    let threads = std::thread::available_parallelism()?.get();
    for (name, bounds) in [("retry", Bounds::RETRY), ("binding", Bounds::BINDING)] {
        say(&format!("== {name}, {threads} threads"))?;
        let (report, seconds) = timed(|| check(bounds, threads));
        say(&format!("{report}time: {seconds:.1} s"))?;
        ensure!(report.holds(), "the model {name} does not hold");
        ensure!(
            report.unique_states >= STATES_MIN,
            "only {} states: the bounds of {name} are too narrow",
            report.unique_states
        );
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a run takes is what people ask; no state knows of it"
)]
fn timed<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let result = run();
    (result, began.elapsed().as_secs_f64())
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}
