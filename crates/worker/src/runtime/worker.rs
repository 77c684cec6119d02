//! A worker: its settings, and its life from session to session.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use taskpilot_api::field::FieldError;
use taskpilot_api::workers::{Register, Registered};
use taskpilot_client::ClientError;
use taskpilot_client::transport::{InvalidTarget, Policy};
use taskpilot_client::workers::WorkersClient;
use taskpilot_domain::names::{QueueName, WorkerName};
use taskpilot_domain::stop::Containment;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::dispatcher::Means;
use super::enroll::{Enrolled, bid_farewell, register};
use super::link::policy;
use super::session::{SessionEnd, serve};
use super::slots::Slots;
use super::state::StateDirectory;
use crate::clock::BootInstant;
use crate::groups::Groups;
use crate::handlers::Handlers;
use crate::probe::probe;
use crate::supervised::Supervision;
use crate::sweep::Patience;

/// Settings of a worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The scheduler, such as `http://127.0.0.1:8080`.
    pub scheduler_url: String,
    /// A label for people.
    pub name: WorkerName,
    /// The queues it takes from, at least one.
    pub queues: Vec<QueueName>,
    /// Attempts it runs at once, 1 to 1,000.
    pub slots: u32,
    /// What it can run.
    pub handlers: Handlers,
    /// Its own directory, which no other worker may have: a worker that starts ends what the
    /// previous life in this directory left.
    pub state_directory: PathBuf,
    /// Time for the whole orderly end, at least two seconds: half of it or more for running work to
    /// end by itself, the rest to end it and to say so.
    pub drain: Duration,
}

/// What is to enclose the processes of an attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Contain {
    /// A control group of its own where this machine lets the worker make one, and the supervisor.
    #[default]
    Auto,
    /// The supervisor alone, to which orphans return.
    Subreaper,
}

/// A worker that has its directory and does not run yet.
#[derive(Debug)]
pub struct Worker {
    state: StateDirectory,
    supervisor: Option<PathBuf>,
    contain: Contain,
    register: Register,
    scheduler_url: String,
    handlers: Handlers,
    drain_ms: u64,
    haste: CancellationToken,
}

