//! Slots: how many attempts a worker session may begin.

/// What a session holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Attempts it can run at once.
    pub slots: u32,
    /// Attempts it runs.
    pub running: u32,
    /// Attempts whose stop is neither settled nor released.
    pub stopping: u32,
    /// Of these, those whose stop is STUCK.
    pub stuck: u32,
}

impl Slots {
    /// How many attempts may begin. A host on which SIGKILL did not end a tree, or whose worker lives and
    /// let the promised bound of a stop pass, is not one to begin anything on: all of its slots are out
    /// of use until that stop is settled or released.
    pub fn room(self) -> u32 {
        if self.is_quarantined() {
            return 0;
        }
        let held = self.running.saturating_add(self.stopping);
        self.slots.saturating_sub(held)
    }

    /// Whether the session is given nothing because of a stop that is STUCK.
    pub fn is_quarantined(self) -> bool {
        self.stuck > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_and_what_stops_takes_room_and_what_is_stuck_takes_all() {
        let held = |running, stopping, stuck| Slots {
            slots: 4,
            running,
            stopping,
            stuck,
        };
        for (held, room) in [
            (held(0, 0, 0), 4),
            (held(2, 1, 0), 1),
            (held(4, 0, 0), 0),
            (held(4, 4, 0), 0),
            (held(0, 1, 1), 0),
        ] {
            assert_eq!(held.room(), room, "{held:?}");
        }
    }
}
