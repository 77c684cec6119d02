//! What attempts come to, in the eyes of the real scheduler.

use serde_json::{Value, json};

use crate::scheduler::Scheduler;
use crate::worker::{Bench, send_kill, wait_until};

#[tokio::test]
async fn a_demo_gives_its_payload_back() {
    let scheduler = Scheduler::start().await;
    let bench = Bench::new();
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("demo", json!({"n": [1, "x"]})).await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    assert_eq!(done["result"], json!({"echo": {"n": [1, "x"]}}));
    worker.end().await;
}

#[tokio::test]
async fn a_program_gets_its_payload_and_is_told_who_it_is() {
    let scheduler = Scheduler::start().await;
    let script =
        "cat; echo; env | grep ^TASKPILOT_ | grep -v -e MARKER -e STOP_FILE | sort; echo oops >&2";
    let bench = Bench::with_scripts(&[("tell", script, "environment = ['PATH']")]);
    let worker = bench.start(&scheduler.url());
    let body = json!({"type": "tell", "payload": {"a": "ä"}, "reference": "task:7",
        "deadline": "2100-01-01T00:00:00.000Z"});
    let id = scheduler.create(body).await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    let stdout = format!(
        "{{\"a\":\"ä\"}}\nTASKPILOT_ATTEMPT=1\nTASKPILOT_DEADLINE=2100-01-01T00:00:00.000Z\n\
         TASKPILOT_EXECUTION_ID={id}\nTASKPILOT_REFERENCE=task:7\nTASKPILOT_TYPE=tell\n"
    );
    let result = json!({"exitCode": 0, "stdout": stdout, "stderr": "oops\n", "truncated": false});
    assert_eq!(done["result"], result);
    let attempt = &done["attempts"][0];
    assert_eq!(
        (
            &attempt["outcome"],
            &attempt["exitCode"],
            &attempt["output"]["stderr"]
        ),
        (&json!("succeeded"), &json!(0), &json!("oops\n"))
    );
    worker.end().await;
}

#[tokio::test]
async fn a_failure_is_retried_and_says_why() {
    let scheduler = Scheduler::start().await;
    let script = "[ $TASKPILOT_ATTEMPT = 2 ] && exit 0; echo 'no disk' >&2; exit 7";
    let bench = Bench::with_scripts(&[("flaky", script, "result = 'none'")]);
    let worker = bench.start(&scheduler.url());
    let backoff = json!({"initialMs": 1, "maxMs": 1});
    let id = scheduler
        .create(json!({"type": "flaky", "payload": 1, "backoff": backoff}))
        .await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    assert_eq!(
        (&done["attemptCount"], &done["result"]),
        (&json!(2), &Value::Null)
    );
    let first = &done["attempts"][0];
    let error = json!({"code": "exit_code",
        "message": "the program ended with exit code 7: no disk"});
    assert_eq!(
        (&first["outcome"], &first["error"], &first["exitCode"]),
        (&json!("failed"), &error, &json!(7))
    );
    worker.end().await;
}

#[tokio::test]
async fn what_cannot_be_helped_by_another_attempt_fails_at_once() {
    let scheduler = Scheduler::start().await;
    let keys = "non_retryable_exit_codes = [64]";
    let mut bench = Bench::with_scripts(&[("usage", "exit 64", keys)]);
    bench.load(
        "[[handler]]\ntype = 'usage'\nargv = ['/bin/sh', '-c', 'exit 64']\n\
         non_retryable_exit_codes = [64]\n\
         [[handler]]\ntype = 'strict'\nargv = ['/bin/echo', '{word}']\n\
         parameters = { type = 'object', properties = { word = { type = 'string' } }, \
         required = ['word'] }\n",
    );
    let worker = bench.start(&scheduler.url());
    let cases = [
        ("usage", json!(1), "exit_code"),
        ("strict", json!({"word": 5}), "invalid_payload"),
        ("strict", json!({"word": "-n"}), "invalid_payload"),
        ("demo-fail", json!({"retryable": false}), "demo_failure"),
    ];
    for (kind, payload, code) in cases {
        let id = scheduler.run(kind, payload).await;
        let failed = scheduler.when_status(id, "FAILED").await;
        assert_eq!(
            (
                &failed["attemptCount"],
                &failed["attempts"][0]["error"]["code"]
            ),
            (&json!(1), &json!(code)),
            "{kind}"
        );
    }
    worker.end().await;
}

