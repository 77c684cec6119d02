//! What a run must come past, so that it does not hold by doing nothing.

use stateright::Property;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::execution::{AttemptEnd, State};
use taskpilot_domain::stop::StopStatus;

use super::bounds::{Bounds, Topic};
use super::message::Message;
use super::scheduler::Tree;
use super::world::{Intent, TaskPilot, World};

type Sight = Property<TaskPilot>;

macro_rules! stop {
    ($status:ident) => {
        Property::sometimes(StopStatus::$status.as_str(), |_, world: &World| {
            world.any_attempt(|attempt| attempt.stop == Some(StopStatus::$status))
        })
    };
}

/// Of all runs, of bindings or of stops, of those with a second attempt, and of each topic.
pub(super) fn sights(bounds: &Bounds) -> Vec<Sight> {
    let mut sights = of_all().to_vec();
    if bounds.faults {
        sights.extend(of_faults());
    }
    if bounds.keys > 0 {
        sights.extend(of_bindings());
    } else if bounds.workers > 1 {
        sights.extend(of_functions());
    }
    if bounds.attempts > 1 && bounds.time_limits {
        sights.push(of_retries());
    }
    match bounds.topic {
        Topic::Plain if bounds.attempts > 1 && bounds.workers > 1 && bounds.faults => {
            sights.push(Property::sometimes(
                "attempts overlap after a presumption",
                |_, world: &World| world.overlaps().next().is_some(),
            ));
        }
        Topic::Plain => {}
        Topic::Starts => sights.extend(of_starts()),
        Topic::Releases => sights.extend(of_releases()),
        Topic::Goodbyes => sights.extend(of_goodbyes()),
        Topic::Family => sights.extend(of_families()),
    }
    sights
}

fn of_all() -> [Sight; 8] {
    [
        Property::sometimes(StopStatus::NotNeeded.as_str(), |_, world: &World| {
            world.scheduler.executions.iter().any(|one| one.not_needed)
        }),
        stop!(Requested),
        stop!(Delivered),
        stop!(Acknowledged),
        stop!(Stuck),
        stop!(Stopped),
        Property::sometimes("an execution succeeds", |_, world: &World| {
            world.any_execution(State::Succeeded)
        }),
        Property::sometimes("an execution fails", |_, world: &World| {
            world.any_execution(State::Failed)
        }),
    ]
}

fn of_faults() -> [Sight; 3] {
    [
        stop!(Presumed),
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

fn of_functions() -> [Sight; 2] {
    [
        stop!(Abandoned),
        Property::sometimes("an order is heard before its grant", |_, world: &World| {
            world.workers.iter().any(|one| !one.unmatched.is_empty())
        }),
    ]
}

fn of_retries() -> Sight {
    Property::sometimes("a retry runs after a timeout", |_, world: &World| {
        world.any_execution(State::Running)
            && world.any_attempt(|one| one.end == Some(AttemptEnd::TimedOut))
    })
}

fn of_starts() -> [Sight; 2] {
    [
        Property::sometimes("a start is confirmed", |_, world: &World| {
            world.any_attempt(|one| one.confirmed)
        }),
        Property::sometimes("a question comes after the verdict", |_, world: &World| {
            let mut messages = world.network.iter();
            world.any_execution(State::Canceled)
                && messages.any(|one| matches!(one, Message::Start { .. }))
        }),
    ]
}

fn of_releases() -> [Sight; 3] {
    [
        Property::sometimes(
            "an attempt runs beside a released one",
            |_, world: &World| world.overlaps().next().is_some(),
        ),
        Property::sometimes("what was ABANDONED is released", |_, world: &World| {
            world.any_attempt(|one| one.released == Some(StopStatus::Abandoned))
        }),
        Property::sometimes("what was released is proven later", |_, world: &World| {
            world.any_attempt(|one| one.released.is_some() && one.stop == Some(StopStatus::Stopped))
        }),
    ]
}

fn of_goodbyes() -> [Sight; 2] {
    [
        Property::sometimes("a goodbye gives back", |_, world: &World| {
            let gives_back = |one: &Message| matches!(one, Message::Goodbye { never_started, .. } if !never_started.is_empty());
            world.network.iter().any(gives_back)
        }),
        Property::sometimes("what was given back is free", |_, world: &World| {
            world.any_attempt(|one| one.end == Some(AttemptEnd::Released))
        }),
    ]
}

fn of_families() -> [Sight; 3] {
    [
        Property::sometimes("a child waits below a closed tree", |_, world: &World| {
            world.has_a_child_to_decide()
        }),
        Property::sometimes("a child runs below a closed tree", |_, world: &World| {
            world.scheduler.tree == Tree::Undecided
                && world
                    .scheduler
                    .executions
                    .iter()
                    .any(|one| one.is_child() && one.state == State::Running)
        }),
        Property::sometimes("a child is born canceled", |_, world: &World| {
            let joins = |one: &Message| matches!(one, Message::Join);
            world.scheduler.tree == Tree::Closed
                && world.scheduler.executions.len() == 1
                && world.network.iter().any(joins)
        }),
    ]
}
