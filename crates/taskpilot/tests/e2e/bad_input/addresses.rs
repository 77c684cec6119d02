//! Ids, routes, methods and queries that are none.

use anyhow::{Result, ensure};

use super::cases::{Case, refuses_all, with_something_to_change};

#[tokio::test]
async fn ids_that_are_none_change_nothing() -> Result<()> {
    let (up, ..) = with_something_to_change().await?;
    let mut cases = Vec::new();
    let none = [
        "0",
        "-1",
        "01",
        "+1",
        "1.0",
        "1e3",
        "abc",
        "9007199254740992",
        "99999999999999999999",
    ];
    let routes = [
        (up.control, "GET", "/api/tasks/{}"),
        (up.control, "PUT", "/api/tasks/{}/cancel"),
        (up.control, "POST", "/api/tasks/{}/scheduler"),
        (up.control, "GET", "/api/tasks/{}/execution"),
        (up.control, "PUT", "/api/tasks/{}/execution/cancel"),
        (up.scheduler, "GET", "/tasks/{}"),
        (up.scheduler, "PUT", "/tasks/{}/cancel"),
    ];
    for (server, method, route) in routes {
        for id in none {
            let path = route.replace("{}", id);
            let call = server.call(method, &path);
            cases.push(Case::new(
                format!("{method} {path}"),
                call,
                400,
                "invalid_id",
            ));
        }
        let path = route.replace("{}", "9007199254740991");
        let code = if route.starts_with("/api") {
            "task_not_found"
        } else {
            "execution_not_found"
        };
        cases.push(Case::new(
            format!("{method} {path}"),
            server.call(method, &path),
            404,
            code,
        ));
    }
    refuses_all(&up, cases).await
}

#[tokio::test]
async fn unknown_routes_and_methods_change_nothing() -> Result<()> {
    let (up, unbound, _) = with_something_to_change().await?;
    let mut cases = Vec::new();
    for (server, path) in [
        (up.control, "/api/task".to_owned()),
        (up.control, "/api/tasks/".to_owned()),
        (up.control, format!("/api/tasks/{unbound}/nothing")),
        (
            up.control,
            format!("/api/tasks/{unbound}/execution/cancel/now"),
        ),
        (up.control, "/API/tasks".to_owned()),
        (up.scheduler, "/tasks/1/nothing".to_owned()),
        (up.scheduler, "/v1/worker".to_owned()),
        (up.scheduler, "/v2/workers".to_owned()),
    ] {
        for method in ["GET", "POST", "PUT"] {
            let call = server.call(method, &path);
            cases.push(Case::new(
                format!("{method} {path}"),
                call,
                404,
                "route_not_found",
            ));
        }
    }
    for (server, method, path) in [
        (up.control, "PUT", "/api/tasks".to_owned()),
        (
            up.control,
            "PATCH",
            format!("/api/tasks/{unbound}/execution"),
        ),
        (up.control, "BREW", format!("/api/tasks/{unbound}")),
        (up.control, "GET", format!("/api/tasks/{unbound}/cancel")),
        (
            up.control,
            "POST",
            format!("/api/tasks/{unbound}/execution/cancel"),
        ),
        (up.control, "GET", format!("/api/tasks/{unbound}/scheduler")),
        (up.scheduler, "PUT", "/tasks".to_owned()),
        (up.scheduler, "PATCH", "/tasks/1".to_owned()),
        (up.scheduler, "POST", "/tasks/1/cancel".to_owned()),
    ] {
        let call = server.call(method, &path);
        let allow = call.clone().send().await?;
        ensure!(
            allow.header("allow").is_some_and(|allow| !allow.is_empty()),
            "{method} {path}"
        );
        cases.push(Case::new(
            format!("{method} {path}"),
            call,
            405,
            "method_not_allowed",
        ));
    }
    refuses_all(&up, cases).await
}

#[tokio::test]
async fn bad_queries_are_refused() -> Result<()> {
    let (up, ..) = with_something_to_change().await?;
    let mut cases = Vec::new();
    for (server, list) in [(up.control, "/api/tasks"), (up.scheduler, "/tasks")] {
        for query in [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=many",
            "limit=",
            "limit=1&limit=2",
            "surely=unknown",
        ] {
            let call = server.get(&format!("{list}?{query}"));
            cases.push(Case::new(
                format!("{list}?{query}"),
                call,
                400,
                "invalid_query",
            ));
        }
        for cursor in ["x", "-1", "0", "%00", "AAAA"] {
            let call = server.get(&format!("{list}?after={cursor}"));
            cases.push(Case::new(
                format!("{list}?after={cursor}"),
                call,
                400,
                "invalid_cursor",
            ));
        }
    }
    for (server, path) in [
        (up.control, "/api/tasks?status=RUNNING"),
        (up.control, "/api/tasks?status=pending"),
        (up.control, "/api/tasks?type=a%20b"),
        (up.scheduler, "/tasks?state=BOUND"),
        (up.scheduler, "/tasks?ids=1,x"),
        (up.scheduler, "/tasks?ids=0"),
        (up.scheduler, "/tasks?ids="),
        (up.scheduler, "/tasks?ids=1&state=PENDING"),
    ] {
        cases.push(Case::new(path, server.get(path), 400, "invalid_query"));
    }
    refuses_all(&up, cases).await
}
