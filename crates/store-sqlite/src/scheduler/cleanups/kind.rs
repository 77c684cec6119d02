//! The number of a type, and that of its cleanups.

/// The number that stands for the cleanups of a type, where it is the type of an execution or of what a
/// session takes.
pub(in crate::scheduler) fn cleanup_of(kind: i64) -> i64 {
    -kind
}

/// Whether this is the number of the cleanups of a type.
pub(in crate::scheduler) fn is_cleanup(kind: Option<i64>) -> bool {
    kind.is_some_and(|kind| kind < 0)
}
