//! The state of everything, in a form that is the same for states that differ in names only.

use taskpilot_domain::binding::TaskStatus;

use super::bounds::Bounds;
use super::message::{Message, Network, WorkerIndex};
use super::mutation::Mutation;
use super::properties::Broken;
use super::scheduler::Scheduler;
use super::worker::Worker;

/// The model: which bounds it has, and which rule it breaks.
#[derive(Debug, Clone, Copy)]
pub struct TaskPilot {
    /// Within which a run is complete.
    pub bounds: Bounds,
    /// The rule that is broken on purpose.
    pub mutation: Option<Mutation>,
}

impl TaskPilot {
    pub(super) fn breaks(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }
}

/// What the control plane keeps of its one task. In memory it has only who waits for which answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Control {
    pub(super) status: TaskStatus,
    /// The binding key in force; keys are numbered as they are made.
    pub(super) key: Option<u8>,
    /// Keys that were made.
    pub(super) made: u8,
    pub(super) execution: Option<u8>,
    /// The scheduler refused the key for good.
    pub(super) is_refused: bool,
    pub(super) intent: Intent,
    /// For the properties: the keys whose cancel was promised.
    pub(super) promised: [bool; 2],
}

/// A wish to cancel the task while it is binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Intent {
    None,
    Owed,
    Settled,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub(super) control: Control,
    pub(super) scheduler: Scheduler,
    pub(super) workers: Vec<Worker>,
    pub(super) network: Network,
    /// What was seen to be broken on the way here.
    pub(super) broken: Broken,
}

impl World {
    pub(super) fn begin(bounds: &Bounds) -> Self {
        let mut world = Self {
            control: Control {
                status: TaskStatus::Pending,
                key: None,
                made: 0,
                execution: None,
                is_refused: false,
                intent: Intent::None,
                promised: [false; 2],
            },
            scheduler: Scheduler::default(),
            workers: vec![Worker::default(); usize::from(bounds.workers)],
            network: Network::default(),
            broken: Broken::default(),
        };
        for worker in 0..bounds.workers {
            world.register(worker);
        }
        if bounds.keys == 0 {
            world.scheduler.accept(0);
            world.control.status = TaskStatus::Bound;
            world.control.key = Some(0);
            world.control.execution = Some(0);
        }
        world
    }

    pub(super) fn worker(&self, worker: WorkerIndex) -> &Worker {
        &self.workers[usize::from(worker)]
    }

    pub(super) fn worker_mut(&mut self, worker: WorkerIndex) -> &mut Worker {
        &mut self.workers[usize::from(worker)]
    }

    pub(super) fn send(&mut self, model: &TaskPilot, message: Message) {
        self.network.send(message, model.bounds.in_flight);
    }
}
