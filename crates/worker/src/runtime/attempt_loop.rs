//! The life of one attempt beside the dispatcher: prepare it, start its supervisor, pass on what
//! happens. It holds the slot until nothing is left.

use std::sync::Arc;

use taskpilot_api::workers::{FailureBody, FencedAttempt, Grant};
use taskpilot_domain::lease::self_stop;
use taskpilot_fault::{self as fault, Step as Point};
use tokio::sync::mpsc;

use super::function_loop::{self, Run};
use super::messages::{Message, Ready, Step};
use super::slots::Slot;
use super::teller::Teller;
use crate::chance;
use crate::cleanup_of::CleanupOf;
use crate::clock::{BootInstant, pause};
use crate::handlers::{Command, Context, Function, Halt, Handler, Prepared, ProgressCell};
use crate::limits::STOP_FILE_BYTES;
use crate::spec::{CleanupFile, CommandSpec, Timing};
use crate::supervised::{Events, SuperviseError, Supervision};
use crate::wire::{Event, StartErrorCode};

/// What it takes to run one attempt.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) fenced: FencedAttempt,
    pub(crate) grant: Grant,
    pub(crate) handler: Arc<Handler>,
    pub(crate) supervision: Supervision,
    pub(crate) lease_ms: u64,
    pub(crate) lease_end: BootInstant,
    pub(crate) grace_ms: u64,
    pub(crate) confirms_start: bool,
    pub(crate) progress: ProgressCell,
    pub(crate) slot: Slot,
}

impl Job {
    /// All that is still needed once the program can start: payloads are large.
    fn into_slot(self) -> Slot {
        self.slot
    }
}

/// Ends an attempt whose preparation panics: a bug of ours must not hold it for ever.
struct EndsOnPanic {
    teller: Option<Teller>,
}

impl EndsOnPanic {
    fn guarding(teller: &Teller) -> Self {
        let teller = Some(teller.clone());
        Self { teller }
    }

    /// From now on there may be something that a message alone does not end.
    fn disarm(mut self) {
        self.teller = None;
    }
}

impl Drop for EndsOnPanic {
    fn drop(&mut self) {
        if let Some(teller) = self.teller.take().filter(|_| std::thread::panicking()) {
            let failure = FailureBody {
                code: "worker_failed".to_owned(),
                message: "the worker failed to prepare the attempt; its log says why".to_owned(),
                retryable: true,
            };
            tokio::spawn(async move { teller.tell(Step::NotStarted(failure)).await });
        }
    }
}

/// Returns when nothing of the attempt is left.
pub(crate) async fn run(job: Job, inbox: mpsc::Sender<Message>) {
    let teller = Teller {
        fenced: job.fenced,
        inbox,
    };
    let guard = EndsOnPanic::guarding(&teller);
    match job.handler.prepare(&job.grant) {
        Ok(Prepared::Command(command)) => supervise(job, *command, &teller, guard).await,
        // What returns at once has to wait like everything else.
        Ok(Prepared::InProcess(code)) if job.confirms_start => {
            guard.disarm();
            call(job, Function::of_code(code), &teller).await;
        }
        Ok(Prepared::InProcess(code)) => {
            let ready = Step::Ready(Ready::InProcess(code));
            teller.tell_last(ready, job.slot).await;
        }
        Ok(Prepared::Function(function)) => {
            guard.disarm();
            call(job, function, &teller).await;
        }
        Err(failure) => teller.tell_last(Step::NotStarted(failure), job.slot).await,
    }
}

async fn call(job: Job, function: Function, teller: &Teller) {
    let halt = Halt::default();
    let run = Run {
        function,
        context: Context::new(job.grant, halt.clone(), job.progress),
        halt,
        lease_ms: job.lease_ms,
        lease_end: job.lease_end,
    };
    function_loop::run(run, job.slot, teller).await;
}

async fn supervise(job: Job, command: Command, teller: &Teller, guard: EndsOnPanic) {
    let timeout_ms = command.timeout_ms;
    let started = match spec(&job, command) {
        Ok(spec) => job
            .supervision
            .spawn(spec)
            .await
            .map_err(|error| failure(&error)),
        Err(failure) => Err(failure),
    };
    match started {
        Ok((supervised, events)) => {
            guard.disarm();
            teller.tell(Step::Ready(Ready::Program(supervised))).await;
            listen(events, timeout_ms, job.into_slot(), teller).await;
        }
        Err(failure) => teller.tell_last(Step::NotStarted(failure), job.slot).await,
    }
}

