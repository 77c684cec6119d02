//! Every bound of the system, with its reason. A number that limits something stands here or nowhere.

/// Bytes of a request body: a payload that needs more belongs in a file store.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Nesting of a JSON body: deeper input only serves to exhaust a stack.
pub const JSON_DEPTH_MAX: usize = 64;
/// Items of one page of a list.
pub const PAGE_MAX: u32 = 1_000;
/// Steps of the walk for one page of tasks, after which it ends, empty or not: filters that seldom
/// meet would otherwise read every task of the namespace for it. Some 40 ms at 2 µs each.
pub const LIST_STEPS_MAX: u32 = 20_000;
/// Bytes of the texts and payloads of one page of tasks, after which it ends: clients read answers of
/// at most 16 MiB, and a thousand payloads of 1 MiB would exhaust the server.
pub const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a cursor: ours are shorter, and one that is passed on must fit into an address.
pub const CURSOR_BYTES_MAX: usize = 1_024;
/// Items of a page when the caller names no limit.
pub const PAGE_DEFAULT: u32 = 50;

/// Characters of a task type, which is also the name of its handler.
pub const TYPE_CHARS_MAX: usize = 100;
/// Characters of the name of a queue, a worker, a namespace or a principal.
pub const NAME_CHARS_MAX: usize = 64;
/// Characters of a task's title: one line of a list.
pub const TITLE_CHARS_MAX: usize = 200;
/// Labels of one task.
pub const LABELS_MAX: usize = 32;
/// Characters of a label's key (as Kubernetes has it).
pub const LABEL_KEY_CHARS_MAX: usize = 63;
/// Characters of a label's value.
pub const LABEL_VALUE_CHARS_MAX: usize = 255;
/// Characters of an idempotency key: room for a UUID, a hash or a path.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Characters of the reason of a cancel.
pub const REASON_CHARS_MAX: usize = 500;
/// Bytes of a result that came too late and is kept with its attempt as evidence; of a longer one only
/// the length. With one for each attempt that there can be an answer stays below the 16 MiB that our
/// client reads.
pub const LATE_RESULT_BYTES_MAX: usize = 8 * 1024;
/// Cancel requests after the first one that are kept with who and why, the latest ones; the rest are
/// only counted. Each may have a reason, and one answer tells them all.
pub const CANCEL_REQUESTS_KEPT_MAX: u32 = 100;
/// Characters of an error's code and message as kept on an attempt.
pub const ERROR_CODE_CHARS_MAX: usize = 64;
/// See [`ERROR_CODE_CHARS_MAX`].
pub const ERROR_MESSAGE_CHARS_MAX: usize = 2_000;
/// Bytes of the result of a handler.
pub const RESULT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of each output tail kept for an attempt: the end of an output holds the reason of a failure.
pub const OUTPUT_TAIL_BYTES_DEFAULT: usize = 64 * 1024;

/// Attempts of one execution whose output is told with it, the latest ones: even where JSON has to
/// escape every byte, one answer stays below the 16 MiB that our client reads.
pub const OUTPUTS_TOLD_MAX: u32 = 16;

/// Lowest priority.
pub const PRIORITY_MIN: i8 = -10;
/// Highest priority: claimed first.
pub const PRIORITY_MAX: i8 = 10;
/// Counted attempts of an execution unless told otherwise.
pub const MAX_ATTEMPTS_DEFAULT: u32 = 3;
/// Most counted attempts that can be asked for.
pub const MAX_ATTEMPTS_MAX: u32 = 100;
/// Endings that do not count (released, interrupted, lost claim) before the execution fails: a
/// worker that takes and returns the same work for ever would otherwise never end.
pub const UNCOUNTED_MAX: u32 = 100;
/// First back-off.
pub const BACKOFF_INITIAL_MS_DEFAULT: u64 = 1_000;
/// Longest back-off unless told otherwise.
pub const BACKOFF_MAX_MS_DEFAULT: u64 = 60_000;
/// Growth of the back-off per attempt.
pub const BACKOFF_FACTOR_DEFAULT: f64 = 2.0;
/// Longest back-off that can be asked for: one day.
pub const BACKOFF_MAX_MS_MAX: u64 = 86_400_000;
/// Largest growth of the back-off.
pub const BACKOFF_FACTOR_MAX: f64 = 10.0;
/// Longest attempt timeout: thirty days.
pub const ATTEMPT_TIMEOUT_MS_MAX: u64 = 30 * 86_400_000;
/// Longest run of one attempt of a cleanup unless its handler says otherwise: one minute.
pub const CLEANUP_TIMEOUT_MS_DEFAULT: u64 = 60_000;
/// Counted attempts of a cleanup unless its handler says otherwise.
pub const CLEANUP_ATTEMPTS_DEFAULT: u32 = 3;
/// Time between the polite signal and the kill, unless told otherwise.
pub const CANCEL_GRACE_MS_DEFAULT: u64 = 10_000;
/// Longest grace: ten minutes.
pub const CANCEL_GRACE_MS_MAX: u64 = 600_000;
/// How far ahead an execution can be scheduled: ten years.
pub const SCHEDULE_AHEAD_MS_MAX: u64 = 10 * 366 * 86_400_000;

