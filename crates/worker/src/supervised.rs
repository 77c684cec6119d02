//! The worker's side of a supervisor: start it, let it run a command, hear what becomes of it.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use taskpilot_domain::limits::KILL_MS;
use taskpilot_fault::{self as fault, Step};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot, watch};

use crate::backstop::{Backstop, Told, backstop};
use crate::clock::{BootInstant, pause};
use crate::groups::Groups;
use crate::handout::{hand_out, take_back};
use crate::journal::{Entry, Journal, disband};
use crate::limits::{
    EVENTS_MAX, LAST_WORDS_MS, ORDER_BYTES_MAX, PROOF_SLACK_MS, READY_MS, REPORT_BYTES_MAX,
    STDIN_BYTES_MAX, SURVIVORS_PAUSE_MS,
};
use crate::notice::StopNotice;
use crate::orphans::{self, Known};
use crate::process_table::ProcessId;
use crate::spec::CommandSpec;
use crate::sweep::{end_tree_first, end_what_is_left};
use crate::wire::{EndCause, Ended, Event, Order, Report};

/// The hidden subcommand under which a binary must call [`crate::supervise_main`].
pub const SUBCOMMAND: &str = "__supervise";

/// How supervisors are started.
#[derive(Debug, Clone)]
pub struct Supervision {
    executable: PathBuf,
    journal: Journal,
    groups: Option<Groups>,
}

/// A command under its supervisor. Dropping it is as good as the death of the worker: the tree is
/// ended after the orphan grace.
#[derive(Debug)]
pub struct Supervised {
    orders: pipe::Sender,
    supervisor: ProcessId,
    told: watch::Sender<Told>,
}

/// What becomes of the command. Need not be read to the end.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Event>,
}

/// No supervisor could be had; the command did not run. Worth another try.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// The spec cannot be sent.
    #[error("the command is too large: {bytes} bytes, {max} are possible")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What is possible.
        max: usize,
    },
    /// The process could not be started or journaled.
    #[error("cannot start a supervisor: {0}")]
    Io(#[from] io::Error),
    /// What a cleanup is about could not be written for its program.
    #[error("cannot write what the cleanup is about: {0}")]
    CleanupFile(io::Error),
    /// It says that this machine cannot supervise.
    #[error("a supervisor cannot work here: {0}")]
    Unusable(String),
    /// It died or hung before it was ready.
    #[error("a supervisor did not get ready")]
    NotReady,
}

/// An order did not reach the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDelivered {
    /// It has ended; the events say how.
    #[error("the supervisor has ended")]
    Ended,
    /// It reads nothing; try again. Its own lease timer runs.
    #[error("the supervisor does not read its orders")]
    Busy,
}

impl Supervision {
    /// With this very binary, which must know the subcommand, also after it was replaced on disk.
    pub fn by_this_binary(journal: Journal) -> Self {
        Self::by(PathBuf::from("/proc/self/exe"), journal)
    }

    /// With another binary that knows the subcommand.
    pub fn by(executable: PathBuf, journal: Journal) -> Self {
        Self {
            executable,
            journal,
            groups: None,
        }
    }

    pub(crate) fn executable(&self) -> &Path {
        &self.executable
    }

    /// The same with a control group of its own for each command. Where none can be had, a command
    /// runs without.
    #[must_use]
    pub fn in_groups(mut self, groups: Groups) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Where the program of a marker may find why it is stopped.
    pub(crate) fn stop_file(&self, marker: &str) -> Option<PathBuf> {
        self.journal.stop_file(marker)
    }

    /// Where the program of a cleanup with this marker finds what it is about.
    pub(crate) fn cleanup_file(&self, marker: &str) -> Option<PathBuf> {
        self.journal.cleanup_file(marker)
    }

    /// Starts a supervisor and tells it the command, which does not run until
    /// [`Supervised::start`]. The supervisor is in the journal when this returns.
    pub async fn spawn(
        &self,
        mut spec: CommandSpec,
    ) -> Result<(Supervised, Events), SuperviseError> {
        spec.group = self.groups.as_ref().map(|groups| groups.of(&spec.marker));
        let (prepare, input) = encode(spec.clone())?;
        let (told, backstop) = backstop(&spec);
        let mut command = supervisor(&self.executable);
        let started = fault::within(Step::SupervisorStart, || orphans::start(&mut command));
        let (mut child, known) = started?;
        let orders = child
            .stdin
            .take()
            .expect("invariant: piped")
            .into_owned_fd()?;
        let mut orders = pipe::Sender::from_owned_fd(orders)?;
        let reports = child.stdout.take().expect("invariant: piped");
        let supervisor = known.id();
        let journal = self.journal.clone();
        let files = files(&spec);
        let entry = tokio::task::spawn_blocking(move || record(&journal, supervisor, &spec));
        let entry = entry.await.map_err(io::Error::other)??;

        let (ready, is_ready) = oneshot::channel();
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let process = Process {
            child,
            known,
            entry,
            files,
        };
        let listening = Listening {
            reports: BufReader::new(reports),
            backstop,
            ready: Some(ready),
            events: sender,
        };
        tokio::spawn(listening.run(process));
        let readiness = async {
            orders.write_all(&prepare).await?;
            orders.write_all(&input).await?;
            is_ready
                .await
                .map_err(|_| SuperviseError::NotReady)?
                .map_err(SuperviseError::Unusable)
        };
        let limit = Duration::from_millis(READY_MS);
        tokio::time::timeout(limit, readiness)
            .await
            .map_err(|_| SuperviseError::NotReady)??;
        let supervised = Supervised {
            orders,
            supervisor,
            told,
        };
        Ok((supervised, Events { events }))
    }
}

