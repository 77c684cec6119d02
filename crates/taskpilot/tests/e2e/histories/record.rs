//! What was called when, and what was answered.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use taskpilot_proof::history::{Answer, Call, Operation, Verdict};

/// The histories of some executions, under one clock.
#[derive(Debug)]
pub(super) struct Record {
    clock: AtomicU64,
    histories: Vec<Mutex<Vec<Operation>>>,
}

impl Record {
    pub(super) fn of(executions: usize) -> Self {
        Self {
            clock: AtomicU64::new(0),
            histories: (0..executions).map(|_| Mutex::default()).collect(),
        }
    }

    /// An instant that nobody has seen.
    pub(super) fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn note(&self, execution: usize, operation: Operation) {
        lock(&self.histories[execution]).push(operation);
    }

    pub(super) fn executions(&self) -> usize {
        self.histories.len()
    }

    pub(super) fn history(&self, execution: usize) -> Vec<Operation> {
        lock(&self.histories[execution]).clone()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much happened: histories in which nothing succeeds have an order, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) called: u64,
    pub(super) answered: u64,
    granted: u64,
    applied: u64,
    judged_otherwise: u64,
    canceled: u64,
    refused: u64,
}

impl Tally {
    pub(super) fn of(history: &[Operation]) -> Self {
        let mut tally = Self::default();
        for operation in history {
            let Some((_, answer)) = operation.answered else {
                // A claim that may have been granted it is no call of its own.
                tally.called += u64::from(operation.call != Call::Claim);
                continue;
            };
            tally.called += 1;
            tally.answered += 1;
            match answer {
                Answer::Granted { .. } => tally.granted += 1,
                Answer::Judged(Verdict::Applied) => tally.applied += 1,
                Answer::Judged(_) => tally.judged_otherwise += 1,
                Answer::Canceled if operation.call != Call::Create => tally.canceled += 1,
                Answer::Refused => tally.refused += 1,
                Answer::Canceled | Answer::Created | Answer::Told { .. } => {}
            }
        }
        tally
    }

    /// Whether so many rounds had enough of what makes a history worth a look.
    pub(super) fn is_rich(&self, rounds: u64) -> bool {
        let few = rounds / 2;
        self.called >= rounds * 60
            && self.granted >= rounds
            && self.applied >= rounds
            && self.judged_otherwise >= few
            && self.canceled >= few
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.called += other.called;
        self.answered += other.answered;
        self.granted += other.granted;
        self.applied += other.applied;
        self.judged_otherwise += other.judged_otherwise;
        self.canceled += other.canceled;
        self.refused += other.refused;
    }
}
