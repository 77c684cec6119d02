//! The query of the list of all executions.

use serde::Deserialize;
use taskpilot_domain::execution::State;

/// The query of `GET /api/executions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListExecutionsOfAll {
    /// Only executions in this state.
    #[param(value_type = Option<String>)]
    pub state: Option<State>,
    /// Items of the page, 1 to 1,000; 50 unless told otherwise.
    pub limit: Option<u32>,
    /// The `next` of the page before, under the same filters.
    pub after: Option<String>,
}