impl Supervised {
    /// Lets the program run. Never waits: call it under the lock under which orders for this
    /// attempt are looked up, and no order can fall between the look and the fork. After a
    /// [`Supervised::stop`] it is without effect: the supervisor keeps their order.
    pub fn start(&self) -> Result<(), NotDelivered> {
        self.send(&Order::Start)
    }

    /// Ends the tree: SIGTERM, the grace, SIGKILL until nothing is left. Before the start it means
    /// that nothing ever runs. Repeatable; a repeat can only shorten the grace. Never waits.
    pub fn stop(&self, grace: Duration) -> Result<(), NotDelivered> {
        let proof = Duration::from_millis(KILL_MS + PROOF_SLACK_MS);
        self.stop_within(grace, proof, None)
    }

    /// The same with another time for the proof, from the end of the grace on. A supervisor that
    /// lets it pass without a word hangs: it is killed behind its tree, and [`Event::Lost`] comes.
    /// The notice of the first stop is what the program finds in its file.
    pub fn stop_within(
        &self,
        grace: Duration,
        proof: Duration,
        notice: Option<&StopNotice>,
    ) -> Result<(), NotDelivered> {
        let grace_ms = millis(grace);
        let by = BootInstant::now().plus_ms(grace_ms.saturating_add(millis(proof)));
        self.told.send_modify(|told| told.stop(by));
        let notice = notice.cloned().map(Box::new);
        self.send(&Order::Stop { grace_ms, notice })
    }

    /// The lease now ends then: count from before the renewal was sent. An earlier end than the one
    /// known is without effect. Never waits.
    pub fn extend_lease(&self, lease_end: BootInstant) -> Result<(), NotDelivered> {
        self.told.send_modify(|told| told.extend_lease(lease_end));
        self.send(&Order::ExtendLease { lease_end })
    }

    /// The supervisor process.
    pub fn supervisor(&self) -> ProcessId {
        self.supervisor
    }

    /// These orders are shorter than `PIPE_BUF`, so the pipe takes each as a whole or not at all.
    fn send(&self, order: &Order) -> Result<(), NotDelivered> {
        match self.orders.try_write(&order.encode()) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(NotDelivered::Busy),
            Err(_) => Err(NotDelivered::Ended),
        }
    }
}

impl Events {
    /// The next event; `None` after [`Event::Ended`] or an [`Event::Lost`] without survivors. Cancel
    /// safe.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Skips to the end. `None` if the supervisor was lost, or the end was already read.
    pub async fn ended(&mut self) -> Option<Ended> {
        while let Some(event) = self.next().await {
            if let Event::Ended(ended) = event {
                return Some(*ended);
            }
        }
        None
    }
}

