//! The one place where a test waits: it asks again and again until the answer is there or too late.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// What a healthy system does at once may take this long on a busy machine.
pub const SOON: Duration = Duration::from_secs(15);

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(20);

/// Asks `probe` until it has an answer. `what` completes "waited in vain until …".
///
/// A probe that fails ends the wait: what may fail for a while says so by answering `None`.
pub async fn wait_until<T, F>(
    what: &str,
    within: Duration,
    mut probe: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let mut looks = interval(PERIOD);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let answer = async {
        loop {
            looks.tick().await;
            if let Some(answer) = probe().await? {
                return Ok(answer);
            }
        }
    };
    timeout(within, answer)
        .await
        .with_context(|| format!("waited {within:?} in vain until {what}"))?
}

/// Asks `probe` for all of `period`, and fails as soon as it answers no. `what` completes
/// "it did not last that …".
pub async fn lasts_for<F>(what: &str, period: Duration, mut probe: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let mut looks = interval(PERIOD);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let broken = async {
        loop {
            looks.tick().await;
            if !probe().await? {
                return anyhow::Ok(());
            }
        }
    };
    match timeout(period, broken).await {
        Ok(ended) => {
            ended?;
            anyhow::bail!("it did not last that {what}")
        }
        Err(_) => Ok(()),
    }
}
