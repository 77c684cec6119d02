//! A history: the world before and after every step.

use taskpilot_domain::execution::Transition;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::time::Timestamp;

use crate::steps::{Setting, Step, Turned};
use crate::world::{Outcome, World};

#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) step: Step,
    pub(crate) now: Timestamp,
    pub(crate) jitter: Jitter,
    pub(crate) before: World,
    pub(crate) outcome: Outcome,
    pub(crate) after: World,
}

impl Turn {
    /// The change that the rules decided, if they decided one.
    pub(crate) fn change(&self) -> Option<&Transition> {
        self.outcome
            .decision
            .as_ref()
            .and_then(|decision| decision.verdict.as_ref().ok())
    }
}

pub(crate) fn history(setting: &Setting, steps: &[Turned]) -> Vec<Turn> {
    let mut world = World::new(setting);
    let mut clock = Timestamp::from_millis(500);
    let mut turns = Vec::with_capacity(steps.len());
    for turned in steps {
        if let Step::Pass(millis) = turned.step {
            clock = clock.plus_ms(millis);
        }
        let before = world.clone();
        let (now, jitter) = (clock.minus_ms(turned.behind_ms), Jitter(turned.draw));
        let outcome = world.take(turned.step, now, jitter);
        let after = world.clone();
        turns.push(Turn {
            step: turned.step,
            now,
            jitter,
            before,
            outcome,
            after,
        });
    }
    turns
}
