//! Whether the clock may be trusted with what cannot be undone.
//!
//! A machine may start with its clock months ahead. By the word of such a clock a record would be
//! forgotten that is a day old. So the wall clock has to go right for a while first, and what we show
//! must not be ahead of it: [`Clock::now`] never steps back, not even where the wall was set right.

use std::sync::{Mutex, PoisonError};

use taskpilot_domain::limits::{CLOCK_JUMP_MS, CLOCK_STEADY_MS};
use taskpilot_domain::time::Timestamp;

use crate::clock::Clock;

/// What was seen of the clock so far.
#[derive(Debug, Default)]
pub struct Steadiness(Mutex<Option<Run>>);

/// The time in which the clock went right.
#[derive(Debug, Clone, Copy)]
struct Run {
    since_boot_ms: u64,
    last: Look,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    shown: Timestamp,
    wall: Timestamp,
    boot_ms: u64,
}

impl Steadiness {
    /// Looks at the clock. Whether it has gone right for half an hour, as far as was looked.
    pub fn is_steady(&self, clock: &dyn Clock) -> bool {
        self.sees(Look {
            shown: clock.now(),
            wall: clock.wall(),
            boot_ms: clock.boot_ms(),
        })
    }

    fn sees(&self, look: Look) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = seen.filter(|run| goes_right(run.last, look));
        let since_boot_ms = run.map_or(look.boot_ms, |run| run.since_boot_ms);
        *seen = Some(Run {
            since_boot_ms,
            last: look,
        });
        let is_ahead = look.shown.ms_since(look.wall) > CLOCK_JUMP_MS;
        if is_ahead {
            tracing::warn!("our time is ahead of the clock of the machine: nothing is forgotten");
        }
        !is_ahead && look.boot_ms.saturating_sub(since_boot_ms) >= CLOCK_STEADY_MS
    }
}

/// Whether both clocks saw the same time pass.
fn goes_right(last: Look, look: Look) -> bool {
    let boot_ms = look.boot_ms.saturating_sub(last.boot_ms);
    let expected = last.wall.plus_ms(boot_ms);
    let ahead_ms = look.wall.ms_since(expected);
    let behind_ms = expected.ms_since(look.wall);
    ahead_ms.max(behind_ms) <= CLOCK_JUMP_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTHS_MS: u64 = 90 * 86_400_000;

    fn look(ms: u64) -> Look {
        let wall = Timestamp::from_millis(1_700_000_000_000).plus_ms(ms);
        Look {
            shown: wall,
            wall,
            boot_ms: ms,
        }
    }

    /// A look at clocks that are ahead: what we show, and the wall.
    fn ahead(ms: u64, [shown, wall]: [u64; 2]) -> Look {
        let right = look(ms);
        Look {
            shown: right.shown.plus_ms(shown),
            wall: right.wall.plus_ms(wall),
            ..right
        }
    }

    fn steady(looks: &[Look]) -> Vec<bool> {
        let steadiness = Steadiness::default();
        looks.iter().map(|look| steadiness.sees(*look)).collect()
    }

    #[test]
    fn a_clock_is_trusted_once_it_went_right_for_long() {
        let looks = [
            look(0),
            look(CLOCK_STEADY_MS - 1),
            look(CLOCK_STEADY_MS),
            look(100 * MONTHS_MS),
        ];
        assert_eq!(steady(&looks), [false, false, true, true]);
    }

    #[test]
    fn a_step_of_the_wall_begins_anew() {
        for wall in [MONTHS_MS, CLOCK_JUMP_MS + 1] {
            let looks = [
                look(0),
                ahead(CLOCK_STEADY_MS, [wall; 2]),
                ahead(2 * CLOCK_STEADY_MS - 1, [wall; 2]),
                ahead(2 * CLOCK_STEADY_MS, [wall; 2]),
            ];
            assert_eq!(steady(&looks), [false, false, false, true], "{wall}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_is_not_trusted_before_it_has_caught_up() {
        let looks = [
            ahead(0, [MONTHS_MS; 2]),
            ahead(1_000, [MONTHS_MS, 0]),
            ahead(2 * CLOCK_STEADY_MS, [MONTHS_MS, 0]),
            look(2 * MONTHS_MS),
        ];
        assert_eq!(steady(&looks), [false, false, false, true]);
    }
}