fn spec(job: &Job, command: Command) -> Result<CommandSpec, FailureBody> {
    let marker = chance::marker().map_err(|error| unavailable(error.to_string()))?;
    let room = command.limits.file_bytes;
    let may_write = room.is_none_or(|bytes| bytes >= STOP_FILE_BYTES);
    let stop_file = job.supervision.stop_file(&marker).filter(|_| may_write);
    let cleanup_file = cleanup_file(job, &marker)?;
    let mut spec = CommandSpec::new(command.argv, marker, job.lease_end);
    spec.stop_file = stop_file;
    spec.cleanup_file = cleanup_file;
    spec.environment = command.environment;
    spec.directory = command.directory;
    spec.limits = command.limits;
    spec.stdin = command.stdin;
    spec.output_tail_bytes = command.output_tail_bytes;
    spec.timing = timing(job.lease_ms, job.grace_ms);
    let (execution, attempt) = (job.fenced.execution_id, job.fenced.attempt);
    spec.subject = format!("execution {execution}, attempt {attempt}");
    Ok(spec)
}

/// For the program of a cleanup: what it is about.
fn cleanup_file(job: &Job, marker: &str) -> Result<Option<CleanupFile>, FailureBody> {
    let Some(of) = &job.grant.cleanup_of else {
        return Ok(None);
    };
    let path = job.supervision.cleanup_file(marker);
    let path = path.ok_or_else(|| {
        unavailable(
            "the path of the worker's directory is no UTF-8, which a cleanup needs".to_owned(),
        )
    })?;
    let text = serde_json::to_vec(&CleanupOf::from(of));
    let text = text.expect("invariant: it is plain data");
    Ok(Some(CleanupFile { path, text }))
}

fn timing(lease_ms: u64, grace_ms: u64) -> Timing {
    let margins = self_stop(lease_ms);
    Timing {
        grace_ms,
        lease_terminate_margin_ms: margins.terminate_margin_ms,
        lease_kill_margin_ms: margins.kill_margin_ms,
        ..Timing::default()
    }
}

fn failure(error: &SuperviseError) -> FailureBody {
    match error {
        SuperviseError::TooLarge { .. } => FailureBody {
            code: StartErrorCode::ArgumentsRefused.as_str().to_owned(),
            message: error.to_string(),
            retryable: false,
        },
        SuperviseError::Io(_)
        | SuperviseError::CleanupFile(_)
        | SuperviseError::Unusable(_)
        | SuperviseError::NotReady => unavailable(error.to_string()),
    }
}

fn unavailable(message: String) -> FailureBody {
    tracing::error!(message, "an attempt cannot be supervised");
    FailureBody {
        code: "supervisor_unavailable".to_owned(),
        message,
        retryable: true,
    }
}

/// Passes on what the supervisor says.
async fn listen(mut events: Events, timeout_ms: Option<u64>, slot: Slot, teller: &Teller) {
    let mut limit = std::pin::pin!(async {
        match timeout_ms {
            Some(timeout_ms) => pause(timeout_ms).await,
            None => std::future::pending().await,
        }
    });
    let (mut is_running, mut is_timed_out) = (false, false);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = &mut limit, if is_running && !is_timed_out => {
                is_timed_out = true;
                teller.tell(Step::TimedOut).await;
                continue;
            }
        };
        match event {
            None => return,
            Some(event) if is_last(&event) => {
                return teller.tell_last(Step::Event(event), slot).await;
            }
            Some(event) => {
                if matches!(event, Event::Started { .. }) {
                    if fault::after(Point::ProgramStart).is_err() {
                        continue;
                    }
                    is_running = true;
                }
                teller.tell(Step::Event(event)).await;
            }
        }
    }
}

/// Whether nothing of the attempt is left.
fn is_last(event: &Event) -> bool {
    match event {
        Event::Ended(_) => true,
        Event::Lost { survivors, .. } => survivors.is_empty(),
        Event::Started { .. } | Event::Signaled { .. } | Event::Stuck { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};

    use super::*;

    #[tokio::test]
    async fn an_attempt_whose_preparation_panics_ends() {
        let (inbox, mut heard) = mpsc::channel(1);
        let fenced = FencedAttempt {
            execution_id: ExecutionId::new(1).unwrap(),
            attempt: AttemptNumber(1),
            token: Token::from_bytes([1; 16]),
        };
        let teller = Teller { fenced, inbox };
        let preparing = tokio::spawn(async move {
            let _guard = EndsOnPanic::guarding(&teller);
            panic!("on purpose");
        });
        assert!(preparing.await.unwrap_err().is_panic());
        let Some(Message::Attempt(about, Step::NotStarted(failure), None)) = heard.recv().await
        else {
            panic!("it does not end");
        };
        assert_eq!((about, failure.code.as_str()), (fenced, "worker_failed"));
    }

    #[test]
    fn the_margins_shrink_with_the_lease() {
        let margins = |lease_ms| {
            let timing = timing(lease_ms, 1);
            (
                timing.lease_terminate_margin_ms,
                timing.lease_kill_margin_ms,
            )
        };
        assert_eq!(margins(60_000), (10_000, 5_000));
        assert_eq!(margins(30_000), (10_000, 5_000));
        assert_eq!(margins(6_000), (2_000, 1_000));
    }
}
