//! The life of a worker: registration, goodbye, and how it shows in a list.

use serde::{Deserialize, Serialize};
use taskpilot_domain::cleanup::CleanupTerms;
use taskpilot_domain::ids::{SessionId, Token};
use taskpilot_domain::limits::{
    CLEANUP_ATTEMPTS_DEFAULT, CLEANUP_TIMEOUT_MS_DEFAULT, SLOTS_MAX, WORKER_ITEMS_MAX,
    WORKER_PAIRS_MAX, WORKER_QUEUES_MAX, WORKER_TYPES_MAX,
};
use taskpilot_domain::names::{QueueName, TaskType, WorkerName};
use taskpilot_domain::stop::Containment;
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use super::FencedAttempt;
use crate::field::{FieldError, at_most_items, parse};
use crate::open::{ContainmentWord, vocabulary};
use crate::schema;

/// `POST /v1/workers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Register {
    /// A label for people, never a fence.
    #[schema(value_type = schema::WorkerName)]
    pub name: String,
    /// The queues it takes from, 1 to 64; times the types, with a cleanup counted as another one, at most
    /// 4,096.
    #[schema(value_type = Vec<schema::Name>)]
    pub queues: Vec<String>,
    /// The types it has handlers for, 1 to 256.
    #[schema(value_type = Vec<schema::TaskType>)]
    pub types: Vec<String>,
    /// Types of these for whose canceled executions it also cleans up, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleanups: Vec<CleanupDeclaration>,
    /// Attempts it can run at once, 1 to 1,000.
    pub slots: u32,
    /// What encloses the processes of its attempts.
    #[schema(value_type = schema::WorkerContainment)]
    pub containment: Containment,
}

/// That a handler cleans up after the executions of its type that are canceled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CleanupDeclaration {
    /// The type; one of `types`.
    #[schema(value_type = schema::TaskType)]
    pub r#type: String,
    /// Longest run of one attempt of a cleanup in milliseconds; 60,000 where it is absent.
    #[serde(default = "cleanup_timeout_ms")]
    pub timeout_ms: u64,
    /// Attempts that a cleanup may have, 1 to 100; 3 where it is absent.
    #[serde(default = "cleanup_attempts")]
    pub max_attempts: u32,
}

fn cleanup_timeout_ms() -> u64 {
    CLEANUP_TIMEOUT_MS_DEFAULT
}

fn cleanup_attempts() -> u32 {
    CLEANUP_ATTEMPTS_DEFAULT
}

/// A checked [`Register`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// A label for people.
    pub name: WorkerName,
    /// The queues it takes from, each once.
    pub queues: Vec<QueueName>,
    /// The types it has handlers for, each once.
    pub types: Vec<TaskType>,
    /// Those whose canceled executions it cleans up after, each once, with the terms.
    pub cleanups: Vec<(TaskType, CleanupTerms)>,
    /// Attempts it can run at once.
    pub slots: u32,
    /// What encloses the processes of its attempts.
    pub containment: Containment,
}

impl Register {
    /// Checks every field.
    pub fn resolve(self) -> Result<Registration, FieldError> {
        if !(1..=SLOTS_MAX).contains(&self.slots) {
            let range = format_args!("from 1 to {SLOTS_MAX}");
            return Err(FieldError::new("slots", range));
        }
        let name = parse("name", &self.name)?;
        let queues: Vec<QueueName> = names("queues", &self.queues, WORKER_QUEUES_MAX)?;
        let types: Vec<TaskType> = names("types", &self.types, WORKER_TYPES_MAX)?;
        let cleanups = cleanups(self.cleanups, &types)?;
        if queues.len() * (types.len() + cleanups.len()) > WORKER_PAIRS_MAX {
            let most = format_args!(
                "at most {WORKER_PAIRS_MAX} pairs of a queue and a type: name fewer of either, \
                 or register a second worker"
            );
            return Err(FieldError::new("queues", most));
        }
        Ok(Registration {
            name,
            queues,
            types,
            cleanups,
            slots: self.slots,
            containment: self.containment,
        })
    }
}

fn cleanups(
    declared: Vec<CleanupDeclaration>,
    types: &[TaskType],
) -> Result<Vec<(TaskType, CleanupTerms)>, FieldError> {
    at_most_items("cleanups", &declared, WORKER_TYPES_MAX)?;
    let mut cleanups: Vec<(TaskType, CleanupTerms)> = Vec::with_capacity(declared.len());
    for (index, one) in declared.into_iter().enumerate() {
        let at = |field: &str| format!("cleanups[{index}].{field}");
        let kind: TaskType = parse(&at("type"), &one.r#type)?;
        if !types.contains(&kind) {
            return Err(FieldError::new(at("type"), "one of types"));
        }
        if cleanups.iter().any(|(known, _)| *known == kind) {
            return Err(FieldError::new(at("type"), "each type once"));
        }
        let terms = CleanupTerms::new(one.timeout_ms, one.max_attempts)
            .map_err(|wrong| FieldError::new(at(wrong.field()), wrong))?;
        cleanups.push((kind, terms));
    }
    Ok(cleanups)
}

fn names<T>(field: &str, texts: &[String], max: usize) -> Result<Vec<T>, FieldError>
where
    T: std::str::FromStr + Ord,
    T::Err: std::fmt::Display,
{
    if texts.is_empty() {
        return Err(FieldError::new(field, "at least 1 name"));
    }
    at_most_items(field, texts, max)?;
    let mut names = texts
        .iter()
        .map(|text| parse(field, text))
        .collect::<Result<Vec<T>, _>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The answer to a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// The session, as it stands in the paths of its calls.
    #[schema(value_type = schema::Id)]
    pub session_id: SessionId,
    /// The token of the session, for the header of its calls.
    #[schema(value_type = schema::Token)]
    pub token: Token,
    /// Length of the lease in milliseconds, for the session and all its attempts.
    pub lease_ms: u64,
    /// Time between heartbeats in milliseconds.
    pub heartbeat_ms: u64,
}

/// `DELETE /v1/workers/{id}`; the body may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Goodbye {
    /// Attempts that were granted and never begun; they are released. At most 1,000.
    pub never_started: Vec<FencedAttempt>,
}

