//! The pages that show what was found: `README.md` for people, `results.json` for programs and the
//! curves as a picture. They are written anew each time; `missed.md` beside them is not.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::arguments::AllArgs;
use crate::machine::file_system_of;
use crate::plot;
use crate::report::Report;

/// Before the tables.
const METHOD: &str = "\
Written by `taskpilot bench all`, which `make bench` runs: the next run writes it anew, so nothing is changed here by hand.
Why a goal is missed is written by hand in [missed.md](missed.md), which no run changes.

## Method

- Load generator, services, workers and databases share the machine.
- Each run has a private `taskpilot up` on a new directory, unless its table is of a curve.
  A write is acknowledged when it is on the disk (SQLite with a write-ahead log and `synchronous=FULL`).
- A figure is the median of its runs, with the least and the largest beside it.
  A ratio (a figure without a unit) is the median of pairs that are measured one after the other.
- Units: `1/s` is per second, `ms` a thousandth of a second, `MiB` 2^20 bytes, `%` of time that of one processor.
  p50 and p99 are the latencies that 50 and 99 of 100 do not exceed; of p50, p99 and max, too, the median of the runs is told.
- Latencies count from the instant at which a call was meant to be sent.
  By how much later the generator sent it is in them, and is told as lateness of the sends.
  Those \"under full load\" are of callers that send the next call when the last one is answered, and count from there.
- In the curves, executions that wait are those behind the ones that are claimed, and those that ended before are counted when the first run of a point begins: each run adds its own.
- Memory is what is resident without the pages of files.
- Workers of the lifecycles, drains and curves are sessions of the load generator whose handlers take no time.
  Sessions of the same kind hold what runs beside the processes of the cancels, and renew their leases.
  At most 768 claims wait at the scheduler at once: of 1,000 workers the others are answered at once, and ask again when their wait would have been over, 0.2 s after they asked.
";

/// What a new `missed.md` says.
const MISSED: &str = "\
# Missed goals

Why a goal of the benchmarks is missed, as far as it is known: one section for each figure.
This page is written by hand; `make bench` leaves it as it is.
";

/// Writes the pages of what was measured, of so many measurements in all.
pub(crate) fn write(args: &AllArgs, reports: &[Report], parts: usize) -> Result<()> {
    let out = &args.out;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let put = |name: &str, text: String| {
        let path = out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    put(
        "results.json",
        serde_json::to_string_pretty(reports)? + "\n",
    )?;
    let curves: Vec<_> = reports.iter().flat_map(Report::curves).cloned().collect();
    put("curves.svg", plot::svg(&curves))?;
    if !out.join("missed.md").exists() {
        put("missed.md", MISSED.to_owned())?;
    }
    put("README.md", page(args, reports, parts)?)
}

fn page(args: &AllArgs, reports: &[Report], parts: usize) -> Result<String> {
    let mut text = format!("# Benchmarks\n\n{METHOD}\n");
    if reports.len() < parts {
        let done = reports.len();
        writeln!(
            text,
            "**Not complete:** {done} of {parts} measurements are here.\n"
        )?;
    }
    if args.quick {
        text.push_str("**A quick run:** its figures show that all can be measured, no more.\n\n");
    }
    text.push_str(&missed(reports));
    if let Some(report) = reports.first() {
        text.push_str("## Machine\n\n| | |\n|---|---|\n");
        for (name, value) in report.machine().facts() {
            writeln!(text, "| {name} | {value} |")?;
        }
        let file_system = file_system_of(&args.place.directory()?);
        writeln!(text, "| File system | {file_system} |")?;
    }
    for report in reports {
        let settings: Vec<String> = report
            .settings()
            .iter()
            .map(|(name, value)| format!("`{name}` {}", text_of(value)))
            .collect();
        writeln!(text, "\n## {}\n", capitalized(report.mode()))?;
        writeln!(text, "Settings: {}.\n", settings.join(", "))?;
        text.push_str(&report.table());
    }
    if reports.iter().any(|report| !report.curves().is_empty()) {
        text.push_str("\n![The curves of growth](curves.svg)\n");
    }
    Ok(text)
}

/// The goals that were missed, before everything else.
fn missed(reports: &[Report]) -> String {
    let lines: Vec<String> = reports
        .iter()
        .flat_map(|report| {
            let mode = capitalized(report.mode());
            report
                .missed()
                .map(move |figure| format!("- {mode}: {figure}\n"))
        })
        .collect();
    let text = if lines.is_empty() {
        "None.\n".to_owned()
    } else {
        format!("{}\nWhy: [missed.md](missed.md).\n", lines.concat())
    };
    format!("## Missed goals\n\n{text}\n")
}

/// A text without its quotes.
fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::limits::WAITING_CALLS_MAX;

    use super::*;
    use crate::report::Goal;

    #[test]
    fn the_page_says_how_many_claims_can_wait() {
        assert!(METHOD.contains(&format!("At most {WAITING_CALLS_MAX} claims wait")));
    }

    #[test]
    fn missed_goals_stand_before_the_tables_and_lead_to_the_page_by_hand() {
        let mut report = Report::new("drain");
        report.figure("drained", "1/s", &[3.0], Some(Goal::AtLeast(4.0)));
        report.figure("filled", "1/s", &[3.0], Some(Goal::AtMost(4.0)));
        assert_eq!(
            missed(&[report]),
            "## Missed goals\n\n- Drain: drained 3 1/s, goal ≥ 4\n\nWhy: [missed.md](missed.md).\n\n"
        );
        assert_eq!(missed(&[]), "## Missed goals\n\nNone.\n\n");
    }
}
