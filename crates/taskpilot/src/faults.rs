//! Arms the fault point that a test names. Not in a release.

use taskpilot_fault::{Setting, arm as arm_with};

use crate::exit::Failure;

/// Where a test names it.
const VARIABLE: &str = "TASKPILOT_FAULT";

/// Arms what the environment names, once, before anything runs.
#[expect(
    clippy::disallowed_methods,
    reason = "the binary reads its environment, and a test that starts it has no other way in"
)]
pub(crate) fn arm() -> Result<(), Failure> {
    if let Ok(text) = std::env::var(VARIABLE) {
        let setting: Setting = text
            .parse()
            .map_err(|error| Failure::Usage(format!("{VARIABLE}: {error}")))?;
        arm_with(setting);
    }
    Ok(())
}