impl Goodbye {
    /// The attempts, at most as many as a call may name.
    pub fn resolve(self) -> Result<Vec<FencedAttempt>, FieldError> {
        at_most_items("neverStarted", &self.never_started, WORKER_ITEMS_MAX)?;
        Ok(self.never_started)
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// It renews its lease.
    Active,
    /// It renews its lease and is given no work: a stop of it is STUCK, and neither settled nor released.
    Quarantined,
    /// It said goodbye.
    Gone,
    /// Its lease ended without renewal.
    Expired,
}

vocabulary! { SessionStateWord, SessionState, "SessionState", "Where a worker session stands", {
    Active => "ACTIVE", Quarantined => "QUARANTINED", Gone => "GONE", Expired => "EXPIRED",
} }

/// A worker session in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerItem {
    /// The session.
    #[schema(value_type = schema::Id)]
    pub id: SessionId,
    /// A label for people.
    pub name: String,
    /// The queues it takes from.
    pub queues: Vec<String>,
    /// The types it has handlers for.
    pub types: Vec<String>,
    /// Those whose canceled executions it cleans up after.
    #[serde(default)]
    pub cleanups: Vec<String>,
    /// Attempts it can run at once.
    pub slots: u32,
    /// Attempts that it runs.
    pub running: u32,
    /// Attempts whose stop is not settled; they hold their slots.
    pub stopping: u32,
    /// Attempts whose stop is not settled and was released by an operator: they hold no slot here, and
    /// the worker may still be busy with them.
    #[serde(default)]
    pub released: u32,
    /// What encloses the processes of its attempts.
    pub containment: ContainmentWord,
    /// When it registered.
    #[schema(value_type = schema::Instant)]
    pub registered_at: Timestamp,
    /// When it was last heard.
    #[schema(value_type = schema::Instant)]
    pub last_heartbeat_at: Timestamp,
    /// When its lease ends.
    #[schema(value_type = schema::Instant)]
    pub lease_until: Timestamp,
    /// Where it stands.
    pub state: SessionStateWord,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register() -> Register {
        Register {
            name: "w1".into(),
            queues: vec!["default".into(), "mail".into(), "default".into()],
            types: vec!["demo".into()],
            cleanups: vec![],
            slots: 4,
            containment: Containment::Subreaper,
        }
    }

    #[test]
    fn a_cleanup_is_of_a_type_of_the_worker_once_and_within_its_limits() {
        let with = |cleanups: &[(&str, u64, u32)]| {
            let declared =
                |&(kind, timeout_ms, max_attempts): &(&str, u64, u32)| CleanupDeclaration {
                    r#type: kind.into(),
                    timeout_ms,
                    max_attempts,
                };
            let register = Register {
                cleanups: cleanups.iter().map(declared).collect(),
                ..register()
            };
            let resolved = register.resolve();
            resolved
                .map(|worker| worker.cleanups.len())
                .map_err(|error| error.field)
        };
        assert_eq!(with(&[("demo", 1, 1)]), Ok(1));
        assert_eq!(with(&[("other", 1, 1)]), Err("cleanups[0].type".into()));
        assert_eq!(
            with(&[("demo", 1, 1), ("demo", 1, 1)]),
            Err("cleanups[1].type".into())
        );
        assert_eq!(with(&[("demo", 0, 1)]), Err("cleanups[0].timeoutMs".into()));
        assert_eq!(
            with(&[("demo", 1, 101)]),
            Err("cleanups[0].maxAttempts".into())
        );
    }

    #[test]
    fn a_declared_cleanup_has_terms_without_saying_them() {
        let short: CleanupDeclaration = serde_json::from_str(r#"{"type":"demo"}"#).unwrap();
        assert_eq!((short.timeout_ms, short.max_attempts), (60_000, 3));
    }

    #[test]
    fn a_registration_names_each_queue_once() {
        let queues = register().resolve().map(|registration| registration.queues);
        let expected = ["default", "mail"].map(|name| QueueName::new(name).unwrap());
        assert_eq!(queues, Ok(expected.to_vec()));
    }

    #[test]
    fn a_registration_names_no_more_pairs_than_a_claim_can_seek() {
        let with = |queues: usize, types: usize| {
            let named = |letter: &str, count| (0..count).map(|n| format!("{letter}{n}")).collect();
            let wide = Register {
                queues: named("q", queues),
                types: named("t", types),
                ..register()
            };
            wide.resolve().map(drop).map_err(|error| error.field)
        };
        assert_eq!(with(64, 64), Ok(()));
        assert_eq!(with(16, 256), Ok(()));
        assert_eq!(with(64, 65), Err("queues".into()));
        assert_eq!(with(17, 256), Err("queues".into()));
    }

    #[test]
    fn each_wrong_field_of_a_registration_is_named() {
        let wrong = |change: fn(&mut Register)| {
            let mut register = register();
            change(&mut register);
            register.resolve().map_err(|error| error.field)
        };
        assert_eq!(wrong(|r| r.slots = 0), Err("slots".into()));
        assert_eq!(wrong(|r| r.name.clear()), Err("name".into()));
        assert_eq!(wrong(|r| r.types.clear()), Err("types".into()));
        assert_eq!(wrong(|r| r.queues[0] = "a b".into()), Err("queues".into()));
    }
}
