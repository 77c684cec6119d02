//! How a service does: what its probes answer.

use serde::{Deserialize, Serialize};
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::schema;

/// `GET /livez`: whoever reads this has the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Liveness {
    /// `live`.
    pub status: String,
}

/// `GET /readyz`: 200 where it is ready, 503 else, with the same body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// `ready`; `unavailable` where a check is; `stopping` from the first sign of the end on.
    pub status: ReadinessStatus,
    /// What it depends on, always in this order.
    pub checks: Vec<Check>,
}

/// Whether calls should be sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadinessStatus {
    /// They should.
    Ready,
    /// Something that it depends on is missing.
    Unavailable,
    /// It was asked to end.
    Stopping,
}

/// One thing that a service depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Its name, such as `store` or `scheduler`.
    pub name: String,
    /// Whether it is there.
    pub status: CheckStatus,
    /// Since when it was seen to be missing; null where it is there.
    #[schema(value_type = Option<schema::Instant>)]
    pub since: Option<Timestamp>,
    /// What is to be known of it, for people; never a secret.
    pub detail: Option<String>,
}

/// Whether a dependency is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// It is.
    Ok,
    /// It is not.
    Unavailable,
}

impl Liveness {
    /// What a service that answers says.
    pub fn live() -> Self {
        Self {
            status: "live".into(),
        }
    }
}

impl Readiness {
    /// Ready where every check is well and no end was asked for.
    pub fn of(stopping: bool, checks: Vec<Check>) -> Self {
        let well = checks.iter().all(|check| check.status == CheckStatus::Ok);
        let status = match (stopping, well) {
            (true, _) => ReadinessStatus::Stopping,
            (false, true) => ReadinessStatus::Ready,
            (false, false) => ReadinessStatus::Unavailable,
        };
        Self { status, checks }
    }
}

impl Check {
    /// It is there.
    pub fn ok(name: &str) -> Self {
        Self {
            name: name.into(),
            status: CheckStatus::Ok,
            since: None,
            detail: None,
        }
    }

    /// It is missing.
    pub fn unavailable(name: &str, since: Timestamp, detail: String) -> Self {
        Self {
            name: name.into(),
            status: CheckStatus::Unavailable,
            since: Some(since),
            detail: Some(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missing_dependency_makes_a_service_unready_and_an_end_outweighs_it() {
        let missing = Check::unavailable("store", Timestamp::EPOCH, "full".into());
        let status = |stopping, checks: &[&Check]| {
            let checks = checks.iter().map(|one| (*one).clone()).collect();
            Readiness::of(stopping, checks).status
        };
        let well = Check::ok("scheduler");
        assert_eq!(status(false, &[&well]), ReadinessStatus::Ready);
        assert_eq!(
            status(false, &[&well, &missing]),
            ReadinessStatus::Unavailable
        );
        assert_eq!(status(true, &[&well]), ReadinessStatus::Stopping);
        assert_eq!(status(true, &[&missing]), ReadinessStatus::Stopping);
    }
}
