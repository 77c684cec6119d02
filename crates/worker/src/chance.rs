//! The worker's only sources of chance: jitter, which need not be good, and markers, which must be.

/// Between half of `bound_ms` and all of it.
#[expect(
    clippy::disallowed_methods,
    reason = "the jitter of tries need not be repeatable"
)]
pub(crate) fn jittered(bound_ms: u64) -> u64 {
    bound_ms / 2 + fastrand::u64(0..=bound_ms / 2)
}

/// 128 random bits as text: the marker of one command.
#[expect(
    clippy::disallowed_methods,
    reason = "markers are told apart by chance alone, also across restarts"
)]
pub(crate) fn marker() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
