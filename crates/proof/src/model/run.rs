//! A run of the checker, and what it says of it.

use std::fmt;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use super::bounds::Bounds;
use super::mutation::Mutation;
use super::world::TaskPilot;

/// What a run found. It visited every state within its bounds.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its bounds.
    pub bounds: Bounds,
    /// States that differ, without clocks, counters and names.
    pub unique_states: usize,
    /// Steps that were taken, repeats included.
    pub steps: usize,
    /// The longest shortest way to a state.
    pub depth: usize,
    /// Promises that do not hold, each with a way to where it does not.
    pub broken: Vec<(&'static str, String)>,
    /// What was never come past.
    pub unseen: Vec<&'static str>,
    /// What was come past.
    pub seen: Vec<&'static str>,
}

/// Visits every state within `bounds`.
pub fn check(bounds: Bounds, threads: usize) -> Report {
    walk(bounds, None, threads)
}

/// Breaks a rule and walks until a promise does not hold.
pub fn check_broken(bounds: Bounds, mutation: Mutation) -> Report {
    walk(bounds, Some(mutation), 1)
}

fn walk(bounds: Bounds, mutation: Option<Mutation>, threads: usize) -> Report {
    let model = TaskPilot { bounds, mutation };
    let properties = model.properties();
    let finish = match mutation {
        Some(_) => HasDiscoveries::AnyFailures,
        None => HasDiscoveries::All,
    };
    let checker = model.checker().threads(threads).finish_when(finish);
    let checker = checker.spawn_bfs().join();
    let found = checker.discoveries();
    let mut report = Report {
        bounds,
        unique_states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        broken: Vec::new(),
        unseen: Vec::new(),
        seen: Vec::new(),
    };
    for property in properties {
        let way = found.get(property.name);
        match (property.expectation, way) {
            (Expectation::Sometimes, Some(_)) => report.seen.push(property.name),
            (Expectation::Sometimes, None) => report.unseen.push(property.name),
            (_, Some(way)) => {
                let steps = way.clone().into_actions();
                let steps: Vec<_> = steps.iter().map(|step| format!("{step:?}")).collect();
                report.broken.push((property.name, steps.join("\n  ")));
            }
            (_, None) => {}
        }
    }
    report
}

impl Report {
    /// Whether every promise holds, and nothing that was to be seen was missed.
    pub fn holds(&self) -> bool {
        self.broken.is_empty() && self.unseen.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bounds: {}", self.bounds)?;
        writeln!(
            f,
            "unique states: {}, steps: {}, depth: {}",
            self.unique_states, self.steps, self.depth
        )?;
        writeln!(f, "came past: {}", self.seen.join(", "))?;
        for unseen in &self.unseen {
            writeln!(f, "NEVER CAME PAST: {unseen}")?;
        }
        for (promise, way) in &self.broken {
            writeln!(f, "BROKEN: {promise}\n  {way}")?;
        }
        Ok(())
    }
}
