//! The model as the checker wants it.

use stateright::{Model, Property};

use super::actions::Action;
use super::properties::Promise;
use super::sights::sights;
use super::world::{TaskPilot, World};

/// One step of the model, to be read in a counterexample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step(Action);

impl Model for TaskPilot {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin(&self.bounds)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let mut actions = Vec::new();
        world.possible(self, &mut actions);
        steps.extend(actions.into_iter().map(Step));
    }

    fn next_state(&self, world: &World, Step(action): Step) -> Option<World> {
        let mut next = world.clone();
        next.act(self, action);
        next.settle();
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let promises = Promise::ALL.into_iter().map(Promise::property);
        promises.chain(sights(&self.bounds)).collect()
    }
}
