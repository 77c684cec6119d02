//! Cleanups of canceled executions: what a worker declares, and what one gets and comes to.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use taskpilot_worker::{Cleanup, CleanupOf, Context, Failure, Handlers, Worker, WorkerError};

use crate::stand_in::{Kind, StandIn, cleanup, grant, order};
use crate::worker::{Bench, wait_for_file};

/// A handler and its cleanup, both shell scripts, each with further keys. `@` is the directory of the
/// test.
fn file(main: (&str, &str), cleanup: (&str, &str)) -> String {
    let program = |(script, keys): (&str, &str)| {
        format!(
            "argv = ['/bin/sh', '-c', '''{script}''']\nset_environment = {{ BENCH = '@' }}\n{keys}\n"
        )
    };
    let (main, cleanup) = (program(main), program(cleanup));
    format!("[[handler]]\ntype = 'work'\n{main}[handler.cleanup]\n{cleanup}")
}

fn bench(main: (&str, &str), cleanup: (&str, &str)) -> Bench {
    let mut bench = Bench::new();
    let root = bench.path("").display().to_string();
    bench.load(&file(main, cleanup).replace('@', &root));
    bench
}

/// Files that programs were handed.
fn handed_out(bench: &Bench) -> usize {
    let files = fs::read_dir(bench.path("state/journal/stops"));
    files.unwrap().count()
}

async fn scheduler() -> StandIn {
    StandIn::scripting(&[Kind::Claim, Kind::Results]).await
}

/// What the worker hands in for the only attempt that it is granted.
async fn end_of(scheduler: &mut StandIn, granted: Value) -> Value {
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[granted]);
    scheduler.next_hand_in().await
}

/// What a worker registers with.
async fn registration(bench: &Bench) -> Value {
    let mut scheduler = StandIn::scripting(&[Kind::Register]).await;
    let worker = bench.start(scheduler.url());
    let register = scheduler.next(Kind::Register).await;
    let body = register.body.clone();
    register.open_session(1, 600_000);
    worker.end().await;
    body
}

#[tokio::test]
async fn a_worker_says_which_types_it_cleans_up_after_and_how() {
    let program = "[[handler]]\ntype = 'more'\nargv = ['true']\n\
                   [handler.cleanup]\nargv = ['true']\ntimeout_ms = 5_000\nmax_attempts = 9\n";
    let mut bench = Bench::new();
    bench.load(&format!("{}{program}", file(("true", ""), ("true", ""))));
    let body = registration(&bench).await;
    assert_eq!(
        body["cleanups"],
        json!([{"type": "more", "timeoutMs": 5_000, "maxAttempts": 9},
            {"type": "work", "timeoutMs": 60_000, "maxAttempts": 3}])
    );
    assert_eq!(body["containment"], "subreaper");
    // What does not clean up says nothing of it: a scheduler of an older release knows no such word.
    assert_eq!(registration(&Bench::new()).await.get("cleanups"), None);
}

#[test]
fn a_cleanup_of_a_type_without_a_handler_or_beyond_its_limits_is_refused() {
    let nothing = || Cleanup::by(|_| async { Ok(()) });
    let refused = |kind: &str, cleanup: Cleanup| {
        let handlers = Handlers::built_in().cleaning_up(kind, cleanup);
        let bench = Bench::with_handlers(handlers);
        let worker = Worker::new(bench.config("http://127.0.0.1:1"));
        let Err(WorkerError::Setting(error)) = worker else {
            panic!("it is no setting that is wrong: {worker:?}");
        };
        error.field
    };
    assert_eq!(refused("typo", nothing()), "cleanups[0].type");
    let forever = nothing().timeout(Duration::MAX);
    assert_eq!(refused("demo", forever), "cleanups[0].timeoutMs");
    let never = nothing().max_attempts(0);
    assert_eq!(refused("demo", never), "cleanups[0].maxAttempts");
}