/// The process that a supervisor is.
pub(crate) fn supervisor(executable: &Path) -> Command {
    let mut command = Command::new(executable);
    command
        .arg(SUBCOMMAND)
        // It needs nothing of ours; the directory must not keep a file system busy.
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn encode(mut spec: CommandSpec) -> Result<(Vec<u8>, Vec<u8>), SuperviseError> {
    let input = std::mem::take(&mut spec.stdin);
    let prepare = Order::Prepare {
        spec: Box::new(spec),
        stdin_bytes: input.len(),
    }
    .encode();
    for (bytes, max) in [
        (prepare.len(), ORDER_BYTES_MAX),
        (input.len(), STDIN_BYTES_MAX),
    ] {
        if bytes > max {
            return Err(SuperviseError::TooLarge { bytes, max });
        }
    }
    Ok((prepare, input))
}

/// Puts a supervisor in the journal. What its program is to find from its start on is there then.
fn record(
    journal: &Journal,
    supervisor: ProcessId,
    spec: &CommandSpec,
) -> Result<Entry, SuperviseError> {
    if let Some(file) = &spec.cleanup_file {
        hand_out(&file.path, &file.text).map_err(SuperviseError::CleanupFile)?;
    }
    journal.add(supervisor, spec).map_err(|error| {
        take_back(&files(spec));
        error.into()
    })
}

/// What the program of a command may have been handed.
fn files(spec: &CommandSpec) -> Vec<PathBuf> {
    let cleanup_file = spec.cleanup_file.iter().map(|file| &file.path);
    spec.stop_file.iter().chain(cleanup_file).cloned().collect()
}

/// A supervisor process and its record.
struct Process {
    child: Child,
    known: Known,
    entry: Entry,
    files: Vec<PathBuf>,
}

/// The worker's ear for one supervisor.
struct Listening {
    reports: BufReader<ChildStdout>,
    backstop: Backstop,
    ready: Option<oneshot::Sender<Result<(), String>>>,
    events: mpsc::Sender<Event>,
}

/// Why there is nothing more to hear.
enum Silence {
    /// The end is proven.
    Ended(Box<Ended>),
    /// The pipe is closed.
    Gone,
    /// The supervisor lets its time pass.
    Hangs(EndCause),
}

impl Listening {
    /// Passes on what the supervisor says, until its end is proven or it is gone.
    async fn run(mut self, mut process: Process) {
        match self.listen().await {
            Silence::Ended(ended) => {
                let group = process.entry.record.group.clone();
                // Before the event: whoever hears of the end finds nothing of it left.
                take_back(&process.files);
                process.entry.remove();
                let _ = self.events.send(Event::Ended(ended)).await;
                let _ = process.child.wait().await;
                // It was to do that itself, after its last word.
                group.as_ref().map(disband);
            }
            Silence::Gone => process.lose(None, &self.events).await,
            Silence::Hangs(cause) => process.lose(Some(cause), &self.events).await,
        }
    }

    async fn listen(&mut self) -> Silence {
        let mut is_stuck = false;
        loop {
            let report = match self.hear(is_stuck).await {
                Ok(report) => report,
                Err(cause) => return Silence::Hangs(cause),
            };
            match report {
                None => return Silence::Gone,
                Some(Report::Ready) => self.tell_ready(Ok(())),
                Some(Report::Unusable { message }) => self.tell_ready(Err(message)),
                Some(Report::Event {
                    event: Event::Ended(ended),
                }) => return Silence::Ended(ended),
                Some(Report::Event { event }) => {
                    // It lives and kills in vain: nobody would do better.
                    is_stuck |= matches!(event, Event::Stuck { .. });
                    if let Event::Started {
                        no_group: Some(reason),
                        ..
                    } = &event
                    {
                        tracing::warn!(reason, "an attempt has no control group of its own");
                    }
                    // Nobody may be listening any more; the end still has to be seen.
                    let _ = self.events.send(event).await;
                }
            }
        }
    }

    /// The next report, unless it is overdue: then the cause.
    async fn hear(&mut self, is_stuck: bool) -> Result<Option<Report>, EndCause> {
        let mut report = pin!(next_report(&mut self.reports));
        tokio::select! {
            biased;
            report = &mut report => Ok(report),
            cause = self.backstop.overdue(), if !is_stuck => {
                // It may be us who hung: then its words lie in the pipe.
                let last_words = Duration::from_millis(LAST_WORDS_MS);
                let report = tokio::time::timeout(last_words, report).await;
                report.map_err(|_| cause)
            }
        }
    }

    fn tell_ready(&mut self, outcome: Result<(), String>) {
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(outcome);
        }
    }
}

impl Process {
    /// There will be no proof of the supervisor: what it left is for us to end and to prove.
    async fn lose(mut self, cause: Option<EndCause>, events: &mpsc::Sender<Event>) {
        // Its tree first. Whatever closed the pipe, the supervisor must not run on beside it.
        end_tree_first(&self.entry.record).await;
        let _ = self.child.kill().await;
        drop(self.known);
        let subject = &self.entry.record.subject;
        tracing::warn!(subject, ?cause, "a supervisor was lost");
        let mut told = false;
        loop {
            let survivors = end_what_is_left(&self.entry.record).await;
            if survivors.is_empty() {
                break;
            }
            if !told {
                tracing::error!(subject, ?survivors, "what it left cannot be ended");
                let _ = events.send(Event::Lost { survivors, cause }).await;
                told = true;
            }
            pause(SURVIVORS_PAUSE_MS).await;
        }
        take_back(&self.files);
        self.entry.remove_with_group();
        let survivors = Vec::new();
        let _ = events.send(Event::Lost { survivors, cause }).await;
    }
}

async fn next_report(reports: &mut BufReader<ChildStdout>) -> Option<Report> {
    let mut line = Vec::new();
    let limit = u64::try_from(REPORT_BYTES_MAX).unwrap_or(u64::MAX);
    reports
        .take(limit)
        .read_until(b'\n', &mut line)
        .await
        .ok()?;
    serde_json::from_slice(&line).ok()
}
