//! `GET /api/tasks/{id}/execution`.

use serde_json::json;
use taskpilot_client::transport::Policy;

use crate::ours;
use crate::world::{clock, start};

#[tokio::test]
async fn a_view_tells_the_whole_way_of_an_execution() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock.clone(), Policy::default());
    let (task, _) = control.bound().await;
    insta::assert_json_snapshot!("waiting_view", control.view(task).await.body);
    clock.advance(250);
    let work = scheduler.start_work().await;
    clock.advance(1_750);
    work.end(&json!({"outcome": "succeeded", "result": {"n": 1}, "exitCode": 0}))
        .await;
    insta::assert_json_snapshot!("succeeded_view", control.view(task).await.body);
}
