//! `taskpilot worker list`.

use clap::Subcommand;
use taskpilot_api::workers::WorkerItem;

use super::{Session, describe};
use crate::arguments::ClientArgs;
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// What to do with workers.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// List the workers: their slots, what they run, how their work is contained
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
}

impl WorkerCommand {
    pub(crate) fn client(&self) -> &ClientArgs {
        match self {
            Self::List { client } => client,
        }
    }
}

pub(crate) async fn run(command: WorkerCommand, session: Session) -> Result<Code, Failure> {
    let WorkerCommand::List { .. } = command;
    let page = session.client.workers().await?;
    if session.format == Format::Json {
        output::json(&page)?;
        return Ok(Code::Ok);
    }
    let rows: Vec<Vec<String>> = page
        .items
        .iter()
        .map(|worker| {
            vec![
                worker.id.to_string(),
                worker.name.clone(),
                worker.state.to_string(),
                format!("{}/{}", worker.running, worker.slots),
                stopping(worker),
                worker.queues.join(","),
                describe::to_the_second(worker.last_heartbeat_at),
                worker.containment.to_string(),
                types(worker),
            ]
        })
        .collect();
    let header = [
        "ID",
        "NAME",
        "STATE",
        "RUNNING",
        "STOPPING",
        "QUEUES",
        "LAST HEARD",
        "CONTAINMENT",
        "TYPES",
    ];
    output::table(&header, &rows);
    Ok(Code::Ok)
}

/// What it has handlers for, and for which of these it cleans up after a cancel.
fn types(worker: &WorkerItem) -> String {
    let types = worker.types.iter().map(|kind| {
        if worker.cleanups.contains(kind) {
            format!("{kind}+cleanup")
        } else {
            kind.clone()
        }
    });
    types.collect::<Vec<_>>().join(",")
}

/// What is being stopped, and what an operator released, with which the worker may still be busy.
fn stopping(worker: &WorkerItem) -> String {
    match worker.released {
        0 => worker.stopping.to_string(),
        released => format!("{} (+{released} released)", worker.stopping),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_type_with_a_cleanup_says_so() {
        let worker = json!({"id": 1, "name": "w1", "state": "ACTIVE", "queues": ["default"],
            "types": ["archive", "primes"], "cleanups": ["archive"], "slots": 4, "running": 0,
            "stopping": 0, "released": 0, "containment": "subreaper",
            "registeredAt": "2026-03-01T00:00:00.000Z", "lastHeartbeatAt": "2026-03-01T00:00:00.000Z",
            "leaseUntil": "2026-03-01T00:00:30.000Z"});
        let worker: WorkerItem = serde_json::from_value(worker).unwrap();
        assert_eq!(types(&worker), "archive+cleanup,primes");
    }
}