/// Length of a lease: long enough that a garbage-collected or paused worker is not lost at once.
pub const LEASE_MS: u64 = 30_000;
/// Shortest lease that can be set: six heartbeats of half a second.
pub const LEASE_MS_MIN: u64 = 3_000;
/// Longest lease that can be set: work of a lost worker waits as long.
pub const LEASE_MS_MAX: u64 = 600_000;
/// Time between heartbeats: six chances within a lease.
pub const HEARTBEAT_MS: u64 = 5_000;
/// A worker that cannot renew signals its work this long before the lease ends.
pub const LEASE_TERMINATE_MARGIN_MS: u64 = 10_000;
/// And kills it this long before, so that the tree is gone before another worker may start.
pub const LEASE_KILL_MARGIN_MS: u64 = 5_000;
/// Time allowed from SIGKILL to a proven empty tree before a stop counts as stuck.
pub const KILL_MS: u64 = 5_000;
/// Time that running work and open calls get at an orderly end: as long as the usual grace.
pub const DRAIN_MS_DEFAULT: u64 = 10_000;
/// How long idempotency keys are kept at least: thirty days. A create with an older binding key is
/// refused, because "not found" no longer means "never seen".
pub const KEYS_KEPT_MS: u64 = 30 * 86_400_000;
/// How much longer they are in fact: for clocks of callers that go ahead of ours.
pub const KEYS_MARGIN_MS: u64 = 86_400_000;
/// How long the history of executions is kept unless told otherwise: what people look back at.
pub const HISTORY_MS_DEFAULT: u64 = 30 * 86_400_000;
/// Shortest history that can be set, in days: a result is there for at least a day.
pub const HISTORY_DAYS_MIN: u64 = 1;
/// Longest history that can be set, in days: ten years.
pub const HISTORY_DAYS_MAX: u64 = 3_660;
/// Time between two looks for what is kept long enough. It does not matter to what is kept for days, and
/// each look walks past all that is old and lives: a million of it takes some seconds of the writer.
pub const RETENTION_EVERY_MS: u64 = 3_600_000;
/// Time for which the wall clock has to go right before anything is forgotten: a machine that starts with
/// a wrong one is set right within minutes, and what is forgotten is gone for good.
pub const CLOCK_STEADY_MS: u64 = 1_800_000;
/// Executions, keys or sessions that one slice of retention forgets: with attempt, output and key about
/// the 2 ms of background (measured 2026-11 on a busy machine: 3.5 ms with the commit).
pub const RETENTION_ROWS_MAX: u32 = 50;
/// Executions that one slice looks at: those that live long are passed over, 200 in 0.25 ms (measured
/// 2026-11).
pub const RETENTION_WALK_MAX: u32 = 200;
/// Bytes of payloads, results and outputs after which a slice of retention ends: the engine reads and
/// frees each page of them. The last execution of a slice may go beyond it.
pub const RETENTION_BYTES_MAX: u64 = 256 * 1024;
/// Slots of one worker session.
pub const SLOTS_MAX: u32 = 1_000;
/// Queues that one worker session may name.
pub const WORKER_QUEUES_MAX: usize = 64;
/// Handler types that one worker session may name.
pub const WORKER_TYPES_MAX: usize = 256;
/// Pairs of a queue and a type that one worker session may name: each look of a claim seeks every
/// pair. Where each has work, 4,096 take 1.6 ms of the writer and all 16,384 10 ms (measured 2026-11).
pub const WORKER_PAIRS_MAX: usize = 4_096;
/// Items of one worker call (hand-ins, stop reports, held attempts).
pub const WORKER_ITEMS_MAX: usize = 1_000;
/// Bytes of the payloads that one claim is granted, after which the rest waits for the next one:
/// an answer that no client reads would lose its grants again and again.
pub const CLAIM_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest wait of a claim without hand-ins.
pub const CLAIM_WAIT_MS_MAX: u64 = 30_000;
/// Longest `Prefer: wait` in seconds.
pub const PREFER_WAIT_S_MAX: u64 = 60;
/// Ids of one list-by-id request: what one page of tasks can ask for.
pub const IDS_PER_REQUEST_MAX: usize = 1_000;
/// Creates of one batch: one transaction, and with small payloads one ordinary body.
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// Levels of a tree of executions below its root: a claim or a create under a closed tree looks at each
/// of them, and deeper trees are loops that somebody did not mean.
pub const TREE_DEPTH_MAX: u32 = 16;
/// Children of one execution: a list that can still be looked through. What needs more has a level
/// between.
pub const CHILDREN_MAX: u32 = 10_000;
/// Tasks that `task tree` shows: beyond that nobody reads it, and each takes a part of a list.
pub const TREE_SHOWN_MAX: usize = 1_000;
/// Tasks below a closed tree whose ends `task cancel --cascade --wait` waits for: each is a look of its
/// own, and beyond that it says that there are more.
pub const TREE_WAITED_MAX: usize = 100_000;

