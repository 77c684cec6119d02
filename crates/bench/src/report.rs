//! What a measurement found: figures over runs, for people as a table and for programs as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use crate::latency::Latencies;
use crate::machine::Machine;

/// The outcome of one measurement.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    mode: &'static str,
    machine: Machine,
    settings: BTreeMap<&'static str, Value>,
    figures: Vec<Figure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    curves: Vec<Curve>,
}

/// One figure: its value in each run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Goal>,
    /// Whether the median meets the goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) met: Option<bool>,
}

/// What a figure is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// How something grows with something else.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    /// What grows.
    pub(crate) over: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) points: Vec<Point>,
}

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Report {
    pub(crate) fn new(mode: &'static str) -> Self {
        Self {
            mode,
            machine: Machine::here(),
            settings: BTreeMap::new(),
            figures: Vec::new(),
            curves: Vec::new(),
        }
    }

    pub(crate) fn setting(&mut self, name: &'static str, value: impl Into<Value>) {
        self.settings.insert(name, value.into());
    }

    /// Adds a figure from its value in each run.
    pub(crate) fn figure(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        values: &[f64],
        goal: Option<Goal>,
    ) {
        if values.is_empty() {
            return;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = median(&sorted);
        self.figures.push(Figure {
            name: name.into(),
            unit,
            median,
            min: sorted[0],
            max: sorted[sorted.len() - 1],
            runs: sorted.len(),
            goal,
            met: goal.map(|goal| goal.is_met_by(median)),
        });
    }

    /// Adds p50, p99 and the longest of each run; the goals are for the first two.
    pub(crate) fn latencies<'r>(
        &mut self,
        name: &str,
        runs: impl IntoIterator<Item = &'r Latencies>,
        (p50, p99): (Option<Goal>, Option<Goal>),
    ) {
        let runs = runs.into_iter().filter(|run| !run.is_empty());
        let runs: Vec<&Latencies> = runs.collect();
        let of = |quantile: f64| -> Vec<f64> {
            runs.iter().map(|run| run.quantile_ms(quantile)).collect()
        };
        self.figure(format!("{name} p50"), "ms", &of(0.5), p50);
        self.figure(format!("{name} p99"), "ms", &of(0.99), p99);
        self.figure(format!("{name} max"), "ms", &of(1.0), None);
    }

    pub(crate) fn curve(&mut self, curve: Curve) {
        self.curves.push(curve);
    }

    pub(crate) fn mode(&self) -> &'static str {
        self.mode
    }

    /// Takes over what another report found.
    pub(crate) fn absorb(&mut self, other: Self) {
        let mode = other.mode;
        let named = other.figures.into_iter().map(|figure| Figure {
            name: format!("{mode}: {}", figure.name),
            ..figure
        });
        self.figures.extend(named);
        self.curves.extend(other.curves);
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn settings(&self) -> &BTreeMap<&'static str, Value> {
        &self.settings
    }

    pub(crate) fn curves(&self) -> &[Curve] {
        &self.curves
    }

    /// The figures that miss their goals, in words.
    pub(crate) fn missed(&self) -> impl Iterator<Item = String> {
        let missed = self
            .figures
            .iter()
            .filter(|figure| figure.met == Some(false));
        missed.map(|figure| {
            let [name, median, _, _, goal, _] = figure.row();
            format!("{name} {median}, goal {goal}")
        })
    }

    /// As a table for people, which is also Markdown.
    pub fn table(&self) -> String {
        let mut rows = vec![
            ["Figure", "Median", "Min–max", "Runs", "Goal", "Met"].map(str::to_owned),
            ["---", "---:", "---:", "---:", "---:", "---"].map(str::to_owned),
        ];
        rows.extend(self.figures.iter().map(Figure::row));
        let mut text = aligned(&rows);
        for curve in &self.curves {
            text.push_str(&curve.table());
        }
        text
    }
}

impl Goal {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {}", number(bound)),
            Self::AtMost(bound) => format!("≤ {}", number(bound)),
        }
    }
}

impl Figure {
    fn row(&self) -> [String; 6] {
        let unit = if self.unit.is_empty() {
            String::new()
        } else {
            format!(" {}", self.unit)
        };
        [
            self.name.clone(),
            format!("{}{unit}", number(self.median)),
            format!("{}–{}", number(self.min), number(self.max)),
            self.runs.to_string(),
            self.goal.map_or_else(String::new, Goal::text),
            match self.met {
                Some(true) => "yes".to_owned(),
                Some(false) => "no".to_owned(),
                None => String::new(),
            },
        ]
    }
}

impl Curve {
    fn table(&self) -> String {
        let mut text = format!("\n{} over {}:\n\n", self.name, self.over);
        let mut rows = vec![
            [
                self.over.to_owned(),
                format!("{} ({})", self.name, self.unit),
            ],
            ["---:".to_owned(), "---:".to_owned()],
        ];
        let row = |point: &Point| [number(point.x), number(point.y)];
        rows.extend(self.points.iter().map(row));
        text.push_str(&aligned(&rows));
        text
    }
}

/// The middle of sorted values.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

/// As many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1_000.0 {
        let whole = format!("{value:.0}");
        let groups: Vec<&[u8]> = whole.as_bytes().rchunks(3).rev().collect();
        String::from_utf8_lossy(&groups.join(&b","[..])).into_owned()
    } else if size >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            write!(text, "| {cell:width$} ").expect("invariant: a text takes all that is written");
        }
        text.push_str("|\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_and_the_spread_of_its_runs() {
        let mut report = Report::new("test");
        report.figure(
            "rate",
            "1/s",
            &[3.0, 1.0, 20_000.0],
            Some(Goal::AtLeast(4.0)),
        );
        report.figure("share", "", &[0.5, 0.25], Some(Goal::AtMost(1.0)));
        let table = report.table();
        let rows: Vec<String> = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let expected = [
            "| Figure | Median | Min–max | Runs | Goal | Met |",
            "| --- | ---: | ---: | ---: | ---: | --- |",
            "| rate | 3 1/s | 1–20,000 | 3 | ≥ 4 | no |",
            "| share | 0.38 | 0.25–0.50 | 2 | ≤ 1 | yes |",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let texts = [0.0, 0.123, 12.34, 123.4, 1_234.5, 1_234_567.0].map(number);
        assert_eq!(texts, ["0", "0.12", "12.3", "123", "1,234", "1,234,567"]);
    }
}
