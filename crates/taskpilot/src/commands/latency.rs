//! `taskpilot latency stops`.

use std::time::Duration;

use clap::Subcommand;
use taskpilot_api::latency::StopLatency;
use taskpilot_domain::names::TaskType;

use super::Session;
use crate::arguments::ClientArgs;
use crate::durations;
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// What to tell the latencies of.
#[derive(Debug, Subcommand)]
pub(crate) enum LatencyCommand {
    /// How long stops take, from their decision until delivered, signaled and proven
    Stops {
        /// Only stops of this type
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<TaskType>,
        /// The time that is told of, up to now
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = durations::parse)]
        last: Duration,
        #[command(flatten)]
        client: ClientArgs,
    },
}

impl LatencyCommand {
    pub(crate) fn client(&self) -> &ClientArgs {
        match self {
            Self::Stops { client, .. } => client,
        }
    }
}

pub(crate) async fn run(command: LatencyCommand, session: Session) -> Result<Code, Failure> {
    let LatencyCommand::Stops { kind, last, .. } = command;
    let mut query = vec![("windowMs", last.as_millis().to_string())];
    query.extend(kind.map(|kind| ("type", kind.to_string())));
    let told = session.client.stop_latencies(&query).await?;
    match session.format {
        Format::Json => output::json(&told)?,
        Format::Text => table(&told.items),
    }
    Ok(Code::Ok)
}

fn table(items: &[StopLatency]) {
    let header = ["TYPE", "STAGE", "COUNT", "P50", "P90", "P95", "P99", "MAX"];
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    output::table(&header, &rows);
}

fn row(item: &StopLatency) -> Vec<String> {
    let kind = item.r#type.clone().unwrap_or_else(|| "(all)".into());
    let mut cells = vec![kind, item.stage.to_string(), item.count.to_string()];
    let quantiles = [
        item.p50_ms,
        item.p90_ms,
        item.p95_ms,
        item.p99_ms,
        item.max_ms,
    ];
    cells.extend(quantiles.map(durations::written));
    cells
}
