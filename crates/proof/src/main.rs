//! `make test-model`: visits every state of the model within its large bounds, and says how many.

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use taskpilot_proof::model::{Bounds, check};

/// Each part with its bounds, and the states it must have at least: fewer, and they are no test.
const RUNS: [(&str, Bounds, usize); 7] = [
    ("starts", Bounds::STARTS, 100_000),
    ("releases", Bounds::RELEASES, 100_000),
    ("goodbyes", Bounds::GOODBYES, 100_000),
    ("family", Bounds::FAMILY, 1_000_000),
    ("reordering", Bounds::REORDERING, 1_000_000),
    ("retry", Bounds::RETRY, 1_000_000),
    ("binding", Bounds::BINDING, 1_000_000),
];

fn main() -> Result<()> {
    let threads = std::thread::available_parallelism()?.get();
    let mut states = 0;
    for (name, bounds, states_min) in RUNS {
        say(&format!("== {name}, {threads} threads"))?;
        let (report, seconds) = timed(|| check(bounds, threads));
        say(&format!("{report}time: {seconds:.1} s"))?;
        ensure!(report.holds(), "the model {name} does not hold");
        ensure!(
            report.unique_states >= states_min,
            "only {} states: the bounds of {name} are too narrow",
            report.unique_states
        );
        states += report.unique_states;
    }
    say(&format!("== all: {states} unique states"))
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
