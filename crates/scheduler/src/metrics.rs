//! What a monitor scrapes: how long stops took, of all namespaces, in the text format of Prometheus.
//!
//! All of it is read from the store: the same whichever process is asked, before and after a restart.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use taskpilot_domain::histogram::Histogram;
use taskpilot_domain::limits::METRIC_TYPES_MAX;
use taskpilot_domain::stop::{StopStage, StopStatus};
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::latency::StopTotal;

use crate::app::App;
use crate::http::error::unavailable;

/// Without the unit, which the encoder adds.
const STOP_STAGE: &str = "taskpilot_stop_stage";
const STOP_STAGE_HELP: &str = "Time from the decision of a stop to each of its stages. Counted since \
    ever; a bucket is at most 3 % wide and counted by its upper end, the sum is at most 2 % off.";

const OPEN_STOPS: &str = "taskpilot_open_stops";
const OPEN_STOPS_HELP: &str = "Stops that are neither settled nor released, by their status.";

/// The upper ends of what is told, in milliseconds. Stamps are whole milliseconds, so these are too.
/// Dashboards name them: one may come, none goes.
const BOUNDS_MS: [u64; 16] = [
    1, 2, 5, 8, 10, 20, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
];

/// What those are called together that are too many to be told apart. No name has such characters.
const OTHERS: &str = "(other)";

/// All metrics as text.
pub(crate) async fn scrape(app: &App) -> Result<String, ApiError> {
    let totals = app.store.total_stop_latencies(METRIC_TYPES_MAX).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(StopStages(totals.map_err(unavailable)?)));
    let open = app.store.count_open_stops().await;
    registry.register_collector(Box::new(OpenStops(open.map_err(unavailable)?)));
    let mut text = String::new();
    encode_registry(&mut text, &registry).map_err(ApiError::fault)?;
    Ok(text)
}

#[derive(Debug)]
struct StopStages(Vec<StopTotal>);

impl Collector for StopStages {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (unit, kind) = (Unit::Seconds, MetricType::Histogram);
        let mut metric =
            encoder.encode_descriptor(STOP_STAGE, STOP_STAGE_HELP, Some(&unit), kind)?;
        let none = Histogram::default();
        for total in &self.0 {
            let (namespace, kind) = names(total);
            // A type has all stages from its first stop on: what begins with 1 has no rate.
            for stage in StopStage::ALL {
                let labels = [
                    ("namespace", namespace),
                    ("type", kind),
                    ("stage", stage.as_str()),
                ];
                let counted = total.stages.get(&stage).unwrap_or(&none);
                write(&mut metric.encode_family(&labels)?, counted)?;
            }
        }
        Ok(())
    }
}

/// How many stops are neither settled nor released; each status is told, also with none.
#[derive(Debug)]
struct OpenStops(BTreeMap<StopStatus, u64>);

impl Collector for OpenStops {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = encoder.encode_descriptor(OPEN_STOPS, OPEN_STOPS_HELP, None, kind)?;
        for (status, count) in &self.0 {
            let labels = [("status", status.as_str())];
            metric.encode_family(&labels)?.encode_gauge(count)?;
        }
        Ok(())
    }
}

fn names(total: &StopTotal) -> (&str, &str) {
    let of = total.of.as_ref();
    of.map_or((OTHERS, OTHERS), |(namespace, kind)| {
        (namespace.as_str(), kind.as_str())
    })
}

/// The encoder adds up what it is given.
fn write(metric: &mut MetricEncoder<'_>, counted: &Histogram) -> fmt::Result {
    let mut before = 0;
    let mut beyond_last = |up_to: u64| up_to - mem::replace(&mut before, up_to);
    let bounded = BOUNDS_MS.map(|ms| (seconds(ms), beyond_last(counted.count_up_to(ms))));
    let rest = (f64::INFINITY, beyond_last(counted.count()));
    let buckets: Vec<(f64, u64)> = bounded.into_iter().chain([rest]).collect();
    let (sum, count) = (seconds(counted.sum()), counted.count());
    metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::histogram::Bucket;

    use super::*;

    #[test]
    fn those_that_are_too_many_are_told_as_one() {
        let mut histogram = Histogram::default();
        histogram.add(Bucket::of(70), 3);
        let total = StopTotal {
            of: None,
            stages: [(StopStage::Stopped, histogram)].into(),
        };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(StopStages(vec![total])));
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        let of = r#"namespace="(other)",type="(other)",stage"#;
        for line in [
            format!(r#"taskpilot_stop_stage_seconds_count{{{of}="stopped"}} 3"#),
            format!(r#"taskpilot_stop_stage_seconds_sum{{{of}="stopped"}} 0.213"#),
            format!(r#"taskpilot_stop_stage_seconds_count{{{of}="signaled"}} 0"#),
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }
}
