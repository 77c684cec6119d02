//! On whose behalf the scheduler is called.

use taskpilot_client::scheduler::OnBehalf;
use taskpilot_domain::names::{Namespace, PrincipalName};
use taskpilot_server::context::RequestContext;

/// The caller of a request.
pub(crate) fn of_request(context: &RequestContext) -> OnBehalf {
    of(&context.principal, &context.namespace, &context.request_id)
}

/// Somebody who may be gone by now.
pub(crate) fn of(principal: &PrincipalName, namespace: &Namespace, request_id: &str) -> OnBehalf {
    OnBehalf {
        principal: principal.to_string(),
        namespace: namespace.to_string(),
        request_id: request_id.to_owned(),
    }
}
