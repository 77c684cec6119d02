//! What this binary is: its release, what it was built from, the engine in it.

use std::sync::LazyLock;

static LONG: LazyLock<String> = LazyLock::new(|| {
    let release = env!("CARGO_PKG_VERSION");
    let commit = option_env!("TASKPILOT_COMMIT").unwrap_or("unknown");
    let sqlite = taskpilot_store_sqlite::library_version();
    format!("{release}\ncommit  {commit}\nSQLite  {sqlite}")
});

/// What `--version` prints after the name; `-V` prints the release alone.
///
/// The commit is what the builder said (`TASKPILOT_COMMIT`): one that was looked up would make two
/// builds of the same source differ.
pub(crate) fn long() -> &'static str {
    &LONG
}
