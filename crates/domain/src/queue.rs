//! The queue as an operator steers it: its limit, its pause, and what follows for claims.

use crate::execution::BlockedBy;
use crate::limits::QUEUE_RUNNING_MAX;
use crate::names::PrincipalName;
use crate::time::Timestamp;

/// Why a number is no limit of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a limit is a number from 1 to {QUEUE_RUNNING_MAX}; to run nothing, pause the queue")]
pub struct InvalidLimit;

/// How many attempts a queue may hold at once, at least one: a pause is the way to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxRunning(u32);

impl MaxRunning {
    /// Takes a number within its bounds.
    pub fn new(count: u32) -> Result<Self, InvalidLimit> {
        if (1..=QUEUE_RUNNING_MAX).contains(&count) {
            Ok(Self(count))
        } else {
            Err(InvalidLimit)
        }
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// Who paused a queue first, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: PrincipalName,
    /// Why, for people.
    pub reason: Option<String>,
}

/// What an operator did to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steered {
    /// Set its limit, or took it away.
    Limited,
    /// Paused it.
    Paused,
    /// Let it go on.
    Resumed,
}

impl Steered {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Limited, Self::Paused, Self::Resumed];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
        }
    }
}

/// Who changed a queue last, what of it, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    /// What.
    pub what: Steered,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: PrincipalName,
    /// Why, for people.
    pub reason: Option<String>,
}

/// What an operator has set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// How many attempts it may hold; `None`: as many as there are.
    pub max_running: Option<MaxRunning>,
    /// Its pause, if it is paused.
    pub pause: Option<Pause>,
    /// The last change of either; `None` where there was none.
    pub last_change: Option<LastChange>,
}

/// What is to be done to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueAction {
    /// Set its limit, or take it away.
    Limit(Option<MaxRunning>),
    /// Grant nothing from it.
    Pause,
    /// Grant from it again.
    Resume,
}

impl QueueAction {
    fn done(self) -> Steered {
        match self {
            Self::Limit(_) => Steered::Limited,
            Self::Pause => Steered::Paused,
            Self::Resume => Steered::Resumed,
        }
    }
}

/// What an operator wants of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueChange {
    /// What.
    pub action: QueueAction,
    /// Who.
    pub by: PrincipalName,
    /// Why, for people.
    pub reason: Option<String>,
}

impl QueueSettings {
    /// The settings after a change. One that changes nothing leaves who was there before it: who
    /// paused first, and who changed it last.
    #[must_use]
    pub fn after(&self, change: &QueueChange, now: Timestamp) -> Self {
        let mut next = self.clone();
        let (by, reason) = (change.by.clone(), change.reason.clone());
        match change.action {
            QueueAction::Limit(max_running) => next.max_running = max_running,
            QueueAction::Pause if next.pause.is_some() => {}
            QueueAction::Pause => {
                let (by, reason) = (by.clone(), reason.clone());
                next.pause = Some(Pause {
                    at: now,
                    by,
                    reason,
                });
            }
            QueueAction::Resume => next.pause = None,
        }
        if next != *self {
            next.last_change = Some(LastChange {
                what: change.action.done(),
                at: now,
                by,
                reason,
            });
        }
        next
    }

    /// The part that claims depend on.
    pub fn rule(&self) -> QueueRule {
        QueueRule {
            max_running: self.max_running,
            paused: self.pause.is_some(),
        }
    }
}

/// What a claim must respect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueRule {
    /// How many attempts it may hold.
    pub max_running: Option<MaxRunning>,
    /// Whether nothing is granted.
    pub paused: bool,
}

impl QueueRule {
    /// Whether it holds nothing back, ever.
    pub fn is_free(self) -> bool {
        self == Self::default()
    }

    /// How many more attempts may begin while it holds `held`; `None`: as many as there are.
    pub fn room(self, held: u64) -> Option<u64> {
        if self.paused {
            return Some(0);
        }
        let max = self.max_running?;
        Some(u64::from(max.get()).saturating_sub(held))
    }

    /// What keeps its ready executions from being claimed while it holds `held`.
    pub fn blocks(self, held: u64) -> Option<BlockedBy> {
        if self.paused {
            Some(BlockedBy::Paused)
        } else if self.room(held) == Some(0) {
            Some(BlockedBy::Limit)
        } else {
            None
        }
    }
}

