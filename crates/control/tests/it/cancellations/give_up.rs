//! `PUT /api/cancellations/{id}/cancel`.

use serde_json::json;

use super::scene::{counts, with_scheduler};
use crate::world::Call;

#[tokio::test]
async fn what_is_not_decided_by_then_is_left_alone() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    for body in [json!({"ids": [task]}), json!({"filter": {"type": "demo"}})] {
        let id = control.begin(&body).await;
        let path = format!("/api/cancellations/{id}/cancel");
        let given_up = control.send(Call::put(&path)).await;
        assert_eq!(
            (given_up.status, &given_up.body["status"]),
            (200, &json!("CANCELED"))
        );
        assert_eq!(given_up.body["completedAt"], json!(null));
        control.tick().await;
        let done = control.cancellation(id).await;
        assert_eq!(done["counts"], counts(&[]));
        assert!(done["completedAt"].is_string(), "{done}");
        let again = control.send(Call::put(&path)).await;
        assert_eq!((again.status, &again.body), (200, &done));
    }
    assert_eq!(control.status(task).await, "PENDING");
}

#[tokio::test]
async fn who_waits_is_told_as_soon_as_it_comes_on() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let id = control.begin(&json!({"ids": [task]})).await;
    let path = format!("/api/cancellations/{id}");
    let read = || control.send(Call::get(&path).header("prefer", "wait=60"));
    // Whatever is read first, something comes after it, or nothing is left to wait for.
    let coming_on = async {
        let given_up = control.send(Call::put(&format!("{path}/cancel"))).await;
        assert_eq!(given_up.status, 200);
        control.tick().await;
    };
    let (seen, ()) = tokio::join!(read(), coming_on);
    assert_eq!(seen.header("preference-applied"), Some("wait=60"));
    assert_eq!(seen.body["status"], "CANCELED");
    let done = read().await;
    assert!(
        done.body["completedAt"].is_string(),
        "it is answered at once"
    );
}

#[tokio::test]
async fn one_that_is_completed_is_not_given_up() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let done = control.carry_out(&json!({"ids": [task]})).await;
    let path = format!("/api/cancellations/{}/cancel", done["id"]);
    let refused = control.send(Call::put(&path)).await;
    assert_eq!(refused.refusal(), (409, "cancellation_completed"));
}