/// The time of a report of latencies that names none: a day.
pub const LATENCY_WINDOW_MS_DEFAULT: u64 = 86_400_000;
/// The longest such time, a month: a report reads some rows of each minute.
pub const LATENCY_WINDOW_MS_MAX: u64 = 31 * 86_400_000;
/// Types of a namespace that metrics tell apart, each 57 lines: a text of some 2 MB. What comes after
/// them is told together.
pub const METRIC_TYPES_MAX: usize = 256;
/// Tasks that one cancellation may name by their ids: one transaction. More of them have something in
/// common that a filter can name.
pub const CANCELLATION_IDS_MAX: usize = 1_000;
/// Items of a cancellation that are decided with one call of the scheduler, and committed together.
pub const CANCELLATION_SLICE_MAX: u32 = 1_000;
/// How long a slice may be decided after the time that the scheduler told before it: longer than a call
/// with its waits. Where an answer was lost, so long it may be that what was asked for is still decided.
pub const CANCELLATION_ASK_MS: u64 = 30_000;
/// Items that a cancellation can be allowed to decide per second: more than are decided as fast as it
/// goes.
pub const CANCELLATION_PER_SECOND_MAX: u32 = 100_000;
/// Portions per second in which such a cancellation goes on, where each has an item: what is behind it
/// is not hit by a second's worth at once.
pub const CANCELLATION_PORTIONS_PER_SECOND: u32 = 10;
/// Executions that the scheduler cancels in one transaction of a cancel of many: about the time of
/// background, so that a single cancel hardly waits.
pub const CANCEL_BATCH_ROWS_MAX: usize = 100;
/// Tasks that a dry run shows.
pub const CANCELLATION_SAMPLE_MAX: usize = 10;
/// Cancellations that are carried on side by side, slice by slice: a long one must not keep a short
/// one waiting.
pub const CANCELLATIONS_AT_ONCE_MAX: u32 = 16;

/// Attempts that a queue can be allowed to hold: more than a thousand workers of a thousand slots run.
pub const QUEUE_RUNNING_MAX: u32 = 1_000_000;
/// Types of one queue whose waiting claims are woken when it opens again: a seek each, in a commit.
/// The rest is found by the next look of who waits.
pub const QUEUE_TYPES_WOKEN_MAX: usize = 256;

