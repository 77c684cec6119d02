//! Bounds that only the worker has; what the scheduler must know too is in `taskpilot_domain`.

use taskpilot_domain::limits::BODY_BYTES_MAX;

/// Time between SIGTERM and SIGKILL for a tree whose worker died: enough to flush a file, short
/// enough that a worker that is started again at once need not wait for long.
pub(crate) const ORPHAN_GRACE_MS: u64 = 2_000;
/// Bytes of a program's standard input: a payload, with room for a re-encoding that is longer.
pub(crate) const STDIN_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;
/// Bytes of one order to a supervisor without the program's input: argv and environment, which
/// the kernel itself bounds at 2 MiB.
pub(crate) const ORDER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of one report of a supervisor: two output tails of which every byte is escaped as six.
pub(crate) const REPORT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of files that a handler must be allowed where its programs find why they are stopped: the
/// supervisor, which writes that, lives under the same limit.
pub(crate) const STOP_FILE_BYTES: u64 = 8 * 1024;
/// Time for a supervisor process to say that it is ready; it takes some milliseconds.
pub(crate) const READY_MS: u64 = 10_000;
/// Reports that wait for a reader in the worker: an attempt makes about six in its life.
pub(crate) const EVENTS_MAX: usize = 16;
/// Survivors that a report names: a person reads it.
pub(crate) const SURVIVORS_MAX: usize = 32;
/// Zombies that one turn of a supervisor's loop collects, so that a storm of them cannot keep it
/// from its orders and timers.
pub(crate) const REAPED_PER_TURN_MAX: usize = 1_024;
/// Bytes that one turn of a supervisor's loop reads of each output.
pub(crate) const OUTPUT_BYTES_PER_TURN: usize = 256 * 1024;
/// Bytes read of an output after the end of its tree: a pipe holds at most this much, and a
/// process outside the tree that got hold of the pipe could write for ever.
pub(crate) const OUTPUT_BYTES_AFTER_END: usize = 1024 * 1024;
/// Rounds of "kill every child" in one turn: each round reaches the orphans that the last one made.
pub(crate) const KILL_ROUNDS_PER_TURN: usize = 32;
/// First and longest pause between two looks at a tree while it has its grace.
pub(crate) const TERMINATE_PAUSE_MS: (u64, u64) = (20, 500);
/// The same while it is killed; it is also killed at every SIGCHLD.
pub(crate) const KILL_PAUSE_MS: (u64, u64) = (2, 100);
/// First and longest pause between two looks at a control group that should be empty by now.
pub(crate) const EMPTY_PAUSE_MS: (u64, u64) = (1, 100);
/// How long a process may seem to have no environment while it is between two programs, on a busy
/// machine, and the pause between two looks at it.
pub(crate) const ENVIRONMENT_LOOK_MS: u64 = 200;
pub(crate) const ENVIRONMENT_PAUSE_MS: u64 = 2;
/// Pause between two looks at the leftovers of a previous life.
pub(crate) const PREVIOUS_LIFE_PAUSE_MS: u64 = 20;
/// Time beyond orphan grace and kill time after which a supervisor counts as hung.
pub(crate) const PREVIOUS_LIFE_SLACK_MS: u64 = 1_000;