#[tokio::test]
async fn a_handler_may_allow_less_time_than_the_task() {
    let scheduler = Scheduler::start().await;
    let keys = "timeout_ms = 100\ngrace_ms = 100";
    let bench = Bench::with_scripts(&[("slow", "trap '' TERM; sleep 600", keys)]);
    let worker = bench.start(&scheduler.url());
    let once = json!({"type": "slow", "payload": 1, "maxAttempts": 1});
    let id = scheduler.create(once).await;
    let failed = scheduler.when_status(id, "FAILED").await;
    let attempt = &failed["attempts"][0];
    assert_eq!(
        (
            &attempt["outcome"],
            &attempt["error"]["code"],
            &attempt["signal"]
        ),
        (&json!("failed"), &json!("attempt_timed_out"), &json!(9))
    );
    assert_eq!(bench.programs(), [0; 0]);
    worker.end().await;
}

#[tokio::test]
async fn one_slot_runs_one_attempt_at_a_time() {
    let scheduler = Scheduler::start().await;
    let script = "mkdir @busy || exit 1; sleep 0.02; rmdir @busy";
    let mut bench = Bench::with_scripts(&[("alone", script, "")]);
    bench.slots = 1;
    let worker = bench.start(&scheduler.url());
    let mut ids = Vec::new();
    for _ in 0..8 {
        let once = json!({"type": "alone", "payload": 1, "maxAttempts": 1});
        ids.push(scheduler.create(once).await);
    }
    for id in ids {
        scheduler.when_status(id, "SUCCEEDED").await;
    }
    worker.end().await;
}

#[tokio::test]
async fn many_tasks_run_on_many_slots() {
    let scheduler = Scheduler::start().await;
    let mut bench = Bench::new();
    bench.slots = 40;
    let worker = bench.start(&scheduler.url());
    let mut ids = Vec::new();
    for n in 0..120 {
        ids.push(scheduler.run("demo", json!(n)).await);
    }
    for (n, id) in ids.into_iter().enumerate() {
        let done = scheduler.when_status(id, "SUCCEEDED").await;
        assert_eq!(done["result"], json!({"echo": n}));
    }
    worker.end().await;
}

#[tokio::test]
async fn a_supervisor_that_is_killed_costs_an_attempt_and_leaves_nothing() {
    let scheduler = Scheduler::start().await;
    let script = "[ $TASKPILOT_ATTEMPT = 2 ] && exit 0; echo $PPID > @ready; exec sleep 600";
    let bench = Bench::with_scripts(&[("run", script, "")]);
    let worker = bench.start(&scheduler.url());
    let backoff = json!({"initialMs": 1, "maxMs": 1});
    let id = scheduler
        .create(json!({"type": "run", "payload": 1, "backoff": backoff}))
        .await;
    let mut supervisor = String::new();
    wait_until("the program says who its parent is", || {
        supervisor = std::fs::read_to_string(bench.path("ready")).unwrap_or_default();
        supervisor.ends_with('\n')
    })
    .await;
    send_kill(supervisor.trim().parse().unwrap());
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    let first = &done["attempts"][0];
    assert_eq!(
        (&first["outcome"], &first["error"]["code"]),
        (&json!("failed"), &json!("supervisor_lost"))
    );
    assert_eq!(bench.programs(), [0; 0]);
    worker.end().await;
}
