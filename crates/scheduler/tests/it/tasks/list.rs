//! `GET /tasks`.

use serde_json::{Value, json};

use crate::service::{Answer, Call, Service, start};

async fn list(service: &Service, query: &str) -> Answer {
    service.send(Call::get(&format!("/tasks{query}"))).await
}

fn ids(answer: &Answer) -> Vec<i64> {
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

async fn five() -> Service {
    let service = start().await;
    for _ in 0..5 {
        service.create().await;
    }
    service.cancel(2).await;
    service.cancel(4).await;
    service
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let service = five().await;
    let mut query = "?limit=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = list(&service, &query).await;
        pages.push(ids(&page));
        match &page.body["next"] {
            Value::String(next) => query = format!("?limit=2&after={next}"),
            end => break assert!(end.is_null()),
        }
    }
    assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
    assert_eq!(list(&service, "?limit=5").await.body["next"], Value::Null);
}

#[tokio::test]
async fn a_state_filters() {
    let service = five().await;
    assert_eq!(ids(&list(&service, "?state=CANCELED").await), [4, 2]);
    assert_eq!(ids(&list(&service, "?state=PENDING").await), [5, 3, 1]);
    assert_eq!(ids(&list(&service, "?state=RUNNING").await), [0; 0]);
    let filtered = list(&service, "?state=PENDING&limit=1").await;
    let next = filtered.body["next"].as_str().unwrap();
    let page = list(&service, &format!("?state=PENDING&limit=1&after={next}")).await;
    assert_eq!(ids(&page), [3]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_filters_and_namespace_only() {
    let service = five().await;
    let page = list(&service, "?state=PENDING&limit=1").await;
    let next = page.body["next"].as_str().unwrap();
    for query in [
        format!("?after={next}"),
        format!("?state=CANCELED&after={next}"),
    ] {
        let answer = list(&service, &query).await;
        assert_eq!(answer.code(), (400, "invalid_cursor"), "{query}");
        assert_eq!(answer.body["field"], "after");
    }
    let path = format!("/tasks?state=PENDING&limit=1&after={next}");
    let elsewhere = Call::get(&path).header("taskpilot-namespace", "b");
    assert_eq!(
        service.send(elsewhere).await.code(),
        (400, "invalid_cursor")
    );
}

#[tokio::test]
async fn a_cursor_that_names_no_execution_is_refused() {
    let service = five().await;
    let page = list(&service, "?limit=1").await;
    let next = page.body["next"].as_str().unwrap();
    let forged = format!("ffffffffffffffff{}", &next[16..]);
    let answer = list(&service, &format!("?limit=1&after={forged}")).await;
    assert_eq!(answer.code(), (400, "invalid_cursor"));
}

#[tokio::test]
async fn ids_are_answered_as_far_as_they_exist() {
    let service = five().await;
    let mut found = ids(&list(&service, "?ids=5,1,99,2").await);
    found.sort_unstable();
    assert_eq!(found, [1, 2, 5]);
    let one = list(&service, "?ids=2").await;
    insta::assert_json_snapshot!(one.shown());
}

#[tokio::test]
async fn a_wrong_query_is_refused() {
    let service = start().await;
    let many: Vec<String> = (1..=1_001).map(|id| id.to_string()).collect();
    for query in [
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?state=pending",
        "?state=PENDING&state=FAILED",
        "?queue=default",
        "?ids=",
        "?ids=1,,2",
        "?ids=0",
        "?ids=1&state=PENDING",
        "?ids=1&limit=5",
        &format!("?ids={}", many.join(",")),
    ] {
        let answer = list(&service, query).await;
        assert_eq!(answer.code(), (400, "invalid_query"), "{query}");
    }
    let answer = list(&service, "?after=x").await;
    assert_eq!(answer.code(), (400, "invalid_cursor"));
    insta::assert_json_snapshot!(list(&service, "?limit=0").await.body);
}

#[tokio::test]
async fn a_list_leaves_out_what_only_one_execution_tells() {
    let service = start().await;
    service.running().await;
    let item = list(&service, "").await.body["items"][0].clone();
    let whole = service.execution(1).await;
    let differing: Vec<&String> = whole
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, value)| item[name.as_str()] != **value)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        differing,
        ["attempts", "cancelChildren", "cancelGraceMs", "payload"]
    );
    assert_eq!(item["payload"], json!(null));
}