#[tokio::test]
async fn the_program_of_a_cleanup_finds_what_it_is_about() {
    let tells = r#"cp "$TASKPILOT_CLEANUP_FILE" @about; echo "$1"; cat; echo
env | grep ^TASKPILOT_ | grep -v -e MARKER -e _FILE | sort"#;
    let schema = "parameters = { type = 'object', required = ['name'], \
                  properties = { name = { type = 'string' } } }";
    let mut bench = Bench::new();
    let root = bench.path("").display().to_string();
    let text = format!(
        "[[handler]]\ntype = 'work'\nargv = ['/bin/sh', '-c', 'env | grep CLEANUP; echo main']\n\
         {schema}\n[handler.cleanup]\n\
         argv = ['/bin/sh', '-c', '''{tells}''', 'sh', '{{name}}.partial']\n"
    );
    bench.load(&text.replace('@', &root));
    let mut scheduler = scheduler().await;
    let worker = bench.start(scheduler.url());
    let payload = json!({"name": "a b"});

    let granted = cleanup(8, 7, "work", &payload);
    let about = granted["cleanupOf"].clone();
    let done = end_of(&mut scheduler, granted).await;
    let stdout = "a b.partial\n{\"name\":\"a b\"}\nTASKPILOT_ATTEMPT=1\nTASKPILOT_CLEANUP_OF=7\n\
                  TASKPILOT_EXECUTION_ID=8\nTASKPILOT_TYPE=work\n";
    assert_eq!(
        (&done["outcome"], &done["result"]["stdout"]),
        (&json!("succeeded"), &json!(stdout)),
        "{done}"
    );
    let found = fs::read(bench.path("about")).unwrap();
    let found: Value = serde_json::from_slice(&found).unwrap();
    assert_eq!(found, about);
    assert_eq!(handed_out(&bench), 0, "nobody needs it any more");

    let done = end_of(&mut scheduler, grant(9, "work", &payload)).await;
    assert_eq!(done["result"]["stdout"], "main\n");
    worker.end().await;
}

#[tokio::test]
async fn a_call_has_a_program_as_its_cleanup() {
    let mut bench = Bench::new();
    bench.load(
        "[http]\nallow = ['http://127.0.0.1:1']\n\
         [[handler]]\ntype = 'work'\nkind = 'http'\nurl = 'http://127.0.0.1:1/{id}'\n\
         parameters = { type = 'object', required = ['id'], properties = { id = { type = 'integer' } } }\n\
         [handler.cleanup]\nargv = ['/bin/echo', 'undo', '{id}']\nstdin = 'none'\n",
    );
    let mut scheduler = scheduler().await;
    let worker = bench.start(scheduler.url());
    let done = end_of(&mut scheduler, cleanup(8, 7, "work", &json!({"id": 5}))).await;
    assert_eq!(done["result"]["stdout"], "undo 5\n");
    let called = end_of(&mut scheduler, grant(9, "work", &json!({"id": 5}))).await;
    assert_eq!(called["error"]["code"], "target_unreachable");
    let unfit = end_of(&mut scheduler, cleanup(10, 7, "work", &json!("5"))).await;
    assert_eq!(unfit["error"]["code"], "invalid_payload");
    worker.end().await;
}

#[tokio::test]
async fn a_function_that_cleans_up_knows_what_it_is_about() {
    let told: Arc<Mutex<Vec<Option<CleanupOf>>>> = Arc::default();
    let note = |told: &Arc<Mutex<Vec<Option<CleanupOf>>>>| {
        let told = told.clone();
        move |context: &Context| told.lock().unwrap().push(context.cleanup_of().cloned())
    };
    let (main, async_note, blocking_note) = (note(&told), note(&told), note(&told));
    let by_function = Cleanup::by(move |context: Context| {
        async_note(&context);
        async move { Ok((context.execution_id(), context.payload::<String>()?)) }
    });
    let by_thread = Cleanup::by_blocking(move |context: Context| {
        blocking_note(&context);
        Err::<(), _>(Failure::retryable("busy", "later"))
    });
    let handlers = Handlers::none()
        .with("work", move |context: Context| {
            main(&context);
            async { Ok("main") }
        })
        .with("more", |_| async { Ok(()) })
        .cleaning_up("work", by_function)
        .cleaning_up("more", by_thread);
    let bench = Bench::with_handlers(handlers);
    let mut scheduler = scheduler().await;
    let worker = bench.start(scheduler.url());

    let done = end_of(&mut scheduler, cleanup(8, 7, "work", &json!("x"))).await;
    assert_eq!(
        (&done["result"], &done["containment"]),
        (&json!([8, "x"]), &json!("in_process"))
    );
    let failed = end_of(&mut scheduler, cleanup(9, 6, "more", &json!("x"))).await;
    assert_eq!(
        failed["error"],
        json!({"code": "busy", "message": "later", "retryable": true})
    );
    let done = end_of(&mut scheduler, grant(10, "work", &json!("x"))).await;
    assert_eq!(done["result"], "main");

    let told = told.lock().unwrap().clone();
    let [Some(first), Some(second), None] = told.as_slice() else {
        panic!("each was told once: {told:?}");
    };
    assert_eq!((first.execution_id, second.execution_id), (7, 6));
    assert_eq!(
        (first.attempt, first.cause.as_str(), first.stop.as_str()),
        (Some(2), "USER", "STOPPED")
    );
    assert_eq!(first.progress.as_ref().unwrap().percent, Some(40));
    worker.end().await;
}

