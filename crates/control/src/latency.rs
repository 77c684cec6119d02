//! How long stops take, in quantiles of what the scheduler has counted.

use std::collections::BTreeMap;

use taskpilot_api::extensions::Extension;
use taskpilot_api::latency::{
    LatencyWindow, StopCounts, StopLatencies, StopLatency, StopLatencyQuery,
};
use taskpilot_domain::histogram::Histogram;
use taskpilot_domain::stop::StopStage;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;

use crate::app::App;
use crate::scheduler::translate::{Asked, SchedulerFailure, success};
use crate::scheduler::{behalf, reach};

/// The stages of the stops of a time, by type. The plain contract counts none.
pub(crate) async fn stops(
    app: &App,
    context: &RequestContext,
    query: StopLatencyQuery,
) -> Result<StopLatencies, ApiError> {
    let window = query.resolve(app.clock.now());
    let window = window.map_err(ApiError::invalid_query)?;
    let counts = counted(app, context, &window).await;
    let counts = counts.map_err(|failure| failure.told(Asked::Other))?;
    Ok(StopLatencies {
        since: window.since(),
        until: window.until,
        items: items(&counts),
    })
}

async fn counted(
    app: &App,
    context: &RequestContext,
    window: &LatencyWindow,
) -> Result<StopCounts, SchedulerFailure> {
    let on = behalf::of_request(context);
    let offers = reach::offers(&app.scheduler, &on, None).await?;
    if !offers.has(Extension::Latency) {
        return Err(SchedulerFailure::not_offered("latency"));
    }
    let mut query = vec![
        ("windowMs", window.window_ms.to_string()),
        ("until", window.until.to_string()),
    ];
    let kind = window.kind.as_ref();
    query.extend(kind.map(|kind| ("type", kind.to_string())));
    let answer = success(app.scheduler.stop_latencies(&on, &query).await)?;
    answer.read().map_err(SchedulerFailure::unreadable)
}

/// All types together, which stands first because it has no name, and each. A stage that this version
/// does not know is left out.
fn items(counts: &StopCounts) -> Vec<StopLatency> {
    let mut by_kind: BTreeMap<(Option<&str>, StopStage), Histogram> = BTreeMap::new();
    for item in &counts.items {
        let Some(stage) = item.stage.known() else {
            continue;
        };
        for kind in [None, Some(item.r#type.as_str())] {
            let histogram = by_kind.entry((kind, stage)).or_default();
            for (bucket, count) in &item.buckets {
                histogram.add(*bucket, *count);
            }
        }
    }
    let told = by_kind.iter().filter_map(|((kind, stage), counted)| {
        StopLatency::of(kind.map(str::to_owned), (*stage).into(), counted)
    });
    told.collect()
}
