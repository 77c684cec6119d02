//! `taskpilot worker`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use taskpilot_domain::limits::SLOTS_MAX;
use taskpilot_domain::names::{QueueName, WorkerName};
use taskpilot_worker::{Contain, Handlers, Worker, WorkerConfig, WorkerError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::service::unasked;
use super::{block_on, control, drain_time};
use crate::arguments::{WorkArgs, WorkerRoleArgs};
use crate::config::{File, SLOTS, default_data};
use crate::exit::{Code, Failure};
use crate::signals;

/// Workers of one user on one machine that find a directory of their own by themselves.
const UNNAMED_MAX: u32 = 64;

pub(crate) fn run(arguments: &WorkerRoleArgs, file: &File) -> Result<Code, Failure> {
    let url = control::scheduler_url(&arguments.scheduler, file);
    let drain = drain_time(&arguments.drain, file);
    let work = Work::read(&arguments.work, file)?;
    let data = arguments.data.clone().or_else(|| file.data.clone());
    block_on(async move {
        let signals::Asked { end: asked, haste } = signals::asked().map_err(anyhow::Error::from)?;
        let worker = match data {
            Some(data) => work.start(&url, &data, drain)?,
            None => start_anywhere(&work, &url, drain)?,
        };
        worker.hastened_by(haste).run(asked).await.map_err(failed)
    })
}

/// Takes the first directory that no other worker owns.
fn start_anywhere(work: &Work, url: &str, drain: Duration) -> Result<Worker, Failure> {
    let home = default_data()?;
    for number in 1..=UNNAMED_MAX {
        match work.worker(url, &home.join(format!("worker-{number}")), drain) {
            Err(WorkerError::Locked { .. }) => {}
            outcome => return outcome.map_err(failed),
        }
    }
    let text = format!("{UNNAMED_MAX} workers run here already: name a directory with --data");
    Err(Failure::Coded(Code::Locked, text))
}

/// What a worker does, as far as it is known before the scheduler is.
pub(super) struct Work {
    handlers: Handlers,
    slots: u32,
    queues: Vec<QueueName>,
    contain: Contain,
    name: WorkerName,
}

impl Work {
    /// Reads the settings and the handlers file.
    pub(super) fn read(arguments: &WorkArgs, file: &File) -> Result<Self, Failure> {
        let path: Option<PathBuf> = arguments.handlers.clone().or_else(|| file.handlers.clone());
        let handlers = match path {
            Some(path) => {
                Handlers::load(&path).map_err(|error| Failure::Usage(error.to_string()))?
            }
            None => Handlers::built_in(),
        };
        let slots = arguments.slots.or(file.slots).unwrap_or(SLOTS);
        if !(1..=SLOTS_MAX).contains(&slots) {
            return Err(Failure::Usage(format!("slots are from 1 to {SLOTS_MAX}")));
        }
        let queues = arguments.queues.clone().or_else(|| file.queues.clone());
        let queues = queues.unwrap_or_else(|| vec![QueueName::default_queue().into()]);
        let queues: Result<Vec<QueueName>, _> = queues.into_iter().map(QueueName::new).collect();
        let level = arguments.containment.as_ref();
        let contain = contain(level.or(file.containment.as_ref()))?;
        let name = arguments.name.clone().or_else(|| file.name.clone());
        let name = WorkerName::new(name.unwrap_or_else(default_name));
        Ok(Self {
            handlers,
            slots,
            contain,
            queues: queues.map_err(|error| Failure::Usage(error.to_string()))?,
            name: name.map_err(|error| Failure::Usage(error.to_string()))?,
        })
    }

    /// A worker that keeps its journal in this directory, which no other worker may own.
    pub(super) fn start(&self, url: &str, data: &Path, drain: Duration) -> Result<Worker, Failure> {
        self.worker(url, data, drain).map_err(failed)
    }

    fn worker(&self, url: &str, data: &Path, drain: Duration) -> Result<Worker, WorkerError> {
        Worker::new(WorkerConfig {
            scheduler_url: url.to_owned(),
            name: self.name.clone(),
            queues: self.queues.clone(),
            slots: self.slots,
            handlers: self.handlers.clone(),
            state_directory: data.to_owned(),
            drain,
        })
        .map(|worker| worker.contained(self.contain))
    }
}

fn contain(level: Option<&String>) -> Result<Contain, Failure> {
    match level.map(String::as_str) {
        None | Some("auto") => Ok(Contain::Auto),
        Some("subreaper") => Ok(Contain::Subreaper),
        Some(other) => {
            let text = format!("{other:?} is no containment: auto or subreaper");
            Err(Failure::Usage(text))
        }
    }
}

/// A worker that runs beside others.
pub(super) struct Working {
    running: JoinHandle<Result<(), WorkerError>>,
    gone: CancellationToken,
}

impl Working {
    pub(super) fn start(worker: Worker, stop: CancellationToken) -> Self {
        let gone = CancellationToken::new();
        let guard = gone.clone().drop_guard();
        let running = tokio::spawn(async move {
            let _gone = guard;
            worker.run(stop).await
        });
        Self { running, gone }
    }

    /// Returns when it has ended, well or not.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Waits for its end, which is a failure unless it was asked for.
    pub(super) async fn ended(self, asked: &CancellationToken) -> Result<(), Failure> {
        match self.running.await {
            Ok(Ok(())) if asked.is_cancelled() => Ok(()),
            Ok(Ok(())) => Err(unasked("the worker", "it does not say why")),
            Ok(Err(error)) => Err(unasked("the worker", error)),
            Err(panic) => Err(unasked("the worker", panic)),
        }
    }
}

fn failed(error: WorkerError) -> Failure {
    match error {
        WorkerError::Locked { .. } => Failure::Coded(Code::Locked, error.to_string()),
        other => Failure::Other(other.into()),
    }
}

/// Host name and process id, as far as a name can hold them.
fn default_name() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    let plain: String = host
        .chars()
        .filter(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | '_'))
        .take(48)
        .collect();
    format!("{plain}:{}", std::process::id())
}