/// How many executions of a queue stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Due, and kept by nothing of their own.
    pub ready: u64,
    /// Their time has not come.
    pub scheduled: u64,
    /// Waiting for the end of a back-off.
    pub backing_off: u64,
    /// Held back: by an unproven stop, or by the queue.
    pub blocked: u64,
    /// Attempts that run.
    pub running: u64,
    /// Attempts whose stop is neither proven nor presumed.
    pub stopping: u64,
}

impl QueueCounts {
    /// What counts against the limit: an attempt keeps its place until its stop is settled.
    pub fn held(self) -> u64 {
        self.running + self.stopping
    }

    /// The counts by the phases that executions show: what the queue holds back is not ready.
    #[must_use]
    pub fn by_phase(self, rule: QueueRule) -> Self {
        match rule.blocks(self.held()) {
            None => self,
            Some(_) => Self {
                ready: 0,
                blocked: self.blocked + self.ready,
                ..self
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn by(name: &str, action: QueueAction) -> QueueChange {
        QueueChange {
            action,
            by: PrincipalName::new(name).unwrap(),
            reason: Some(format!("by {name}")),
        }
    }

    fn last(settings: &QueueSettings) -> (Steered, Timestamp, &str) {
        let last = settings.last_change.as_ref().unwrap();
        let by = last.by.as_str();
        assert_eq!(last.reason, Some(format!("by {by}")));
        (last.what, last.at, by)
    }

    #[test]
    fn a_repeat_leaves_who_was_first_and_a_resume_says_who_resumed() {
        let (pause, resume) = (QueueAction::Pause, QueueAction::Resume);
        let paused = QueueSettings::default().after(&by("a", pause), at(1));
        assert_eq!(paused.after(&by("b", pause), at(2)), paused);
        assert_eq!(paused.pause.as_ref().unwrap().at, at(1));
        assert_eq!(last(&paused), (Steered::Paused, at(1), "a"));
        let resumed = paused.after(&by("c", resume), at(3));
        assert_eq!(resumed.pause, None);
        assert_eq!(last(&resumed), (Steered::Resumed, at(3), "c"));
        assert_eq!(resumed.after(&by("d", resume), at(4)), resumed);
        let never = QueueSettings::default();
        assert_eq!(never.after(&by("a", resume), at(1)), never);
    }

    #[test]
    fn a_limit_and_a_pause_stand_beside_each_other() {
        let one = QueueAction::Limit(MaxRunning::new(1).ok());
        let both = QueueSettings::default()
            .after(&by("a", QueueAction::Pause), at(1))
            .after(&by("b", one), at(2));
        assert_eq!(both.rule().blocks(0), Some(BlockedBy::Paused));
        assert_eq!(last(&both), (Steered::Limited, at(2), "b"));
        assert_eq!(both.after(&by("c", one), at(3)), both);
        let limited = both.after(&by("a", QueueAction::Resume), at(3)).rule();
        let blocked = [0, 1, 2].map(|held| limited.blocks(held));
        assert_eq!(
            blocked,
            [None, Some(BlockedBy::Limit), Some(BlockedBy::Limit)]
        );
    }

    #[test]
    fn a_lowered_limit_leaves_no_room_and_takes_none_back() {
        let rule = |max: u32| QueueRule {
            max_running: MaxRunning::new(max).ok(),
            paused: false,
        };
        assert_eq!(rule(2).room(5), Some(0));
        assert_eq!(rule(7).room(5), Some(2));
        assert_eq!(QueueRule::default().room(5), None);
        assert_eq!(
            [0, QUEUE_RUNNING_MAX + 1].map(MaxRunning::new),
            [Err(InvalidLimit); 2]
        );
    }

    #[test]
    fn what_a_queue_holds_back_is_counted_as_blocked() {
        let counts = QueueCounts {
            ready: 5,
            blocked: 1,
            running: 1,
            stopping: 1,
            ..QueueCounts::default()
        };
        let full = QueueRule {
            max_running: MaxRunning::new(2).ok(),
            paused: false,
        };
        let told = counts.by_phase(full);
        assert_eq!((told.ready, told.blocked), (0, 6));
        assert_eq!(counts.by_phase(QueueRule::default()), counts);
    }
}
