//! In front of a scheduler that has nothing but the plain contract.

use serde_json::json;
use taskpilot_e2e::stand_in::StandIn;

use super::scene::counts;
use crate::world::{Call, before};

#[tokio::test]
async fn each_is_canceled_alone_and_what_only_others_can_tell_is_not_asked() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (waiting, _) = control.bound().await;
    let (ended, execution) = control.bound().await;
    scheduler
        .amend(execution, &json!({"status": "SUCCEEDED"}))
        .unwrap();
    let (lost, gone) = control.bound().await;
    scheduler.lose(gone);
    let pending = control.create().await;
    for filter in [json!({"state": "PENDING"}), json!({"queue": "default"})] {
        for dry_run in [false, true] {
            let ask = json!({"filter": filter, "dryRun": dry_run});
            let refused = control.ask(&ask).await;
            let expected = (501, "scheduler_unsupported", Some("not_applied"));
            assert_eq!(refused.problem(), expected);
        }
    }
    let dry = control
        .ask(&json!({"filter": {"type": "demo"}, "dryRun": true}))
        .await;
    assert_eq!(dry.body["matched"], 4);
    assert_eq!(dry.body["sample"][0]["execution"], json!(null));
    let done = control
        .carry_out(&json!({"filter": {"type": "demo"}}))
        .await;
    assert_eq!(done["status"], "COMPLETED");
    let all = [
        ("canceled", 1),
        ("refused", 1),
        ("missing", 1),
        ("notBound", 1),
    ];
    assert_eq!(done["counts"], counts(&all));
    let expected = [
        (waiting, json!("canceled")),
        (ended, json!("refused")),
        (lost, json!("missing")),
        (pending, json!("not_bound")),
    ];
    assert_eq!(control.outcomes(&done["id"]).await, expected);
    assert_eq!(scheduler.cancels().len(), 3);
    let list = control.send(Call::get("/api/cancellations")).await.body;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}
