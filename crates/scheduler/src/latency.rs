//! How long stops took, as raw counts: what they say is for those who ask.

use taskpilot_api::latency::{StopCount, StopCounts, StopLatencyQuery};
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::latency::LatencyFilter;

use crate::app::App;
use crate::http::error::unavailable;

/// The counts of a time, by type and stage.
pub(crate) async fn stops(
    app: &App,
    namespace: &Namespace,
    query: StopLatencyQuery,
) -> Result<StopCounts, ApiError> {
    let window = query.resolve(app.clock.now());
    let window = window.map_err(ApiError::invalid_query)?;
    let (since, until) = (window.since(), window.until);
    let filter = LatencyFilter {
        since,
        until,
        kind: window.kind,
    };
    let counted = app.store.list_stop_latencies(namespace, filter).await;
    let mut items: Vec<StopCount> = Vec::new();
    for one in counted.map_err(unavailable)? {
        let (kind, stage) = (one.kind.to_string(), one.stage.into());
        match items.last_mut() {
            Some(last) if last.r#type == kind && last.stage == stage => {
                last.buckets.push((one.bucket, one.count));
            }
            _ => items.push(StopCount {
                r#type: kind,
                stage,
                buckets: vec![(one.bucket, one.count)],
            }),
        }
    }
    Ok(StopCounts {
        since,
        until,
        items,
    })
}
