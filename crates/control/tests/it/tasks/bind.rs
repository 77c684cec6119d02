//! `POST /api/tasks/{id}/scheduler` in front of our own scheduler.

use serde_json::json;
use taskpilot_client::transport::Policy;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::{IdempotencyKey, Namespace};
use taskpilot_e2e::stand_in::{Manner, Seen, StandIn};
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_server::clock::Clock;
use taskpilot_store::control::ControlStore;

use crate::ours::{self, Ours};
use crate::world::{Call, Control, clock, start};

async fn with_scheduler() -> (Ours, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    (scheduler, control)
}

/// Our scheduler behind a stand-in that loses answers.
async fn with_lossy_way() -> (Ours, StandIn, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let way = StandIn::start_as(Manner::Forwards(scheduler.address))
        .await
        .unwrap();
    let control = start(&way.url(), clock, Policy::default());
    (scheduler, way, control)
}

#[tokio::test]
async fn the_first_bind_is_201_and_every_other_200_whatever_it_asks_for() {
    let (scheduler, control) = with_scheduler().await;
    let task = control.create().await;
    let first = control.bind(task).await;
    assert_eq!(
        (first.status, &first.body["status"]),
        (201, &json!("BOUND"))
    );
    let path = format!("/api/tasks/{task}/scheduler");
    for body in [
        json!({}),
        json!({"queue": "other"}),
        json!({"queue": "no such name"}),
    ] {
        let again = control.send(Call::post(&path, &body)).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{body}");
    }
    let bare = control.send(Call::post_nothing(&path)).await;
    assert_eq!(bare.status, 200);
    assert_eq!(scheduler.executions().await.len(), 1);
}

#[tokio::test]
async fn a_hundred_binds_at_once_make_one_execution_and_one_201() {
    let (scheduler, control) = with_scheduler().await;
    let task = control.create().await;
    let control = std::sync::Arc::new(control);
    let binds: Vec<_> = (0..100)
        .map(|_| {
            let control = control.clone();
            tokio::spawn(async move { control.bind(task).await })
        })
        .collect();
    let (mut created, mut executions) = (0, Vec::new());
    for bind in binds {
        let bound = bind.await.unwrap();
        assert!(bound.status == 200 || bound.status == 201, "{bound:?}");
        created += usize::from(bound.status == 201);
        executions.push(bound.body["schedulerTaskId"].as_i64().unwrap());
    }
    executions.dedup();
    assert_eq!((created, executions), (1, scheduler.executions().await));
}

#[tokio::test]
async fn options_are_judged_before_anything_is_committed() {
    let (scheduler, control) = with_scheduler().await;
    let task = control.create().await;
    let path = format!("/api/tasks/{task}/scheduler");
    for (body, field) in [
        (json!({"schedulerType": "a b"}), "schedulerType"),
        (json!({"priority": 11}), "priority"),
        (json!({"deadline": "2026-02-01T00:00:00Z"}), "deadline"),
        (
            json!({"scheduledFor": "2099-01-01T00:00:00Z"}),
            "scheduledFor",
        ),
    ] {
        let refused = control.send(Call::post(&path, &body)).await;
        assert_eq!(refused.refusal(), (422, "invalid_body"), "{body}");
        assert_eq!(refused.body["field"], field);
    }
    assert_eq!(control.task(task).await["version"], 1);
    assert_eq!(scheduler.executions().await, Vec::<i64>::new());
}

#[tokio::test]
async fn answers_that_get_lost_make_one_execution_by_repeating_the_same_bytes() {
    let (scheduler, way, control) = with_lossy_way().await;
    let to = scheduler.address;
    way.behave(Manner::ForwardsAndHangsUp(to).for_creates_else(Manner::Forwards(to)));
    let task = control.create().await;
    let lost = control.bind(task).await;
    assert_eq!(
        lost.problem(),
        (503, "scheduler_unavailable", Some("unknown"))
    );
    let made = scheduler.executions().await;
    assert_eq!(made.len(), 1);
    let open = ("BINDING".into(), Some("scheduler_unavailable".into()), None);
    assert_eq!(control.standing(task).await, open);

    way.behave(Manner::Forwards(to));
    control.reconcile().await;
    assert_eq!(
        control.standing(task).await,
        ("BOUND".into(), None, Some(made[0]))
    );
    assert_eq!(scheduler.executions().await, made);
    let creates = way.creates();
    assert_eq!(creates.len(), 4);
    for create in &creates {
        assert_eq!(create.body, creates[0].body);
        assert_eq!(
            header(create, "idempotency-key"),
            header(&creates[0], "idempotency-key")
        );
        assert_eq!(header(create, "taskpilot-namespace"), Some("default"));
        assert_eq!(header(create, "taskpilot-principal"), Some("local"));
    }
}

