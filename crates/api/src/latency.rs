//! How long things take: counted by the scheduler, told in quantiles by the control plane.

use serde::{Deserialize, Serialize};
use taskpilot_domain::histogram::{Bucket, Histogram};
use taskpilot_domain::limits::{LATENCY_WINDOW_MS_DEFAULT, LATENCY_WINDOW_MS_MAX};
use taskpilot_domain::names::TaskType;
use taskpilot_domain::stop::StopStage;
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::field::{FieldError, parse};
use crate::open::vocabulary;
use crate::schema;

vocabulary! { StopStageWord, StopStage, "StopStage", "What of a stop is measured, from its decision on", {
    Delivered => "delivered", Signaled => "signaled", Stopped => "stopped",
} }

/// The query of `GET …/latency/stops`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StopLatencyQuery {
    /// The time that is told of, in milliseconds, 1 to 2,678,400,000 (31 days); a day unless told
    /// otherwise. It is counted in whole minutes.
    pub window_ms: Option<u64>,
    /// Its end, an instant; now unless told otherwise.
    pub until: Option<String>,
    /// Only stops of this type.
    pub r#type: Option<String>,
}

/// A checked [`StopLatencyQuery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyWindow {
    /// The time in milliseconds.
    pub window_ms: u64,
    /// Its end.
    pub until: Timestamp,
    /// Only this type.
    pub kind: Option<TaskType>,
}

impl LatencyWindow {
    /// The beginning.
    pub fn since(&self) -> Timestamp {
        self.until.minus_ms(self.window_ms)
    }
}

impl StopLatencyQuery {
    /// Checks every parameter.
    pub fn resolve(self, now: Timestamp) -> Result<LatencyWindow, FieldError> {
        let window_ms = self.window_ms.unwrap_or(LATENCY_WINDOW_MS_DEFAULT);
        if !(1..=LATENCY_WINDOW_MS_MAX).contains(&window_ms) {
            let range = format_args!("from 1 to {LATENCY_WINDOW_MS_MAX}");
            return Err(FieldError::new("windowMs", range));
        }
        let until = self.until.map(|text| parse("until", &text)).transpose()?;
        let kind = self.r#type.map(|text| parse("type", &text)).transpose()?;
        Ok(LatencyWindow {
            window_ms,
            until: until.unwrap_or(now),
            kind,
        })
    }
}

/// What the scheduler has counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopCounts {
    /// The beginning of the time.
    #[schema(value_type = schema::Instant)]
    pub since: Timestamp,
    /// Its end.
    #[schema(value_type = schema::Instant)]
    pub until: Timestamp,
    /// By type and stage.
    pub items: Vec<StopCount>,
}

/// The counts of one stage of the stops of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopCount {
    /// The type.
    pub r#type: String,
    /// The stage.
    pub stage: StopStageWord,
    /// Numbers of buckets, each with its count. Up to 63 a bucket is its milliseconds; above that each
    /// doubling has 32, as in an HDR histogram: bucket `64 + 32 d + i` begins at `(32 + i) 2^(d+1)` ms.
    #[schema(value_type = Vec<Vec<u64>>)]
    pub buckets: Vec<(Bucket, u64)>,
}

/// How long stops took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopLatencies {
    /// The beginning of the time.
    #[schema(value_type = schema::Instant)]
    pub since: Timestamp,
    /// Its end.
    #[schema(value_type = schema::Instant)]
    pub until: Timestamp,
    /// By type, those of all types together first, and by stage.
    pub items: Vec<StopLatency>,
}

/// How long the stops of one type took to one stage, from their decision on; quantiles are at most 2 %
/// off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopLatency {
    /// The type; null for all together.
    pub r#type: Option<String>,
    /// The stage.
    pub stage: StopStageWord,
    /// Stops that came to it.
    pub count: u64,
    /// Half of them were not slower, in milliseconds.
    pub p50_ms: u64,
    /// 90 of 100.
    pub p90_ms: u64,
    /// 95 of 100.
    pub p95_ms: u64,
    /// 99 of 100.
    pub p99_ms: u64,
    /// The slowest.
    pub max_ms: u64,
}

impl StopLatency {
    /// What a histogram says; `None` where it is empty.
    pub fn of(kind: Option<String>, stage: StopStageWord, counted: &Histogram) -> Option<Self> {
        let quantile = |permille| counted.quantile(permille);
        Some(Self {
            r#type: kind,
            stage,
            count: counted.count(),
            p50_ms: quantile(500)?,
            p90_ms: quantile(900)?,
            p95_ms: quantile(950)?,
            p99_ms: quantile(990)?,
            max_ms: quantile(1_000)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_the_last_day_unless_told_otherwise() {
        let now: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        let resolved = |query: StopLatencyQuery| {
            let window = query.resolve(now).map_err(|error| error.field)?;
            Ok::<_, String>((window.since().to_string(), window.until.to_string()))
        };
        let of = |window_ms, until: Option<&str>| StopLatencyQuery {
            window_ms,
            until: until.map(Into::into),
            r#type: None,
        };
        let (first, second) = ("2026-03-01T00:00:00.000Z", "2026-03-02T00:00:00.000Z");
        let day = Ok((first.to_owned(), second.to_owned()));
        assert_eq!(resolved(of(None, None)), day);
        assert_eq!(resolved(of(Some(86_400_000), Some(second))), day);
        for window_ms in [0, LATENCY_WINDOW_MS_MAX + 1] {
            assert_eq!(resolved(of(Some(window_ms), None)), Err("windowMs".into()));
        }
        assert_eq!(resolved(of(None, Some("yesterday"))), Err("until".into()));
    }
}
