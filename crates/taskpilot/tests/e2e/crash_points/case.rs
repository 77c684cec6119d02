//! One case: a system with some history, one fault in it, and a user who does not give up.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_fault::{Fault, Setting, Step};

use super::acknowledged::Acknowledged;
use super::points::Passed;
use super::scripts::Script;
use super::stand_in;
use super::world::{Role, World};

/// Until the fault has struck: the longest way there goes past a lease.
const STRIKES_WITHIN: Duration = Duration::from_secs(30);

/// All faults at once, each in a system of its own.
pub(crate) async fn bears_every_fault(step: Step, passed: Passed) -> Result<()> {
    let role = passed.by;
    for script in passed.in_scripts {
        let [first, second, third, fourth] = Fault::ALL.map(|fault| {
            let pass = 1;
            case(*script, role, Setting { step, fault, pass })
        });
        tokio::try_join!(first, second, third, fourth)?;
    }
    Ok(())
}

async fn case(script: Script, role: Role, setting: Setting) -> Result<()> {
    let judged = match script {
        Script::Plain | Script::Refused => stand_in::case(script, setting).await,
        _ => among_our_own(script, role, setting).await,
    };
    judged.with_context(|| format!("{setting} in {script:?}"))
}

async fn among_our_own(script: Script, role: Role, setting: Setting) -> Result<()> {
    let world = World::new()?;
    let mut told = Acknowledged::when(script.begins_once(role));
    world.start_all().await?;
    script.history(&world, &mut told).await?;
    world.crash(role).await?;
    let armed = world.start_armed(role, setting).await?;
    let (_struck, ()) = tokio::try_join!(
        keep(&world, (role, armed), setting, script.ends(role, setting)),
        script.play(&world, role, &mut told),
    )?;
    told.judge(&world).await
}

/// Sees the fault strike, and starts again what ended by it. A process that goes on is given back.
async fn keep(
    world: &World,
    (role, mut armed): (Role, Taskpilot),
    setting: Setting,
    ends: bool,
) -> Result<Option<Taskpilot>> {
    strikes(&armed, setting).await?;
    if !ends {
        return Ok(Some(armed));
    }
    let status = armed.ended(SOON).await?;
    let is_abort = status.signal() == Some(Signal::ABORT.as_raw());
    ensure!(
        is_abort == setting.fault.is_crash(),
        "the {role:?} ended with {status}"
    );
    world.start(role).await?;
    Ok(None)
}

/// Waits until the process says that its fault strikes.
pub(crate) async fn strikes(armed: &Taskpilot, setting: Setting) -> Result<()> {
    let line = format!("fault point {setting} strikes");
    wait_until(&line, STRIKES_WITHIN, || async {
        let log = armed.stderr()?;
        Ok(log.lines().any(|said| said == line).then_some(()))
    })
    .await
}