fn header<'s>(seen: &'s Seen, name: &str) -> Option<&'s str> {
    let found = seen.headers.iter().find(|(header, _)| header == name);
    found.map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn a_bind_that_a_crash_cut_off_is_finished_by_the_next_life_at_once() {
    let (scheduler, way, control) = with_lossy_way().await;
    let to = scheduler.address;
    way.behave(Manner::ForwardsAndHangsUp(to).for_creates_else(Manner::Forwards(to)));
    let task = control.create().await;
    control.bind(task).await;
    let made = scheduler.executions().await;

    let control = control.restart(&scheduler.url());
    control.tick().await;
    assert_eq!(
        control.standing(task).await,
        ("BOUND".into(), None, Some(made[0]))
    );
    assert_eq!(scheduler.executions().await, made);
}

#[tokio::test]
async fn a_bind_goes_on_when_its_caller_is_gone() {
    let (scheduler, way, control) = with_lossy_way().await;
    let task = control.create().await;
    way.behave(Manner::Hangs.for_creates_else(Manner::Forwards(scheduler.address)));
    tokio::select! {
        bound = control.bind(task) => panic!("{bound:?}"),
        () = sent(&way) => {}
    }
    way.behave(Manner::Forwards(scheduler.address));
    let bound = wait_until("the task is bound", SOON, || async {
        Ok((control.task(task).await["status"] == "BOUND").then_some(()))
    });
    bound.await.unwrap();
    assert_eq!(scheduler.executions().await.len(), 1);
}

#[tokio::test]
async fn what_is_open_waits_its_time_and_no_longer_than_four_seconds() {
    let (scheduler, mut way, control) = with_lossy_way().await;
    control.tick().await;
    way.refuse().await;
    let task = control.create().await;
    let away = control.bind(task).await;
    assert_eq!(
        away.problem(),
        (503, "scheduler_unavailable", Some("not_applied"))
    );
    assert!(away.header("retry-after").is_some());
    for _ in 0..8 {
        control.clock.advance(4_000);
        control.tick().await;
    }
    assert_eq!(control.task(task).await["status"], "BINDING");
    way.listen().await.unwrap();
    control.clock.advance(4_000);
    control.tick().await;
    assert_eq!(control.task(task).await["status"], "BOUND");
    assert_eq!(scheduler.executions().await.len(), 1);
}

#[tokio::test]
async fn a_second_execution_for_one_task_is_a_fault_and_changes_nothing() {
    let (scheduler, way, control) = with_lossy_way().await;
    let task = control.create().await;
    way.behave(Manner::Hangs.for_creates_else(Manner::Forwards(scheduler.address)));
    let control = std::sync::Arc::new(control);
    let bind = tokio::spawn({
        let control = control.clone();
        async move { control.bind(task).await }
    });
    sent(&way).await;
    // Somebody else was told of another execution under the same key.
    let id = TaskId::new(task).unwrap();
    let stored = control
        .store
        .get_task(&Namespace::default_namespace(), id)
        .await
        .unwrap();
    let key = IdempotencyKey::new(stored.unwrap().binding_key.unwrap()).unwrap();
    let other = ExecutionId::new(99).unwrap();
    control
        .store
        .finish_binding(control.clock.now(), id, &key, other)
        .await
        .unwrap();
    way.behave(Manner::Forwards(scheduler.address));
    assert_eq!(
        bind.await.unwrap().problem(),
        (500, "internal", Some("unknown"))
    );
    assert_eq!(
        control.standing(task).await,
        ("BOUND".into(), None, Some(99))
    );
}

async fn sent(way: &StandIn) {
    let sent = wait_until("the create is sent", SOON, || async {
        Ok((!way.creates().is_empty()).then_some(()))
    });
    sent.await.unwrap();
}
