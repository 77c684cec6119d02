//! What will be sent for a binding: written once, before anything is sent.

use std::sync::Arc;

use serde::Serialize;
use taskpilot_api::field::FieldError;
use taskpilot_api::json::JsonText;
use taskpilot_api::scheduler::{CreateExecution, NewExecution};
use taskpilot_api::tasks::NewBinding;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::BODY_BYTES_MAX;
use taskpilot_domain::names::{IdempotencyKey, PrincipalName, TaskType};
use taskpilot_domain::time::Timestamp;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::bindings::BindingRequest;
use uuid::{NoContext, Timestamp as KeyTime, Uuid};

/// What a binding is for.
pub(crate) struct Work<'a> {
    /// On whose behalf.
    pub(crate) principal: &'a PrincipalName,
    /// The type of the task.
    pub(crate) kind: &'a TaskType,
    /// The payload of the task.
    pub(crate) payload: JsonText,
    /// The execution of its parent.
    pub(crate) parent: Option<ExecutionId>,
}

/// The request with a fresh key, in both forms.
pub(crate) fn request(
    now: Timestamp,
    work: Work<'_>,
    binding: NewBinding,
) -> Result<BindingRequest, ApiError> {
    let key = fresh_key(now)?;
    let kind = binding.scheduler_type.unwrap_or_else(|| work.kind.clone());
    let plain = plain(&kind, &work.payload).map_err(ApiError::fault)?;
    let extended = CreateExecution::of(NewExecution {
        r#type: kind,
        payload: work.payload,
        reference: Some(key.to_string()),
        parent: work.parent,
        options: binding.options,
    });
    let extended = serde_json::to_string(&extended).map_err(ApiError::fault)?;
    if extended.len() > BODY_BYTES_MAX {
        return Err(FieldError::new("payload", TOO_LARGE).into());
    }
    Ok(BindingRequest {
        key,
        principal: work.principal.clone(),
        extended: Arc::from(extended),
        plain: Arc::from(plain),
    })
}

/// A scheduler of ours takes bodies of the size that we take: what is around the payload there has
/// to fit in as well.
const TOO_LARGE: &str = "with the options of its execution it is larger than 1 MiB";

/// A UUIDv7: random, and it tells its age to a scheduler that forgets old keys.
fn fresh_key(now: Timestamp) -> Result<IdempotencyKey, ApiError> {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000;
    let made_at = KeyTime::from_unix(NoContext, millis / 1_000, nanos);
    let key = Uuid::new_v7(made_at).to_string();
    IdempotencyKey::new(key).map_err(|invalid| ApiError::fault(invalid.to_string()))
}

#[derive(Serialize)]
struct PlainCreate<'a> {
    r#type: &'a TaskType,
    payload: &'a JsonText,
}

/// The plain contract has texts only: any other value goes as its compact JSON text.
fn plain(kind: &TaskType, payload: &JsonText) -> serde_json::Result<String> {
    let text = if payload.is_string() {
        payload.clone()
    } else {
        JsonText::of(&payload.compact())?
    };
    serde_json::to_string(&PlainCreate {
        r#type: kind,
        payload: &text,
    })
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::options::ExecutionOptions;

    use super::*;

    fn try_of(payload: &str) -> Result<BindingRequest, ApiError> {
        let work = Work {
            principal: &PrincipalName::local(),
            kind: &TaskType::new("demo").unwrap(),
            payload: JsonText::from_text(payload).unwrap(),
            parent: None,
        };
        let binding = NewBinding {
            scheduler_type: None,
            options: ExecutionOptions::default(),
        };
        request(Timestamp::from_millis(1_645_557_742_123), work, binding)
    }

    fn of(payload: &str) -> BindingRequest {
        try_of(payload).unwrap()
    }

    #[test]
    fn the_plain_form_has_type_and_text_only() {
        for (payload, sent) in [
            (r#""hello""#, r#""hello""#),
            (r#""""#, r#""""#),
            ("null", r#""null""#),
            (r#"{ "z": 1.10, "a": [] }"#, r#""{\"z\":1.10,\"a\":[]}""#),
        ] {
            let expected = format!(r#"{{"type":"demo","payload":{sent}}}"#);
            assert_eq!(*of(payload).plain, expected);
        }
    }

    #[test]
    fn the_extended_form_writes_everything_out() {
        let request = of(r#"{ "z": 1.10 }"#);
        let expected = format!(
            concat!(
                r#"{{"type":"demo","payload":{{ "z": 1.10 }},"reference":"{}","queue":"default","#,
                r#""priority":0,"maxAttempts":3,"#,
                r#""backoff":{{"initialMs":1000,"maxMs":60000,"factor":2.0}},"cancelGraceMs":10000}}"#
            ),
            request.key
        );
        assert_eq!(*request.extended, expected);
    }

    #[test]
    fn what_a_scheduler_of_ours_would_not_take_is_refused() {
        let frame = of("\"\"").extended.len();
        let payload = |length| format!("\"{}\"", "x".repeat(length));
        let most = BODY_BYTES_MAX - frame;
        assert_eq!(of(&payload(most)).extended.len(), BODY_BYTES_MAX);
        let refused = try_of(&payload(most + 1)).unwrap_err().problem();
        assert_eq!(
            (refused.status, refused.field.as_deref()),
            (422, Some("payload"))
        );
    }

    #[test]
    fn a_key_tells_its_time_and_nothing_else() {
        let (one, other) = (of("1").key, of("1").key);
        assert_ne!(one, other);
        assert_eq!(&one.as_str()[..15], "017f22e2-7a2b-7");
    }
}
