//! The one fault that a process is armed with, and its passes so far.

use std::io::{self, Write};
use std::process::abort;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Step;
use crate::fault::{Setting, Side};
use crate::point::Struck;

static ARMED: OnceLock<Armed> = OnceLock::new();

struct Armed {
    setting: Setting,
    passes: AtomicU64,
}

/// Arms this process, for good: the first setting stands.
pub fn arm(setting: Setting) {
    let passes = AtomicU64::new(0);
    ARMED.get_or_init(|| Armed { setting, passes });
}

/// Passes one side of a step, and fails there if it is the one.
pub(crate) fn pass(step: Step, side: Side) -> Result<(), Struck> {
    let here = |armed: &&Armed| armed.setting.step == step && armed.setting.fault.side() == side;
    let Some(armed) = ARMED.get().filter(here) else {
        return Ok(());
    };
    let passed = armed.passes.fetch_add(1, Ordering::SeqCst) + 1;
    if passed != armed.setting.pass {
        return Ok(());
    }
    tell(&armed.setting);
    if armed.setting.fault.is_crash() {
        abort();
    }
    Err(Struck::at(side))
}

/// Unbuffered, so that it is said before the end. Without anybody to read it, it strikes all the same.
fn tell(setting: &Setting) {
    let line = format!("fault point {setting} strikes\n");
    drop(io::stderr().write_all(line.as_bytes()));
}
