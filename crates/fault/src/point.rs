//! The two sides of a step.

use std::io;

use crate::Step;
#[cfg(feature = "points")]
use crate::armed::pass;
#[cfg(feature = "points")]
use crate::fault::Side;

/// A fault has struck: the step is to fail as its own engine would fail it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "points", derive(Debug))]
pub struct Struck {
    #[cfg(feature = "points")]
    done: bool,
    /// Without points there is no such thing.
    #[cfg(not(feature = "points"))]
    never: std::convert::Infallible,
}

impl Struck {
    #[cfg(feature = "points")]
    pub(crate) fn at(side: Side) -> Self {
        let done = side == Side::After;
        Self { done }
    }

    /// Whether the step is done, and only its answer is lost.
    pub fn is_done(self) -> bool {
        #[cfg(feature = "points")]
        return self.done;
        #[cfg(not(feature = "points"))]
        match self.never {}
    }
}

/// To be called directly before a step. On an error the step is not done.
#[cfg(feature = "points")]
pub fn before(step: Step) -> Result<(), Struck> {
    pass(step, Side::Before)
}

/// To be called directly before a step. On an error the step is not done.
#[cfg(not(feature = "points"))]
#[inline]
pub fn before(_: Step) -> Result<(), Struck> {
    Ok(())
}

/// To be called directly after a step that was done. On an error nobody is told that it was.
#[cfg(feature = "points")]
pub fn after(step: Step) -> Result<(), Struck> {
    pass(step, Side::After)
}

/// To be called directly after a step that was done. On an error nobody is told that it was.
#[cfg(not(feature = "points"))]
#[inline]
pub fn after(_: Step) -> Result<(), Struck> {
    Ok(())
}

/// Both sides of a call: `failed` is what its caller sees where a fault strikes.
pub async fn around<T, E>(
    step: Step,
    call: impl Future<Output = Result<T, E>>,
    failed: impl Fn(Struck) -> E,
) -> Result<T, E> {
    before(step).map_err(&failed)?;
    let answer = call.await?;
    after(step).map_err(&failed)?;
    Ok(answer)
}

/// Both sides of a step of this very thread.
pub fn within<T>(step: Step, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    before(step)?;
    let done = run()?;
    after(step)?;
    Ok(done)
}

impl From<Struck> for io::Error {
    fn from(_: Struck) -> Self {
        io::ErrorKind::Other.into()
    }
}