#[tokio::test]
async fn a_function_that_cleans_up_beside_programs_is_said_to_be_enclosed_by_nothing() {
    let nothing = Cleanup::by(|_| async { Ok(()) });
    let handlers = Handlers::built_in().cleaning_up("demo-slow", nothing);
    let body = registration(&Bench::with_handlers(handlers)).await;
    assert_eq!(body["containment"], "in_process");
}

#[tokio::test]
async fn a_cleanup_that_nobody_declared_fails_and_runs_nothing() {
    let bench = Bench::with_scripts(&[("work", ": > @ran", "")]);
    let mut scheduler = scheduler().await;
    let worker = bench.start(scheduler.url());
    let failed = end_of(&mut scheduler, cleanup(8, 7, "work", &json!(1))).await;
    assert_eq!(
        (&failed["error"]["code"], &failed["error"]["retryable"]),
        (&json!("no_cleanup"), &json!(false))
    );
    assert!(!bench.path("ran").exists());
    worker.end().await;
}

#[tokio::test]
async fn a_cleanup_begins_unasked_also_where_the_work_may_not() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Starts, Kind::Results]).await;
    let bench = bench(("echo main", "confirm_start = true"), ("echo cleanup", ""));
    let worker = bench.start(scheduler.url());
    let done = end_of(&mut scheduler, cleanup(8, 7, "work", &json!(1))).await;
    assert_eq!(done["result"]["stdout"], "cleanup\n");
    assert!(scheduler.has_none(Kind::Starts));
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(9, "work", &json!(1))]);
    scheduler.next(Kind::Starts).await.say("applied");
    let done = scheduler.next_hand_in().await;
    assert_eq!(done["result"]["stdout"], "main\n");
    worker.end().await;
}

#[tokio::test]
async fn a_cleanup_is_stopped_like_any_attempt_and_keeps_its_file_to_the_end() {
    let mut scheduler = StandIn::with_heartbeat_ms(&[Kind::Claim, Kind::Results], 50).await;
    // By itself: the signal may reach a `cp` too.
    let keeps = r#"trap '
        read -r why < "$TASKPILOT_STOP_FILE"; printf %s "$why" > @why
        read -r about < "$TASKPILOT_CLEANUP_FILE"; printf %s "$about" > @about; exit 0' TERM
: > @ready; while :; do sleep 0.01; done"#;
    let bench = bench(("exit 0", ""), (keeps, ""));
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[cleanup(8, 7, "work", &json!(1))]);
    wait_for_file(&bench.path("ready")).await;
    scheduler.tell(&[order(8)], &[]);
    let item = scheduler.next_hand_in().await;
    assert_eq!(
        (&item["outcome"], &item["how"]),
        (&json!("interrupted"), &json!("terminated"))
    );
    let read = |name: &str| -> Value {
        let text = fs::read(bench.path(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    assert_eq!(read("why")["cause"], "USER");
    assert_eq!(read("about")["executionId"], 7);
    assert_eq!(handed_out(&bench), 0);
    worker.end().await;
}

#[tokio::test]
async fn a_cleanup_that_cannot_be_told_what_it_is_about_does_not_run() {
    let mut scheduler = scheduler().await;
    let bench = bench((": > @ran", ""), (": > @ran", ""));
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    fs::remove_dir(bench.path("state/journal/stops")).unwrap();
    claim.grant(&[cleanup(8, 7, "work", &json!(1))]);
    let failed = scheduler.next_hand_in().await;
    let error = &failed["error"];
    assert_eq!(
        (&error["code"], &error["retryable"]),
        (&json!("supervisor_unavailable"), &json!(true))
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("what the cleanup is about"), "{message}");
    assert!(!bench.path("ran").exists());
    worker.end().await;
}