/// Commands waiting before a committer, per class.
pub const LANE_COMMANDS_MAX: usize = 10_000;
/// Bytes of all commands waiting before a committer: what a crash may lose unanswered, and what a
/// process of tens of megabytes can spare.
pub const LANES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Of these, what all but heartbeats may fill together: room for one whole call is left, whatever
/// waits, because a worker that is not heard loses all it runs.
pub const LANES_CANCEL_BYTES_MAX: usize = 30 * 1024 * 1024;
/// Of these, what ends, claims, creates and background may fill together: room for a few whole calls
/// is left, so that the stop button is never behind the flood.
pub const LANES_WORK_BYTES_MAX: usize = 26 * 1024 * 1024;
/// Of these, what creates and background may fill together; the rest is kept for the others.
pub const LANES_SHED_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Transactions that may pass over a class that waits, before one of its commands goes first: a
/// flood of creates must not keep leases from expiring.
pub const LANE_PASSED_OVER_MAX: u32 = 16;
/// Reads of single things waiting before the readers of an embedded store.
pub const READS_WAITING_MAX: usize = 4_096;
/// Lists waiting there, in a queue of their own: each takes about as long as a few of those.
pub const LISTS_WAITING_MAX: usize = 1_024;
/// Page caches of all embedded databases of one process together.
pub const PAGE_CACHES_BYTES_MAX: usize = 48 * 1024 * 1024;
/// How long after its begin the reconciler first looks at a binding: longer than the call that
/// began it may take.
pub const BINDING_OVERDUE_MS: u64 = 6_000;
/// Bound of the wait before a binding is tried again; it doubles with each try.
pub const BINDING_RETRY_FIRST_MS: u64 = 200;
/// Its largest bound: once an outage is over, every task that was binding is bound within ten
/// seconds, one call that takes its whole time included.
pub const BINDING_RETRY_MAX_MS: u64 = 4_000;
/// Bindings that the reconciler, or one batch, drives at once: each may hold a connection until its
/// deadline.
pub const BINDINGS_AT_ONCE_MAX: u32 = 32;
/// Bytes of one transaction, after which it takes no more work: keeps one commit short.
pub const TRANSACTION_BYTES_MAX: usize = 1024 * 1024;
/// Time after which a transaction takes no more work.
pub const TRANSACTION_MS_MAX: u64 = 5;
/// The same for background work, which must never hold up a cancel.
pub const BACKGROUND_MS_MAX: u64 = 2;
/// Rows that one command of a background loop, or of a goodbye, moves: about the 2 ms of background
/// (measured 2026-11 on a free core: 4 to 5 µs to promote or fail a row, 13 µs to end an attempt).
pub const TICK_ROWS_MAX: u32 = 100;
/// Wall time that runs away from boot time by more than this counts as an outage of ours.
pub const CLOCK_JUMP_MS: u64 = 2_000;

/// Open connections of one listener.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Of these, how many calls that wait (long polls, streams) may hold; the rest is for the others.
pub const WAITING_CALLS_MAX: usize = 768;
/// Of these, how many may be calls that only would rather wait (`Prefer: wait`): without a seat they are
/// answered at once, and the rest is for the claims and the order streams of workers.
pub const WAITING_READS_MAX: usize = 256;
/// Of these, how many calls that make new work may be open at once. A flood of them is refused before
/// its bodies are read, and the stop button and the workers keep their part of the connections.
pub const CREATES_AT_ONCE_MAX: usize = 512;
/// Of these, how many the scheduler works on at once; the others wait and cost no time. A thread serves
/// what is ready in turn, so that a cancel waits for as many creates as are: with 256 of them it took a
/// second, in a build without optimisation (measured 2026-11). Commits are as large with 64.
pub const CREATES_WORKING_MAX: usize = 64;
/// Time for a client to send the head of a request.
pub const HEADER_READ_MS: u64 = 10_000;
/// Time for a client to send a body.
pub const BODY_READ_MS: u64 = 30_000;
/// Time in which a client takes some of its answer: one that takes nothing holds memory and a place.
pub const ANSWER_WRITE_MS: u64 = 30_000;

/// Time for which a probe's look at a dependency counts: however many probe, it is looked at once.
pub const READY_LOOK_MS: u64 = 1_000;
/// Time for one such look: probes give up after a second or more.
pub const READY_LOOK_TIME_MS: u64 = 800;
/// Time without a tick, beyond two intervals, after which a loop counts as gone: longer than the
/// longest pause after failures.
pub const LOOP_SILENT_MS: u64 = 15_000;
/// How far ids jump when a backup is restored: more than are handed out between two backups, at
/// 5,000 a second two days of it, and so little of 2^53 that millions of restores have room.
pub const RESTORE_IDS_JUMP: i64 = 1_000_000_000;
