//! `/api/queues`: passed on to the scheduler in the name of the caller, and nothing kept here.

use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::StandIn;

use crate::ours;
use crate::world::{Call, before, clock, start};

#[tokio::test]
async fn a_queue_is_steered_through_the_control_plane() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    let limited = Call::put("/api/queues/default").json(&json!({"maxRunning": 1}));
    assert_eq!(control.send(limited).await.body["maxRunning"], 1);
    let why = Call::put("/api/queues/default/pause").json(&json!({"reason": "why"}));
    let paused = control.send(why).await.body["paused"].clone();
    assert_eq!(
        (&paused["by"], &paused["reason"]),
        (&json!("local"), &json!("why"))
    );
    let (task, _) = control.bound().await;
    let view = control.view(task).await.body;
    assert_eq!(
        (&view["phase"], &view["blockedBy"]),
        (&json!("BLOCKED"), &json!("paused"))
    );
    let listed = control.send(Call::get("/api/queues")).await.body;
    assert_eq!(listed["items"][0]["blocked"], 1);
    let malformed = Call::put("/api/queues/default/resume").json(&json!({"why": "x"}));
    assert_eq!(control.send(malformed).await.status, 422);
    let over = Call::put("/api/queues/default/resume").json(&json!({"reason": "over"}));
    let resumed = control.send(over).await;
    let (status, body) = (resumed.status, resumed.body);
    assert_eq!((status, &body["paused"]), (200, &json!(null)));
    let last = &body["lastChange"];
    assert_eq!(
        (&last["what"], &last["by"], &last["reason"]),
        (&json!("resumed"), &json!("local"), &json!("over"))
    );
    assert_eq!(control.view(task).await.body["phase"], "READY");
}

#[tokio::test]
async fn a_page_of_queues_names_the_next_one() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    for name in ["c", "a", "b"] {
        let pause = Call::put(&format!("/api/queues/{name}/pause"));
        assert_eq!(control.send(pause).await.status, 200);
    }
    let names = |page: &Value| -> Vec<Value> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].clone()).collect()
    };
    let first = control.send(Call::get("/api/queues?limit=2")).await.body;
    assert_eq!(names(&first), ["a", "b"]);
    let next = first["next"].as_str().unwrap();
    let rest = format!("/api/queues?limit=2&after={next}");
    let rest = control.send(Call::get(&rest)).await.body;
    assert_eq!(
        (names(&rest), &rest["next"]),
        (vec![json!("c")], &json!(null))
    );
    for (query, code) in [
        ("limit=0", "invalid_query"),
        ("after=x", "invalid_cursor"),
        ("x=1", "invalid_query"),
    ] {
        let answer = control
            .send(Call::get(&format!("/api/queues?{query}")))
            .await;
        assert_eq!(answer.refusal(), (400, code), "{query}");
    }
}

#[tokio::test]
async fn a_plain_scheduler_has_no_queues_and_that_is_said() {
    let stand_in = StandIn::start().await.unwrap();
    let control = before(&stand_in.url());
    let body = json!({"maxRunning": 1});
    for call in [
        Call::get("/api/queues"),
        Call::put("/api/queues/a").json(&body),
        Call::put("/api/queues/a/pause"),
        Call::put("/api/queues/a/resume"),
    ] {
        let answer = control.send(call).await;
        let expected = (501, "scheduler_unsupported", Some("not_applied"));
        assert_eq!(answer.problem(), expected);
    }
}

#[tokio::test]
async fn without_an_answer_queues_are_unavailable() {
    let control = before(&ReservedPort::take().unwrap().url());
    let answer = control.send(Call::get("/api/queues")).await;
    let expected = (503, "scheduler_unavailable", Some("not_applied"));
    assert_eq!(answer.problem(), expected);
}
