//! What a run must come past, so that it does not hold by doing nothing.

use stateright::Property;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::execution::{AttemptEnd, State};
use taskpilot_domain::stop::StopStatus;

use super::bounds::Bounds;
use super::message::Message;
use super::world::{Intent, TaskPilot, World};

type Sight = Property<TaskPilot>;

macro_rules! stop {
    ($status:ident) => {
        Property::sometimes(StopStatus::$status.as_str(), |_, world: &World| {
            world.any_attempt(|attempt| attempt.stop == Some(StopStatus::$status))
        })
    };
}

/// Of all runs, of bindings or of stops, and of those with a second attempt.
pub(super) fn sights(bounds: &Bounds) -> Vec<Sight> {
    let mut sights = of_all().to_vec();
    if bounds.keys > 0 {
        sights.extend(of_bindings());
    } else {
        sights.extend(of_stops());
    }
    if bounds.attempts > 1 && bounds.workers > 1 && bounds.time_limits {
        sights.extend(of_retries());
    }
    sights
}

fn of_all() -> [Sight; 11] {
    [
        Property::sometimes(StopStatus::NotNeeded.as_str(), |_, world: &World| {
            world.scheduler.executions.iter().any(|one| one.not_needed)
        }),
        stop!(Requested),
        stop!(Delivered),
        stop!(Acknowledged),
        stop!(Stuck),
        stop!(Presumed),
        stop!(Stopped),
        Property::sometimes("an execution succeeds", |_, world: &World| {
            world.any_execution(State::Succeeded)
        }),
        Property::sometimes("an execution fails", |_, world: &World| {
            world.any_execution(State::Failed)
        }),
        Property::sometimes("a lease is lost", |_, world: &World| {
            world.any_attempt(|attempt| attempt.end == Some(AttemptEnd::Lost))
        }),
        Property::sometimes("a process outlives its worker", |_, world: &World| {
            world.workers.iter().any(|one| !one.orphans.is_empty())
        }),
    ]
}

fn of_bindings() -> [Sight; 5] {
    [
        Property::sometimes("a task is bound", |_, world: &World| {
            world.control.status == TaskStatus::Bound
        }),
        Property::sometimes("a task is withdrawn", |_, world: &World| {
            world.control.status == TaskStatus::Canceled
        }),
        Property::sometimes("a create meets its tombstone", |_, world: &World| {
            let canceled = |key: u8| {
                let known = world.scheduler.keys[usize::from(key)];
                known.is_some_and(|id| world.scheduler.execution(id).state == State::Canceled)
            };
            let mut messages = world.network.iter().copied();
            messages.any(|one| matches!(one, Message::Create { key } if canceled(key)))
        }),
        Property::sometimes("a cancel is owed by a bound task", |_, world: &World| {
            world.control.status == TaskStatus::Bound && world.control.intent == Intent::Owed
        }),
        Property::sometimes(
            "a task is bound under its second key",
            |_, world: &World| {
                world.control.status == TaskStatus::Bound && world.control.key == Some(1)
            },
        ),
    ]
}

fn of_stops() -> [Sight; 2] {
    [
        stop!(Abandoned),
        Property::sometimes("an order is heard before its grant", |_, world: &World| {
            world.workers.iter().any(|one| !one.unmatched.is_empty())
        }),
    ]
}

fn of_retries() -> [Sight; 2] {
    [
        Property::sometimes(
            "attempts overlap after a presumption",
            |_, world: &World| world.overlaps().next().is_some(),
        ),
        Property::sometimes("a retry runs after a timeout", |_, world: &World| {
            world.any_execution(State::Running)
                && world.any_attempt(|one| one.end == Some(AttemptEnd::TimedOut))
        }),
    ]
}
