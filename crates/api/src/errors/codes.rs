//! The codes, each with its status, title, meaning, and whether a repeat may succeed.

macro_rules! registry {
    ($($variant:ident $code:literal $status:literal $retryable:ident $title:literal $meaning:literal)+) => {
        /// What went wrong, for programs. A code never changes its meaning, and its `type` URI is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)+
        }

        impl ErrorCode {
            /// All codes, in the order of the documents.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            fn entry(self) -> Entry {
                match self {
                    $(Self::$variant => Entry {
                        code: $code,
                        status: $status,
                        retryable: registry!(@$retryable),
                        title: $title,
                        meaning: $meaning,
                    },)+
                }
            }
        }
    };
    (@retry) => { true };
    (@final) => { false };
}

struct Entry {
    code: &'static str,
    status: u16,
    retryable: bool,
    title: &'static str,
    meaning: &'static str,
}

registry! {
    // The request itself. Syntax that is no JSON is 400; what is JSON and not acceptable is 422.
    MalformedJson "malformed_json" 400 final "Malformed JSON"
        "The body is not one JSON value in UTF-8."
    InvalidBody "invalid_body" 422 final "Invalid body"
        "The body is JSON, but a field is unknown, missing, of the wrong type or out of its limits; `field` names it where one field is at fault."
    BodyTooDeep "body_too_deep" 422 final "Body too deep"
        "The body nests deeper than 64 levels."
    BodyTooLarge "body_too_large" 413 final "Body too large"
        "The body is larger than 1 MiB."
    UnsupportedMediaType "unsupported_media_type" 415 final "Unsupported media type"
        "A body is sent as `application/json` (a patch also as `application/merge-patch+json`), without a content encoding."
    InvalidId "invalid_id" 400 final "Invalid id"
        "An id in the path is not a whole number from 1 to 2^53 − 1, or a key or a name in it is malformed."
    InvalidQuery "invalid_query" 400 final "Invalid query"
        "A query parameter is unknown, repeated, of the wrong type or out of its limits."
    InvalidCursor "invalid_cursor" 400 final "Invalid cursor"
        "The cursor is not one that this list returned under these filters."
    InvalidHeader "invalid_header" 400 final "Invalid header"
        "A header that the call uses is malformed or missing; `field` names it."
    PreconditionRequired "precondition_required" 428 final "Precondition required"
        "The change needs `If-Match` with the `ETag` of what it is about."
    PreconditionFailed "precondition_failed" 412 final "Precondition failed"
        "It has changed since the version that `If-Match` names; read it again."
    RequestTimeout "request_timeout" 408 retry "Request timeout"
        "The body did not arrive in time; nothing was changed."
    RouteNotFound "route_not_found" 404 final "Route not found"
        "There is no such path."
    MethodNotAllowed "method_not_allowed" 405 final "Method not allowed"
        "The path exists, the method does not; `Allow` lists those that do."
    HostNotAllowed "host_not_allowed" 421 final "Host not allowed"
        "The `Host` header names another host: a page that was rebound by DNS may not call this server."
    Forbidden "forbidden" 403 final "Forbidden"
        "The principal does not have the permission that the route needs."

    // Tasks and their bindings.
    TaskNotFound "task_not_found" 404 final "Task not found"
        "There is no such task in the namespace."
    TaskNotBound "task_not_bound" 409 final "Task not bound"
        "The task has no execution yet."
    TaskBinding "task_binding" 409 retry "Task is binding"
        "The task is being bound, and cannot be withdrawn or deleted meanwhile; cancel its execution instead."
    TaskBound "task_bound" 409 final "Task is bound"
        "The task is bound and cannot be withdrawn; cancel its execution instead."
    TaskCanceled "task_canceled" 409 final "Task is canceled"
        "The task was withdrawn and cannot be bound."
    TaskRunning "task_running" 409 retry "Task is running"
        "The execution of the task has not ended, and the task cannot be deleted before; cancel the execution first."
    TaskHasChildren "task_has_children" 409 final "Task has children"
        "Other tasks belong to the task, and it cannot be deleted before they are."
    ParentNotBound "parent_not_bound" 409 retry "Parent is not bound"
        "The task belongs to one that has no execution yet; bind that one first."
    TaskDeleted "task_deleted" 410 final "Task deleted"
        "The task that was created under this `Idempotency-Key` is deleted; the key creates no other."
    IdempotencyMismatch "idempotency_mismatch" 422 final "Idempotency key used before"
        "The same `Idempotency-Key` came before with another body."
    IdempotencyInFlight "idempotency_in_flight" 409 retry "Idempotency key in flight"
        "A request with the same `Idempotency-Key` is being carried out."
    BindingKeyExpired "binding_key_expired" 410 final "Binding key expired"
        "The binding key is older than keys are kept: whether it was used before cannot be told."

    CancellationNotFound "cancellation_not_found" 404 final "Cancellation not found"
        "There is no such cancellation in the namespace, or it is forgotten: one that is done is kept as long as keys are."
    CancellationCompleted "cancellation_completed" 409 final "Cancellation completed"
        "All items of the cancellation are decided; nothing is left of it that could be canceled."

    // The scheduler as the control plane sees it.
    ExecutionConflict "execution_conflict" 409 final "Execution conflict"
        "The execution has ended and cannot be canceled."
    StopNotStuck "stop_not_stuck" 409 final "Stop is not stuck"
        "The stop is neither STUCK nor ABANDONED, or nothing was stopped: there is nothing that an operator could release."
    SchedulerTaskNotFound "scheduler_task_not_found" 404 final "Scheduler task not found"
        "The scheduler does not know the execution of the task: it is forgotten after its retention, or lost."
    SchedulerError "scheduler_error" 500 final "Scheduler error"
        "The scheduler answered with something unexpected; `outcome` says whether the command may have been applied."
    SchedulerUnsupported "scheduler_unsupported" 501 final "Not offered by the scheduler"
        "The scheduler behind the control plane does not have what the call needs; nothing was sent."
    SchedulerUnavailable "scheduler_unavailable" 503 retry "Scheduler unavailable"
        "The scheduler did not answer; `outcome` says whether the command may have been applied."

    // Executions and workers.
    ExecutionNotFound "execution_not_found" 404 final "Execution not found"
        "There is no such execution in the namespace, or it has another reference."
    WorkerNotFound "worker_not_found" 404 final "Worker not found"
        "There is no such worker session, or the session token is not its own."
    SessionExpired "session_expired" 410 final "Session expired"
        "The session has ended for ever, by expiry or goodbye: stop its attempts and register anew."
    ClaimConflict "claim_conflict" 409 final "Claim conflict"
        "A newer claim of the session was answered, or one is in flight."

    // The service itself.
    Overloaded "overloaded" 503 retry "Overloaded"
        "Too much waits already; nothing was changed."
    ShuttingDown "shutting_down" 503 retry "Shutting down"
        "The service is stopping; nothing was changed."
    StorageUnavailable "storage_unavailable" 503 retry "Storage unavailable"
        "The store cannot be written or read; `outcome` says whether the command may have been applied."
    Internal "internal" 500 final "Internal error"
        "A fault of the service; its log has the cause under the request id."
}

