//! Sends many bindings in one call to a scheduler that takes batches.
//!
//! What is said of one is judged as if it had been sent alone. Whatever a batch leaves open is for
//! [`drive`](super::drive::drive), with the same keys and bytes.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use taskpilot_api::extensions::Extension;
use taskpilot_api::json::JsonText;
use taskpilot_api::page::Page;
use taskpilot_api::problem::Problem;
use taskpilot_client::transport::Answer;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::{BATCH_ITEMS_MAX, BINDINGS_AT_ONCE_MAX, BODY_BYTES_MAX};
use taskpilot_fault::{self as fault, Step};
use taskpilot_store::rows::bindings::BindingRecord;

use super::drive::{Driven, Errand, conclude, on_behalf};
use super::judge::{Form, Verdict, judge};
use crate::app::App;
use crate::scheduler::reach;

/// Those of these that were settled, one way or the other. It goes on also when nobody waits.
pub(crate) async fn drive_together(app: &Arc<App>, errands: Vec<Errand>) -> Vec<(TaskId, Driven)> {
    let portions = portions(fresh(errands));
    let app = Arc::clone(app);
    let under_way = app.flights.batch().await;
    let sending = tokio::spawn(async move {
        let settled = send_all(&app, portions).await;
        drop(under_way);
        settled
    });
    sending.await.unwrap_or_default()
}

/// The creates that were never sent, of one caller, each once.
fn fresh(errands: Vec<Errand>) -> Vec<Errand> {
    let first = errands.first().map(|errand| &errand.record);
    let caller = first.map(|record| (record.namespace.clone(), record.request.principal.clone()));
    let mut seen = HashSet::new();
    let is_fresh = |record: &BindingRecord| {
        let of = (record.namespace.clone(), record.request.principal.clone());
        let untouched = record.refused.is_none() && record.plain_sent_at.is_none();
        untouched && record.cancels.is_empty() && Some(of) == caller
    };
    errands
        .into_iter()
        .filter(|errand| is_fresh(&errand.record) && seen.insert(errand.record.task))
        .collect()
}

/// As many in a row as one call takes. What has a call to itself is not sent as a batch.
fn portions(errands: Vec<Errand>) -> Vec<Vec<Errand>> {
    let mut portions: Vec<Vec<Errand>> = Vec::new();
    let mut bytes = 0;
    for errand in errands {
        let own = item(&errand.record).len() + 1;
        bytes += own;
        match portions.last_mut() {
            Some(last) if last.len() < BATCH_ITEMS_MAX && bytes + FRAME.len() <= BODY_BYTES_MAX => {
                last.push(errand);
            }
            _ => {
                bytes = own;
                portions.push(vec![errand]);
            }
        }
    }
    portions.retain(|portion| portion.len() > 1);
    portions
}

const FRAME: &str = r#"{"items":[]}"#;

/// The bytes that were committed, beside their key.
fn item(record: &BindingRecord) -> String {
    let request = &record.request;
    let key = serde_json::Value::from(request.key.as_str());
    format!(r#"{{"idempotencyKey":{key},"task":{}}}"#, request.extended)
}

async fn send_all(app: &Arc<App>, portions: Vec<Vec<Errand>>) -> Vec<(TaskId, Driven)> {
    let mut settled = Vec::new();
    for portion in portions {
        let Some(mut judged) = send(app, portion).await else {
            break;
        };
        // A few at a time: one that is refused takes a call.
        while !judged.is_empty() {
            let rest = judged.split_off(judged.len().min(BINDINGS_AT_ONCE_MAX as usize));
            settled.extend(conclude_all(app, judged).await);
            judged = rest;
        }
    }
    settled
}

/// They wait for the store together, which commits them together.
async fn conclude_all(app: &Arc<App>, judged: Vec<(Errand, Verdict)>) -> Vec<(TaskId, Driven)> {
    let concluding: Vec<_> = judged
        .into_iter()
        .map(|(errand, verdict)| {
            let app = Arc::clone(app);
            let task = errand.record.task;
            tokio::spawn(async move {
                conclude(&app, &errand, verdict)
                    .await
                    .map(|driven| (task, driven))
            })
        })
        .collect();
    let mut settled = Vec::new();
    for one in concluding {
        // What could not be stored is open: it is driven again.
        if let Ok(Ok(driven)) = one.await {
            settled.push(driven);
        }
    }
    settled
}

/// What is said of each that was sent; `None` where it was not said of each.
async fn send(app: &App, portion: Vec<Errand>) -> Option<Vec<(Errand, Verdict)>> {
    let first = portion.first()?;
    let on = on_behalf(first, &first.record.request.principal);
    let offers = reach::offers(&app.scheduler, &on, None).await.ok()?;
    if !(reach::takes_our_creates(&offers) && offers.has(Extension::Batch)) {
        return None;
    }
    let has_child = portion.iter().any(|errand| errand.record.parent.is_some());
    if has_child && !reach::takes_children(&offers) {
        return None;
    }
    let portion = wanted(app, portion).await?;
    if portion.is_empty() {
        return Some(Vec::new());
    }
    let items: Vec<_> = portion.iter().map(|errand| item(&errand.record)).collect();
    let body = format!(r#"{{"items":[{}]}}"#, items.join(","));
    let call = app.scheduler.create_batch(&on, &body);
    let answer = fault::around(Step::BindingSend, call, reach::cut).await;
    let answer = answer
        .ok()
        .filter(|answer| answer.status == StatusCode::OK)?;
    let said = answer.read::<Page<Said>>().ok()?.items;
    let verdict = |said| judge(Form::Extended, Ok(alone(&answer, said)));
    let is_whole = said.len() == portion.len();
    is_whole.then(|| {
        portion
            .into_iter()
            .zip(said.into_iter().map(verdict))
            .collect()
    })
}

/// Those that are as they were committed. As in a drive: a wish to cancel may have come while the
/// scheduler was asked what it offers, or was busy with an earlier portion.
async fn wanted(app: &App, portion: Vec<Errand>) -> Option<Vec<Errand>> {
    let named = |errand: &Errand| (errand.record.task, errand.record.request.key.clone());
    let named = portion.iter().map(named).collect();
    let wanted = app.store.are_wanted(named).await.ok()?;
    let wanted = portion.into_iter().zip(wanted);
    Some(
        wanted
            .filter_map(|(errand, is)| is.then_some(errand))
            .collect(),
    )
}

/// What a batch answers to one create.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    execution: Option<JsonText>,
    #[serde(default)]
    problem: Option<JsonText>,
}

/// The answer that the create would have had alone.
fn alone(answer: &Answer, said: Said) -> Answer {
    let (status, body) = match (said.execution, said.problem) {
        (Some(execution), _) => (StatusCode::CREATED, execution),
        (None, Some(problem)) => {
            let read: Problem = problem.read().unwrap_or_default();
            // Without a status it says nothing for good.
            let status = StatusCode::from_u16(read.status);
            (status.unwrap_or(StatusCode::BAD_GATEWAY), problem)
        }
        (None, None) => (StatusCode::OK, JsonText::null()),
    };
    Answer {
        status,
        headers: answer.headers.clone(),
        body: body.as_str().into(),
        earlier_unknown: answer.earlier_unknown,
    }
}