/// Why a worker cannot run.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Another worker that lives has the directory.
    #[error("the directory {} belongs to another worker that is running: name another one", .directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory cannot be used.
    #[error("the directory {} cannot be used: {source}", .directory.display())]
    State {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A setting is wrong.
    #[error("a setting is wrong: {0}")]
    Setting(#[from] FieldError),
    /// The address of the scheduler is wrong.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
    /// The scheduler does not take this worker.
    #[error("the scheduler refuses this worker: {0}")]
    Refused(#[source] ClientError),
}

impl Worker {
    /// Checks the settings and takes the directory, to the end of the worker.
    pub fn new(config: WorkerConfig) -> Result<Self, WorkerError> {
        let register = Register {
            name: config.name.into(),
            queues: config.queues.into_iter().map(Into::into).collect(),
            types: config.handlers.types().map(str::to_owned).collect(),
            cleanups: config.handlers.cleanups().collect(),
            slots: config.slots,
            // Said when it is known.
            containment: Containment::Subreaper,
        };
        register.clone().resolve()?;
        WorkersClient::new(&config.scheduler_url, Policy::default())?;
        Ok(Self {
            state: StateDirectory::open(&config.state_directory)?,
            supervisor: None,
            contain: Contain::Auto,
            register,
            scheduler_url: config.scheduler_url,
            handlers: config.handlers,
            drain_ms: u64::try_from(config.drain.as_millis()).unwrap_or(u64::MAX),
            haste: CancellationToken::new(),
        })
    }

    /// The same with supervisors by another binary than this one. It must call
    /// [`supervise_main`](crate::supervise_main) if its first argument is
    /// [`SUPERVISE`](crate::SUPERVISE), as this one must otherwise.
    #[must_use]
    pub fn supervised_by(mut self, executable: PathBuf) -> Self {
        self.supervisor = Some(executable);
        self
    }

    /// The same with another containment than the best that can be had.
    #[must_use]
    pub fn contained(mut self, contain: Contain) -> Self {
        self.contain = contain;
        self
    }

    /// The same with an end that can be hastened: once `haste` is canceled, work that still runs
    /// in an orderly end is stopped at once, with its grace, and given back as it would be later.
    #[must_use]
    pub fn hastened_by(mut self, haste: CancellationToken) -> Self {
        self.haste = haste;
        self
    }

    /// Runs until `shutdown` is asked for and everything has ended, within the time to drain. Waits
    /// for a scheduler that cannot be reached, as long as it takes.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        let means = self.means(self.groups().await);
        // The weakest that there is: it decides whether an end can be promised.
        self.register.containment = if self.handlers.has_functions() {
            Containment::InProcess
        } else {
            means.containment
        };
        let sweep = shutdown.run_until_cancelled(self.sweep());
        let Some(mut previous) = sweep.await.transpose()? else {
            return Ok(());
        };
        let mut backoff = Backoff::default();
        loop {
            let enroll = self.enroll(previous.take());
            let Some(enrolled) = shutdown.run_until_cancelled(enroll).await.transpose()? else {
                return Ok(());
            };
            self.state.save(&enrolled.session)?;
            let client =
                WorkersClient::new(&self.scheduler_url, policy(enrolled.session.lease_ms))?;
            let (lease_ms, began) = (enrolled.session.lease_ms, BootInstant::now());
            match serve(means.clone(), client, enrolled, shutdown.clone()).await {
                SessionEnd::Goodbye => {
                    self.state.forget();
                    return Ok(());
                }
                SessionEnd::Unsaid => return Ok(()),
                SessionEnd::Dead => self.state.forget(),
            }
            // A scheduler that ends every session at once is not to be flooded.
            if BootInstant::now().ms_since(began) > lease_ms {
                backoff.reset();
            }
            shutdown.run_until_cancelled(backoff.pause()).await;
        }
    }

    /// Decided once in a life: attempts of one session are contained alike, as far as they can be.
    async fn groups(&self) -> Option<Groups> {
        if self.contain == Contain::Subreaper || !self.handlers.has_programs() {
            return None;
        }
        match probe(self.supervision().executable()).await {
            Ok(groups) => Some(groups),
            Err(reason) => {
                tracing::info!(%reason, "attempts have no control groups of their own");
                None
            }
        }
    }

    fn supervision(&self) -> Supervision {
        let journal = self.state.journal().clone();
        match &self.supervisor {
            Some(executable) => Supervision::by(executable.clone(), journal),
            None => Supervision::by_this_binary(journal),
        }
    }

    fn means(&self, groups: Option<Groups>) -> Means {
        let supervision = self.supervision();
        let (supervision, containment) = match groups {
            Some(groups) => (supervision.in_groups(groups), Containment::Cgroup),
            None => (supervision, Containment::Subreaper),
        };
        Means {
            handlers: self.handlers.clone(),
            supervision,
            containment,
            slots: Slots::new(self.register.slots),
            drain_ms: self.drain_ms,
            haste: self.haste.clone(),
        }
    }

    /// Ends what the previous life left; answers its session if that is still to be ended.
    async fn sweep(&self) -> Result<Option<Registered>, WorkerError> {
        let journal = self.state.journal();
        let life = journal.sweep_previous_life(Patience::default()).await;
        let life = life.map_err(|source| self.state.failed(source))?;
        let cleared = journal.clear_stop_files();
        cleared.map_err(|source| self.state.failed(source))?;
        for record in &life.gone {
            tracing::info!(subject = record.subject, "ended what a previous life left");
        }
        for record in &life.left {
            tracing::error!(
                subject = record.subject,
                "cannot end what a previous life left"
            );
        }
        // With something left, its attempts must not go elsewhere before their lease is over.
        let may_be_ended = life.left.is_empty();
        Ok(self.state.previous_session().filter(|_| may_be_ended))
    }

    async fn enroll(&self, previous: Option<Registered>) -> Result<Enrolled, WorkerError> {
        let client = WorkersClient::new(&self.scheduler_url, Policy::default())?;
        if let Some(session) = previous {
            bid_farewell(&client, &session).await;
        }
        register(&client, &self.register).await
    }
}
