//! The steps that one commit makes at once.

#[cfg(feature = "points")]
use std::cell::RefCell;

use crate::{Step, Struck, after, before};

/// Steps that are done together or not at all.
#[derive(Default)]
#[cfg_attr(feature = "points", derive(Debug))]
pub struct Steps {
    #[cfg(feature = "points")]
    noted: RefCell<Vec<Step>>,
}

impl Steps {
    /// Notes one more. Each counts once.
    #[cfg(feature = "points")]
    pub fn note(&self, step: Step) {
        let mut noted = self.noted.borrow_mut();
        if !noted.contains(&step) {
            noted.push(step);
        }
    }

    /// Notes one more. Each counts once.
    #[cfg(not(feature = "points"))]
    #[inline(always)]
    pub fn note(&self, _: Step) {}

    /// To be called directly before all of them are done.
    pub fn before(&self) -> Result<(), Struck> {
        self.each(before)
    }

    /// To be called directly after all of them were done.
    pub fn after(&self) -> Result<(), Struck> {
        self.each(after)
    }

    #[cfg(feature = "points")]
    fn each(&self, pass: impl Fn(Step) -> Result<(), Struck>) -> Result<(), Struck> {
        self.noted.borrow().iter().try_for_each(|step| pass(*step))
    }

    #[cfg(not(feature = "points"))]
    #[inline]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "it does nothing in a release, in the shape that it has in a test"
    )]
    fn each(&self, _: impl Fn(Step) -> Result<(), Struck>) -> Result<(), Struck> {
        Ok(())
    }
}