/// Wait that a claim asks for: below what the scheduler allows at most.
pub(crate) const CLAIM_WAIT_MS: u64 = 25_000;
/// Attempts asked for in one claim: the client reads answers of at most 16 MiB, and a payload may
/// have 1 MiB.
pub(crate) const GRANTS_MAX: u32 = 15;
/// Bytes of the hand-ins of one call: the scheduler takes bodies of 1 MiB.
pub(crate) const HAND_INS_BYTES_MAX: usize = BODY_BYTES_MAX - 64 * 1024;
/// Nesting of a result: bodies may nest 64 deep, and a hand-in takes three of it.
pub(crate) const RESULT_DEPTH_MAX: usize = taskpilot_domain::limits::JSON_DEPTH_MAX - 3;
/// Messages that wait for the dispatcher; whoever sends more waits.
pub(crate) const INBOX_MAX: usize = 1_024;
/// First and longest pause between two tries of a call; between these it doubles.
pub(crate) const RETRY_MS: (u64, u64) = (100, 3_000);
/// Pause before the next heartbeat when one was not answered: short, for the lease runs.
pub(crate) const BEAT_AGAIN_MS: u64 = 500;
/// Pause between two portions of attempts that are told of a renewed lease, and the least portion.
pub(crate) const FEED_PAUSE_MS: u64 = 10;
pub(crate) const FED_AT_ONCE_MIN: usize = 4;
/// A stream of orders that is silent for longer is dead: the scheduler writes every 5 s.
pub(crate) const ORDERS_SILENT_MS: u64 = 15_000;
/// A claim that was answered with nothing sooner than this was not waited for.
pub(crate) const CLAIM_HASTY_MS: u64 = 1_000;
/// Grace of work whose lease is lost: as if the worker had died.
pub(crate) const LOST_GRACE_MS: u64 = ORPHAN_GRACE_MS;
/// Time beyond grace and kill time for the proof to arrive from the supervisors.
pub(crate) const PROOF_SLACK_MS: u64 = 1_000;
/// Time for what a supervisor that is given up may have said while we did not listen.
pub(crate) const LAST_WORDS_MS: u64 = 100;
/// Longest time for the last reports and the goodbye of a worker that ends.
pub(crate) const FLUSH_MS: u64 = 3_000;
/// Least time for an orderly end: signals, kills and last words need some on a busy machine.
pub(crate) const DRAIN_MS_MIN: u64 = 2_000;
/// Words of functions in one heartbeat: with 500 characters each they must not make it larger than
/// the body that the scheduler takes, with held attempts and stop reports beside them.
pub(crate) const PROGRESS_PER_BEAT_MAX: usize = 100;
/// Attempts that are remembered after their end was answered: an order that was on its way then.
pub(crate) const REMEMBERED_MAX: usize = 4_096;
/// Orders that are kept: the oldest are forgotten first.
pub(crate) const ORDERS_MAX: usize = 16 * 1_024;
/// Age of the word that an attempt may begin from which on it is asked again: so long may work begin
/// after a verdict that it does not know of, where the word was on its way. A try of the call takes at
/// most two seconds.
pub(crate) const START_FRESH_MS: u64 = 2_500;
/// Pause between two looks at what a lost supervisor left.
pub(crate) const SURVIVORS_PAUSE_MS: u64 = 1_000;
/// Bytes of a handlers file: it is written by hand.
pub(crate) const HANDLERS_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Longest sleep of the demos: one day.
pub(crate) const DEMO_SECONDS_MAX: f64 = 86_400.0;

/// Least address space of a handler with a limit on it: the supervisor lives under it too.
pub(crate) const MEMORY_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// Fewest open files of a handler with a limit on them, for the same reason.
pub(crate) const OPEN_FILES_MIN: u64 = 64;

/// Longest time of a call where its handler says nothing.
pub(crate) const HTTP_TIMEOUT_MS: u64 = 30_000;
/// Of that, the longest time until its connection stands.
pub(crate) const HTTP_CONNECT_MS: u64 = 5_000;
/// Longest time for one of several addresses: the next may be the one that answers.
pub(crate) const HTTP_CONNECT_ONE_MS: u64 = 2_000;
/// Addresses of one name that are looked at.
pub(crate) const HTTP_ADDRESSES_MAX: usize = 16;
/// Bytes of the head of an answer, and of what is read of its body at once.
pub(crate) const HTTP_HEADER_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a refusal's body that are read, and characters that a message shows of it.
pub(crate) const HTTP_ERROR_BYTES_MAX: usize = 4 * 1024;
pub(crate) const HTTP_ERROR_CHARS_MAX: usize = 300;