impl ErrorCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        self.entry().code
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.entry().status
    }

    /// Whether the same request may succeed later, unless the problem says otherwise.
    pub fn is_retryable(self) -> bool {
        self.entry().retryable
    }

    /// The title of every problem of this code.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// What it means, in one line.
    pub fn meaning(self) -> &'static str {
        self.entry().meaning
    }

    /// The stable `type` of its problems.
    pub fn uri(self) -> String {
        format!("urn:taskpilot:error:{}", self.as_str())
    }

    /// The code that is written so.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_in_snake_case() {
        let unique: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(unique.len(), ErrorCode::ALL.len());
        for code in unique {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(code.bytes().all(plain) && !code.contains("__"), "{code}");
        }
    }

    #[test]
    fn a_code_is_the_name_of_its_variant() {
        for code in ErrorCode::ALL {
            let camel: String = code
                .as_str()
                .split('_')
                .map(|word| word[..1].to_uppercase() + &word[1..])
                .collect();
            assert_eq!(camel, format!("{code:?}"));
            assert_eq!(ErrorCode::from_code(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn statuses_are_errors_and_503_may_be_repeated() {
        for code in ErrorCode::ALL {
            assert!((400..=599).contains(&code.status()), "{code:?}");
            assert!(code.status() != 503 || code.is_retryable(), "{code:?}");
        }
    }

    #[test]
    fn texts_are_one_line_that_ends() {
        for code in ErrorCode::ALL {
            let meaning = code.meaning();
            assert!(
                meaning.ends_with('.') && !meaning.contains('\n'),
                "{code:?}"
            );
            assert!(!code.title().ends_with('.'), "{code:?}");
        }
    }
}
