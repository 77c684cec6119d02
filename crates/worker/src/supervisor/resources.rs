//! Resource limits of the program: the supervisor takes them on itself, and the program inherits them.
//!
//! Set so, they hold from the program's first instruction on, and for everything that it starts.

use rustix::io;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

use crate::spec::ResourceLimits;

/// Seconds between the polite and the final end of a program that used up its processor time.
const CPU_SECONDS_OVER: u64 = 1;

/// Takes the limits on, just before the program is started. None of them is ever raised.
///
/// Processor time is limited softly here: the supervisor's own time must not run out.
pub(super) fn take_on(limits: &ResourceLimits) -> io::Result<()> {
    limit(Resource::As, limits.memory_bytes)?;
    limit(Resource::Nofile, limits.open_files)?;
    limit(Resource::Fsize, limits.file_bytes)?;
    if let Some(seconds) = limits.cpu_seconds {
        let before = getrlimit(Resource::Cpu);
        let current = Some(at_most(seconds, before.maximum));
        setrlimit(Resource::Cpu, Rlimit { current, ..before })?;
    }
    Ok(())
}

/// Frees the supervisor of the limit on processor time, and makes that of the program final.
///
/// Neither can fail in a way that matters: the supervisor may always raise its soft limit, and a
/// program that has ended, or changed its user, keeps the soft limit it was born with.
pub(super) fn hand_over(limits: &ResourceLimits, program: Pid) {
    let Some(seconds) = limits.cpu_seconds else {
        return;
    };
    let own = getrlimit(Resource::Cpu);
    let current = own.maximum;
    let _ = setrlimit(Resource::Cpu, Rlimit { current, ..own });
    let current = Some(at_most(seconds, own.maximum));
    let maximum = Some(at_most(
        seconds.saturating_add(CPU_SECONDS_OVER),
        own.maximum,
    ));
    let _ = prlimit(Some(program), Resource::Cpu, Rlimit { current, maximum });
}

fn limit(resource: Resource, wanted: Option<u64>) -> io::Result<()> {
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let most = Some(at_most(wanted, getrlimit(resource).maximum));
    setrlimit(
        resource,
        Rlimit {
            current: most,
            maximum: most,
        },
    )
}

fn at_most(wanted: u64, allowed: Option<u64>) -> u64 {
    allowed.map_or(wanted, |allowed| wanted.min(allowed))
}
