//! `PUT /api/tasks/{id}/execution/cancel` of a bound task.

use serde_json::json;
use taskpilot_api::extensions::Extensions;
use taskpilot_client::transport::Policy;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::ours::{self, Ours};
use crate::world::{Answer, Call, Control, HURRIED, before, clock, start};

async fn with_scheduler() -> (Ours, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    (scheduler, control)
}

fn cancel(task: i64) -> Call {
    Call::put(&format!("/api/tasks/{task}/execution/cancel"))
}

#[tokio::test]
async fn what_waits_is_canceled_and_a_repeat_is_kept_beside_the_verdict() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let canceled = control
        .send(cancel(task).json(&json!({"reason": "first"})))
        .await;
    assert_eq!((canceled.status, &canceled.body), (204, &json!(null)));
    let view = control.view(task).await.body;
    assert_eq!(view["cancel"]["reason"], "first");
    let again = control
        .send(cancel(task).json(&json!({"reason": "second"})))
        .await;
    assert_eq!(again.status, 204);
    let mut after = control.view(task).await.body;
    let later = after["cancel"]["laterRequests"].take();
    assert_eq!(
        (&later[0]["requestedBy"], &later[0]["reason"], &later[1]),
        (&json!("local"), &json!("second"), &json!(null))
    );
    assert_eq!(after["cancel"]["laterRequestCount"].take(), 1);
    let mut first = view.clone();
    first["cancel"]["laterRequests"].take();
    first["cancel"]["laterRequestCount"].take();
    assert_eq!(after, first);
    insta::assert_json_snapshot!("canceled_view", view);
}

