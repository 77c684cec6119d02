//! Latencies of one run, in a histogram of three digits.

use hdrhistogram::Histogram;

/// The longest that is told apart: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// How long things took.
#[derive(Debug)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1_000, LONGEST_NS, 3)
            .expect("invariant: the bounds and the digits are valid");
        Self { histogram }
    }

    /// From the instant at which it was meant to begin, so that a server that stalls is charged for
    /// what had to wait.
    pub(crate) fn record(&mut self, intended_ns: u64, ended_ns: u64) {
        self.histogram
            .saturating_record(ended_ns.saturating_sub(intended_ns).max(1));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.histogram.is_empty()
    }

    /// In milliseconds; `quantile` from 0 to 1, where 1 is the longest.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        crate::clock::seconds(self.histogram.value_at_quantile(quantile)) * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_that_of_what_was_recorded() {
        let mut latencies = Latencies::new();
        for ms in 1..=100_u64 {
            latencies.record(0, ms * 1_000_000);
        }
        let near = |quantile: f64, ms: f64| {
            let found = latencies.quantile_ms(quantile);
            assert!((found - ms).abs() / ms < 0.002, "{quantile}: {found}");
        };
        near(0.5, 50.0);
        near(0.99, 99.0);
        near(1.0, 100.0);
    }
}
