//! What a filter holds for: fixed once, and held against each cancel.

use serde_json::{Value, json};
use taskpilot_domain::ids::TaskId;
use taskpilot_store::cancellations::CancellationStore;
use taskpilot_store::rows::cancellations::Matches;

use super::scene::{counts, id_of, with_scheduler};
use crate::world::{Call, Control};

/// Which tasks a filter is about, newest first.
async fn meant(control: &Control, filter: Value) -> Vec<i64> {
    let dry = control
        .ask(&json!({"filter": filter, "dryRun": true}))
        .await;
    assert_eq!(dry.status, 200, "{dry:?}");
    let sample = dry.body["sample"].as_array().unwrap();
    assert_eq!(dry.body["matched"], sample.len() as u64);
    sample
        .iter()
        .map(|task| task["id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_filter_is_about_what_has_not_ended_and_all_of_it_holds() {
    let (scheduler, control) = with_scheduler().await;
    let ended = control.labeled("demo", "a").await;
    scheduler
        .start_work()
        .await
        .end(&json!({"outcome": "succeeded"}))
        .await;
    let running = control.labeled("demo", "a").await;
    let _work = scheduler.start_work().await;
    let waiting = control.labeled("demo", "a").await;
    let other_team = control.labeled("demo", "b").await;
    let other_type = control.labeled("other", "a").await;
    let withdrawn = control.create().await;
    control
        .send(Call::put(&format!("/api/tasks/{withdrawn}/cancel")))
        .await;
    let pending = control.create().await;
    let created = control.task(waiting).await["createdAt"].clone();
    control.clock.advance(1_000);
    let late = control.labeled("demo", "a").await;
    let queued = json!({"type": "demo", "bind": true, "execution": {"queue": "mail"}});
    let queued = control.send(Call::post("/api/tasks", &queued)).await.body["id"].as_i64();
    let queued = queued.unwrap();
    for (filter, expected) in [
        (
            json!({"type": "demo"}),
            vec![queued, late, pending, other_team, waiting, running],
        ),
        (json!({"type": "other"}), vec![other_type]),
        (
            json!({"labels": {"team": "a"}}),
            vec![late, other_type, waiting, running],
        ),
        (
            json!({"labels": {"team": "a"}, "type": "demo"}),
            vec![late, waiting, running],
        ),
        (json!({"state": "RUNNING"}), vec![running]),
        (
            json!({"state": "PENDING", "labels": {"team": "a"}}),
            vec![late, other_type, waiting],
        ),
        (json!({"queue": "mail"}), vec![queued]),
        (json!({"queue": "nobody"}), vec![]),
        (json!({"createdBefore": created}), vec![]),
        (
            json!({"createdBefore": control.task(late).await["createdAt"], "state": "PENDING"}),
            vec![other_type, other_team, waiting],
        ),
    ] {
        assert_eq!(meant(&control, filter.clone()).await, expected, "{filter}");
    }
    assert_eq!(control.status(ended).await, "SUCCEEDED");
    assert_eq!(
        control.status(waiting).await,
        "PENDING",
        "nothing was changed"
    );
}

#[tokio::test]
async fn all_that_a_filter_holds_for_is_canceled_and_nothing_that_comes_later() {
    let (_scheduler, control) = with_scheduler().await;
    let first = control.labeled("demo", "a").await;
    let other = control.labeled("demo", "b").await;
    let filter = json!({"labels": {"team": "a"}});
    let begun = control.ask(&json!({"filter": filter})).await.body;
    assert_eq!(
        (&begun["status"], &begun["total"]),
        (&json!("MATCHING"), &json!(0))
    );
    assert_eq!(begun["filter"], filter);
    let later = control.labeled("demo", "a").await;
    control.tick().await;
    let done = control.cancellation(begun["id"].as_i64().unwrap()).await;
    assert_eq!(done["status"], "COMPLETED");
    assert_eq!(done["counts"], counts(&[("canceled", 1)]));
    for (task, status) in [(first, "CANCELED"), (other, "PENDING"), (later, "PENDING")] {
        assert_eq!(control.status(task).await, status);
    }
}

#[tokio::test]
async fn what_changed_its_state_before_its_turn_is_left_alone() {
    let (scheduler, control) = with_scheduler().await;
    let running = control.labeled("demo", "a").await;
    let waiting = control.labeled("demo", "a").await;
    let filter = json!({"labels": {"team": "a"}, "state": "PENDING"});
    let id = control.begin(&json!({"filter": filter})).await;
    let page = Matches {
        from: TaskId::new(waiting + 1).unwrap(),
        tasks: [running, waiting].map(|id| TaskId::new(id).unwrap()).into(),
        below: None,
    };
    let now = taskpilot_domain::time::Timestamp::EPOCH;
    let kept = control.store.add_matches(now, id_of(id), page).await;
    assert!(kept.unwrap().is_some());
    let _work = scheduler.start_work().await;
    control.tick().await;
    let done = control.cancellation(id).await;
    assert_eq!(done["counts"], counts(&[("canceled", 1), ("changed", 1)]));
    assert_eq!(control.status(running).await, "RUNNING");
    assert_eq!(control.status(waiting).await, "CANCELED");
}

#[tokio::test]
async fn a_dry_run_shows_ten_of_what_it_counts() {
    let (_scheduler, control) = with_scheduler().await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.insert(0, control.labeled("demo", "a").await);
    }
    let dry = control
        .ask(&json!({"filter": {"type": "demo"}, "dryRun": true}))
        .await;
    assert_eq!((dry.status, &dry.body["matched"]), (200, &json!(12)));
    let sample = dry.body["sample"].as_array().unwrap();
    let shown: Vec<_> = sample
        .iter()
        .map(|task| task["id"].as_i64().unwrap())
        .collect();
    assert_eq!(shown, ids[..10]);
    let expected = json!({"id": ids[0], "type": "demo", "title": null,
        "execution": {"status": "PENDING", "phase": "READY", "cleanup": null}});
    assert_eq!(sample[0], expected);
    let named = json!({"ids": [ids[3], ids[5], 4_000_000_000_i64], "dryRun": true});
    let named = control.ask(&named).await.body;
    assert_eq!(named["matched"], 2);
    assert_eq!(named["sample"][0]["id"], ids[3]);
    let list = control.send(Call::get("/api/cancellations")).await.body;
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn more_than_a_page_and_a_slice_are_all_decided() {
    let (_scheduler, control) = with_scheduler().await;
    let item = json!({"type": "demo", "bind": true});
    for _ in 0..3 {
        let items = vec![item.clone(); 500];
        let batch = control.send(Call::post("/api/tasks/batch", &json!({"items": items})));
        assert_eq!(batch.await.status, 200);
    }
    let done = control
        .carry_out(&json!({"filter": {"type": "demo"}}))
        .await;
    assert_eq!(done["status"], "COMPLETED");
    assert_eq!(
        (&done["total"], &done["counts"]),
        (&json!(1_500), &counts(&[("canceled", 1_500)]))
    );
    let open = control
        .ask(&json!({"filter": {"type": "demo"}, "dryRun": true}))
        .await;
    assert_eq!(open.body["matched"], 0);
}