#[tokio::test]
async fn what_runs_is_canceled_and_the_answer_tells_how_far_the_stop_has_come() {
    let (scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let work = scheduler.start_work().await;
    let open = control.send(cancel(task).header("prefer", "wait=1")).await;
    assert_eq!(
        (open.status, open.header("preference-applied")),
        (202, Some("wait=1"))
    );
    assert_eq!(open.body["status"], "CANCELED");
    assert_eq!(open.body["stop"]["status"], "REQUESTED");
    work.stop().await;
    let settled = control.send(cancel(task).header("prefer", "wait=30")).await;
    assert_eq!(
        (settled.status, settled.header("preference-applied")),
        (204, Some("wait=30"))
    );
    assert_eq!(control.view(task).await.body["stop"]["status"], "STOPPED");
}

#[tokio::test]
async fn a_wait_ends_with_the_stop() {
    let (scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let work = scheduler.start_work().await;
    let settling = control.send(cancel(task).header("prefer", "wait=60"));
    let stopping = async {
        wait_until("it is canceled", SOON, || async {
            Ok((control.view(task).await.body["status"] == "CANCELED").then_some(()))
        })
        .await
        .unwrap();
        work.stop().await;
    };
    let (settled, ()) = tokio::join!(settling, stopping);
    assert_eq!(
        (settled.status, settled.header("preference-applied")),
        (204, Some("wait=60"))
    );
}

/// What is answered to a cancel that waits: the status, the wish that was honoured, and how far the
/// stop has come where that is told.
fn waited(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (
        answer.status,
        answer.header("preference-applied"),
        answer.body["stop"]["status"].as_str(),
    )
}

#[tokio::test]
async fn where_nothing_ran_nobody_waits_and_no_wish_is_longer_than_a_minute() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    for (wish, applied) in [("wait=60", "wait=60"), ("wait=3600", "wait=60")] {
        let settled = control.send(cancel(task).header("prefer", wish)).await;
        assert_eq!(waited(&settled), (204, Some(applied), None));
    }
    let view = control.view(task).await;
    assert_eq!(view.body["stop"]["status"], "NOT_NEEDED");
}

#[tokio::test]
async fn a_wait_ends_where_the_worker_gives_up_and_a_repeat_does_not_wait() {
    for (stage, status) in [("stuck", "STUCK"), ("abandoned", "ABANDONED")] {
        let (scheduler, control) = with_scheduler().await;
        let (task, _) = control.bound().await;
        let work = scheduler.start_work().await;
        let open = control.send(cancel(task).header("prefer", "wait=60"));
        let giving_up = async {
            wait_until("it is canceled", SOON, || async {
                Ok((control.view(task).await.body["status"] == "CANCELED").then_some(()))
            })
            .await
            .unwrap();
            work.give_up(stage).await;
        };
        let open = async { tokio::time::timeout(SOON, open).await.unwrap() };
        let (open, ()) = tokio::join!(open, giving_up);
        assert_eq!(waited(&open), (202, Some("wait=60"), Some(status)));
        let again = control.send(cancel(task).header("prefer", "wait=60"));
        let again = tokio::time::timeout(SOON, again).await.unwrap();
        assert_eq!(waited(&again), (202, Some("wait=60"), Some(status)));
        work.stop().await;
        let proven = control.send(cancel(task).header("prefer", "wait=60")).await;
        assert_eq!(waited(&proven), (204, Some("wait=60"), None));
    }
}

#[tokio::test]
async fn a_stop_that_is_presumed_ends_the_wait() {
    let (scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let _work = scheduler.start_work().await;
    let settled = control.send(cancel(task).header("prefer", "wait=60"));
    let leases_end = async {
        // By steps: a jump would be an outage, for which a worker is not to blame.
        wait_until("the stop is presumed", SOON, || async {
            control.clock.advance(1_000);
            scheduler.tick().await;
            let view = control.view(task).await.body;
            Ok((view["stop"]["status"] == "PRESUMED").then_some(()))
        })
        .await
        .unwrap();
    };
    let (settled, ()) = tokio::join!(settled, leases_end);
    assert_eq!(waited(&settled), (204, Some("wait=60"), None));
}

#[tokio::test]
async fn a_wait_that_the_scheduler_did_not_keep_is_not_claimed() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (task, execution) = control.bound().await;
    let told = json!({"id": execution, "status": "CANCELED", "stop": {"status": "REQUESTED"}});
    // What the scheduler offers is learned anew.
    let control = control.restart(&scheduler.url());
    for (status, kept, expected) in [
        (202, true, (202, Some("wait=7"), Some("REQUESTED"))),
        (202, false, (202, None, Some("REQUESTED"))),
        (200, true, (204, Some("wait=7"), None)),
        (200, false, (204, None, None)),
    ] {
        let says = Says::status(status).json(&told);
        let says = says.header("TaskPilot-Extensions", Extensions::all().to_header());
        let says = if kept {
            says.header("Preference-Applied", "wait=7")
        } else {
            says
        };
        scheduler.behave(says.into());
        let answer = control.send(cancel(task).header("prefer", "wait=7")).await;
        assert_eq!(waited(&answer), expected, "{status} {kept}");
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_service_and_tells_the_verdict() {
    let (scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let _work = scheduler.start_work().await;
    let waiting = control.send(cancel(task).header("prefer", "wait=60"));
    let stopping = async {
        wait_until("it is canceled", SOON, || async {
            Ok((control.view(task).await.body["status"] == "CANCELED").then_some(()))
        })
        .await
        .unwrap();
        control.shutdown.request();
    };
    let (closed, ()) = tokio::join!(waiting, stopping);
    // The verdict, and no word of a wait that was honoured.
    assert_eq!(
        (closed.status, closed.header("preference-applied")),
        (204, None)
    );
}

#[tokio::test]
async fn a_store_that_does_not_serve_is_never_followed_by_a_success() {
    let (_scheduler, control) = with_scheduler().await;
    let (bound, _) = control.bound().await;
    let unbound = control.create().await;
    control.store.close();
    for call in [
        Call::post("/api/tasks", &json!({"type": "demo"})),
        Call::get(&format!("/api/tasks/{bound}")),
        Call::get("/api/tasks"),
        Call::put(&format!("/api/tasks/{unbound}/cancel")),
        Call::post(&format!("/api/tasks/{unbound}/scheduler"), &json!({})),
        cancel(bound),
    ] {
        let away = control.send(call).await;
        assert_eq!(
            away.problem(),
            (503, "storage_unavailable", Some("not_applied"))
        );
        assert!(away.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn what_has_ended_is_not_canceled() {
    let (scheduler, control) = with_scheduler().await;
    let failure = json!({"code": "x", "message": "m", "retryable": false});
    for outcome in [
        json!({"outcome": "succeeded", "result": {"a": 1}}),
        json!({"outcome": "failed", "error": failure}),
    ] {
        let (task, _) = control.bound().await;
        scheduler.start_work().await.end(&outcome).await;
        let before = control.view(task).await.body;
        for call in [cancel(task), cancel(task).header("prefer", "wait=5")] {
            let refused = control.send(call).await;
            assert_eq!(
                refused.problem(),
                (409, "execution_conflict", Some("not_applied"))
            );
            assert_eq!(
                refused.body["detail"],
                "Task cannot be canceled in its current state."
            );
        }
        assert_eq!(control.view(task).await.body, before);
    }
}

#[tokio::test]
async fn what_is_not_bound_has_nothing_to_cancel() {
    let control = before(&ReservedPort::take().unwrap().url());
    let task = control.create().await;
    for call in [
        cancel(task),
        Call::get(&format!("/api/tasks/{task}/execution")),
    ] {
        let refused = control.send(call).await;
        assert_eq!(refused.refusal(), (409, "task_not_bound"));
        assert_eq!(
            refused.body["detail"],
            "Task is not bound to scheduler yet."
        );
    }
    assert_eq!(
        control.send(cancel(task + 1)).await.refusal(),
        (404, "task_not_found")
    );
}

/// After a restore the id may name the execution of somebody else.
#[tokio::test]
async fn an_execution_with_another_reference_is_not_found_and_not_canceled() {
    let (scheduler, control) = with_scheduler().await;
    let (task, execution) = control.bound().await;
    let other = ours::start(control.clock.clone()).await;
    let body = json!({"type": "demo", "reference": "somebody else's"});
    let (_, theirs) = other.ask("POST", "/tasks", Some(&body)).await;
    assert_eq!(theirs["id"], execution);
    drop(scheduler);
    let control = control.restart(&other.url());
    for answer in [control.cancel(task).await, control.view(task).await] {
        let expected = (404, "scheduler_task_not_found", Some("not_applied"));
        assert_eq!(answer.problem(), expected);
        let detail = format!("Scheduler task not found: {execution}");
        assert_eq!(answer.body["detail"], *detail);
    }
    let (_, theirs) = other.ask("GET", &format!("/tasks/{execution}"), None).await;
    assert_eq!(theirs["status"], "PENDING");
}

/// Stands in every raw answer, and in no answer of ours.
const SECRET: &str = "stack-trace-of-the-scheduler";

fn says(status: u16) -> Says {
    let body = json!({"error": SECRET, "detail": SECRET, "code": SECRET});
    Says::status(status)
        .header("X-Internal", SECRET)
        .json(&body)
}

/// What a caller can act upon, and no trace of the raw answer.
fn told(answer: &Answer) -> String {
    assert!(!format!("{answer:?}").contains(SECRET), "{answer:?}");
    if answer.body.is_null() {
        return answer.status.to_string();
    }
    let (status, code, outcome) = answer.problem();
    let (retryable, after) = (&answer.body["retryable"], answer.header("retry-after"));
    let after = after.map(|after| if status == 503 { "some" } else { after });
    format!(
        "{status} {code} {} retryable={retryable} after={}",
        outcome.unwrap_or("-"),
        after.unwrap_or("-")
    )
}

#[tokio::test]
async fn every_answer_of_the_scheduler_has_its_translation() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (task, _) = control.bound().await;
    let elsewhere = StandIn::start_as(Says::status(200).into()).await.unwrap();
    let moved = |status| says(status).header("Location", format!("{}/tasks/1", elsewhere.url()));
    let mut table = Vec::new();
    for (name, manner) in [
        ("200 nonsense", Manner::from(says(200).body("nonsense"))),
        (
            "200 cut",
            Manner::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()),
        ),
        (
            "200 endless",
            Manner::BytesAndHangs(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_vec()),
        ),
        ("204", says(204).into()),
        ("299", says(299).into()),
        ("301", moved(301).into()),
        ("303", moved(303).into()),
        ("307", moved(307).into()),
        ("400", says(400).into()),
        ("403", says(403).into()),
        ("404", says(404).into()),
        ("409", says(409).into()),
        ("418", says(418).into()),
        ("422", says(422).into()),
        ("429", says(429).into()),
        ("429 after 7", says(429).header("Retry-After", "7").into()),
        ("500", says(500).into()),
        ("502", says(502).into()),
        ("503 after 9", says(503).header("Retry-After", "9").into()),
        (
            "503 after ever",
            says(503).header("Retry-After", u64::MAX.to_string()).into(),
        ),
        ("504", says(504).into()),
        ("hangs up", Manner::HangsUp),
        ("works and hangs up", Manner::WorksAndHangsUp),
        ("no HTTP", Manner::Bytes(b"SSH-2.0\r\n".to_vec())),
    ] {
        scheduler.behave(manner);
        let canceled = told(&control.cancel(task).await);
        let read = control.view(task).await;
        let read = if read.status == 200 {
            "200".into()
        } else {
            told(&read)
        };
        table.push(format!("{name}\n  cancel: {canceled}\n  read:   {read}"));
    }
    assert_eq!(elsewhere.seen(), []);
    insta::assert_snapshot!("translation", table.join("\n"));
}

#[tokio::test]
async fn a_scheduler_that_is_away_was_not_reached_and_one_that_hangs_may_have_been() {
    let mut scheduler = StandIn::start().await.unwrap();
    let control = start(&scheduler.url(), clock(), HURRIED);
    let (task, _) = control.bound().await;
    scheduler.behave(Manner::Hangs);
    for answer in [control.cancel(task).await, control.view(task).await] {
        assert_eq!(
            answer.problem(),
            (503, "scheduler_unavailable", Some("unknown"))
        );
        assert!(answer.header("retry-after").is_some());
    }
    scheduler.refuse().await;
    for answer in [control.cancel(task).await, control.view(task).await] {
        assert_eq!(
            answer.problem(),
            (503, "scheduler_unavailable", Some("not_applied"))
        );
    }
}

#[tokio::test]
async fn a_cancel_before_the_scheduler_was_ever_heard_asks_what_it_offers() {
    let (scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let way = StandIn::start_as(Manner::Forwards(scheduler.address))
        .await
        .unwrap();
    let control = control.restart(&way.url());
    assert_eq!(control.cancel(task).await.status, 204);
    let cancels = way.cancels();
    assert_eq!(cancels.len(), 1);
    let reference = &cancels[0].json().unwrap()["reference"];
    assert!(reference.is_string(), "{cancels:?}");
    way.behave(Says::status(502).into());
    let control = control.restart(&way.url());
    let expected = (500, "scheduler_error", Some("not_applied"));
    assert_eq!(control.cancel(task).await.problem(), expected);
}
