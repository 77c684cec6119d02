//! Calls of the control plane to the scheduler over a bad network.

use anyhow::Result;
use serde_json::{Value, json};
use taskpilot_e2e::proxy::{Fault, Proxy, Route, Rule, Told};

use crate::api::{
    all, ask_to_bind, bind, cancel, create_of, id_of, task_when, view, without_later_requests,
};
use crate::start::{ControlOnly, Up};

/// What happens to one call; that the tries after it are well is part of each case.
const ONCE: [Fault; 7] = [
    Fault::LostRequest,
    Fault::LostReply,
    Fault::HangsUpAfter,
    Fault::Reset,
    Fault::ResetAfter,
    Fault::Twice(Told::First),
    Fault::Twice(Told::Second),
];

async fn behind_a_proxy() -> Result<(Up, Proxy, ControlOnly)> {
    let up = Up::start().await?;
    let proxy = Proxy::before(up.scheduler.address()).await?;
    let bench = taskpilot_e2e::workbench::Workbench::new()?;
    let only = ControlOnly::on(bench, &proxy.url()).await?;
    Ok((up, proxy, only))
}

#[tokio::test]
async fn a_bind_over_a_bad_network_makes_one_execution() -> Result<()> {
    let (up, proxy, only) = behind_a_proxy().await?;
    for (number, fault) in (1..).zip(ONCE) {
        proxy.rule(Rule::first(1, Route::CREATE, fault));
        let id = create_of(only.control, "nobody-handles-this").await?;
        let reply = ask_to_bind(only.control, id).await?;
        anyhow::ensure!(
            reply.status == 201 || reply.status == 503,
            "{fault:?}: {} {}",
            reply.status,
            reply.text()
        );
        let bound = task_when(only.control, id, "BOUND").await?;
        let executions = all(up.scheduler, "/tasks").await?;
        assert_eq!(executions.len(), number, "{fault:?}");
        let execution = id_of(&bound, "schedulerTaskId")?;
        anyhow::ensure!(executions.iter().any(|known| known["id"] == execution));
        // Everything that was sent for it is the same request.
        let creates = proxy.exchanges(Route::CREATE);
        let of_this = creates.iter().filter(|known| {
            let key = known
                .request
                .headers
                .iter()
                .find(|(name, _)| name == "idempotency-key");
            key == creates.last().and_then(|last| {
                last.request
                    .headers
                    .iter()
                    .find(|(name, _)| name == "idempotency-key")
            })
        });
        let mut bodies: Vec<_> = of_this.map(|known| &known.request.body).collect();
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{fault:?}");
        proxy.forget_rules();
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_over_a_bad_network_is_one_verdict() -> Result<()> {
    let (_up, proxy, only) = behind_a_proxy().await?;
    for fault in ONCE {
        let id = create_of(only.control, "nobody-handles-this").await?;
        bind(only.control, id, &json!({})).await?;
        proxy.rule(Rule::first(1, Route::CANCEL, fault));
        let reply = cancel(only.control, id).await?;
        // Tries of one call are one request.
        let mut later = 0;
        if reply.status != 204 {
            later += 1;
            let problem = reply.problem(503, "scheduler_unavailable")?;
            assert_eq!(problem["outcome"], "unknown", "{fault:?}");
            cancel(only.control, id).await?.expect(204)?;
        }
        let canceled = view(only.control, id).await?;
        assert_eq!(canceled["status"], "CANCELED", "{fault:?}");
        assert_ne!(canceled["cancel"], Value::Null, "{fault:?}");
        cancel(only.control, id).await?.expect(204)?;
        let (canceled, count) = without_later_requests(canceled);
        assert_eq!(count, later, "{fault:?}");
        let after = without_later_requests(view(only.control, id).await?);
        assert_eq!(after, (canceled, json!(later + 1)), "{fault:?}");
        proxy.forget_rules();
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_whose_answers_never_come_is_unknown_and_its_repeat_is_a_success() -> Result<()> {
    let (_up, proxy, only) = behind_a_proxy().await?;
    let id = create_of(only.control, "nobody-handles-this").await?;
    bind(only.control, id, &json!({})).await?;
    proxy.rule(Rule::every(Route::CANCEL, Fault::LostReply));
    let reply = cancel(only.control, id).await?;
    let problem = reply.problem(503, "scheduler_unavailable")?;
    assert_eq!(problem["outcome"], "unknown");
    anyhow::ensure!(reply.header("retry-after").is_some(), "{:?}", reply.headers);
    proxy.forget_rules();
    let (before, none) = without_later_requests(view(only.control, id).await?);
    assert_eq!((&before["status"], none), (&json!("CANCELED"), json!(0)));
    cancel(only.control, id).await?.expect(204)?;
    let after = without_later_requests(view(only.control, id).await?);
    assert_eq!(after, (before, json!(1)));
    Ok(())
}
