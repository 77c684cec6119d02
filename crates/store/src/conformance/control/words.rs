//! The nouns the cases are told in: instants, tasks, requests, all with fixed values.

use std::collections::BTreeMap;
use std::sync::Arc;

use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::{IdempotencyKey, Namespace, PrincipalName, TaskType};
use taskpilot_domain::time::Timestamp;

use crate::control::BindingFailure;
use crate::rows::bindings::{BindError, BindingRequest, CancelIntent};
use crate::rows::keys::KeyedRequest;
use crate::rows::tasks::{NewTask, TaskFilter};

/// More rows than any case has.
pub(super) const MANY: u32 = 1_000;

/// The instant `ms` after the beginning of every case.
pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus_ms(ms)
}

pub(super) fn home() -> Namespace {
    Namespace::default_namespace()
}

pub(super) fn abroad() -> Namespace {
    Namespace::new("abroad").unwrap()
}

pub(super) fn kind(name: &str) -> TaskType {
    TaskType::new(name).unwrap()
}

pub(super) fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::new(name).unwrap()
}

pub(super) fn execution(id: i64) -> ExecutionId {
    ExecutionId::new(id).unwrap()
}

/// A task that no case has.
pub(super) fn nowhere() -> TaskId {
    TaskId::new(4_000_000_000).unwrap()
}

/// A task of type `demo` without anything else.
pub(super) fn demo() -> NewTask {
    NewTask {
        namespace: home(),
        kind: kind("demo"),
        title: None,
        labels: BTreeMap::new(),
        payload: Arc::from(r#""hello""#),
        key: None,
        bind: None,
        cloned_from: None,
        parent: None,
        repeat_only: false,
    }
}

pub(super) fn keyed(name: &str, body: u8) -> NewTask {
    NewTask {
        key: Some(KeyedRequest {
            key: key(name),
            fingerprint: [body; 32],
            expired: false,
        }),
        ..demo()
    }
}

pub(super) fn labeled(labels: &[(&str, &str)]) -> NewTask {
    NewTask {
        labels: labels_of(labels),
        ..demo()
    }
}

pub(super) fn labels_of(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    let labels = labels.iter();
    labels
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect()
}

/// What is sent under the binding key `name`.
pub(super) fn request(name: &str) -> BindingRequest {
    BindingRequest {
        key: key(name),
        principal: PrincipalName::local(),
        extended: Arc::from(format!(r#"{{"type":"demo","key":"{name}"}}"#)),
        plain: Arc::from(r#"{"type":"demo"}"#),
    }
}

pub(super) fn intent(who: &str, when: Timestamp) -> CancelIntent {
    CancelIntent {
        requested_at: when,
        requested_by: PrincipalName::new(who).unwrap(),
        reason: Some(format!("{who} no longer wants it")),
        cascade: false,
        request_id: None,
    }
}

pub(super) fn error(code: &str) -> BindError {
    BindError {
        code: code.into(),
        detail: format!("this is what {code} means"),
    }
}

/// A failure that is tried again.
pub(super) fn failure(code: &str, next_try_at: Timestamp) -> BindingFailure {
    BindingFailure {
        error: error(code),
        refused: false,
        next_try_at: Some(next_try_at),
    }
}

/// A failure after which only an operator can go on.
pub(super) fn for_an_operator() -> BindingFailure {
    BindingFailure {
        error: error("unknown_outcome"),
        refused: false,
        next_try_at: None,
    }
}

/// Everything, in one page.
pub(super) fn all() -> TaskFilter {
    TaskFilter {
        limit: MANY,
        ..TaskFilter::default()
    }
}
