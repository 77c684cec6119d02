//! What can go wrong beside a step, and the text that says which and when.

use std::fmt;
use std::str::FromStr;

use crate::Step;

/// A side of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The step fails as its own engine would fail it, and nothing is done.
    ErrorBefore,
    /// The process aborts, and nothing is done.
    CrashBefore,
    /// The process aborts when the step is done and nobody was told.
    CrashAfter,
    /// The step is done, and who asked for it hears nothing or that it failed.
    LostAfter,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ErrorBefore,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::LostAfter,
    ];

    /// Its name, for the variable that arms it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorBefore => "error-before",
            Self::CrashBefore => "crash-before",
            Self::CrashAfter => "crash-after",
            Self::LostAfter => "lost-after",
        }
    }

    /// Whether the process ends by it.
    pub fn is_crash(self) -> bool {
        matches!(self, Self::CrashBefore | Self::CrashAfter)
    }

    pub(crate) fn side(self) -> Side {
        match self {
            Self::ErrorBefore | Self::CrashBefore => Side::Before,
            Self::CrashAfter | Self::LostAfter => Side::After,
        }
    }
}

/// Which fault strikes where, and at which pass of that side of the step, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Where.
    pub step: Step,
    /// How.
    pub fault: Fault,
    /// When.
    pub pass: u64,
}

/// A text that is no setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(
            f,
            "{text:?} arms no fault point: write STEP=FAULT[@PASS], such as task-create=crash-after@2"
        )
    }
}

impl std::error::Error for Unreadable {}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (step, fault) = (self.step.name(), self.fault.name());
        write!(f, "{step}={fault}@{}", self.pass)
    }
}

impl FromStr for Setting {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        read(text).ok_or_else(|| Unreadable(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Setting> {
    let (step, rest) = text.split_once('=')?;
    let (fault, pass) = rest.split_once('@').unwrap_or((rest, "1"));
    let named = |one: &&Step| one.name() == step;
    Some(Setting {
        step: *Step::ALL.iter().find(named)?,
        fault: Fault::ALL.into_iter().find(|one| one.name() == fault)?,
        pass: pass.parse().ok().filter(|pass| *pass > 0)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for step in Step::ALL {
            for fault in Fault::ALL {
                let (step, pass) = (*step, 3);
                let setting = Setting { step, fault, pass };
                assert_eq!(setting.to_string().parse(), Ok(setting));
            }
        }
        let first = Setting {
            step: Step::TaskCreate,
            fault: Fault::LostAfter,
            pass: 1,
        };
        assert_eq!("task-create=lost-after".parse(), Ok(first));
    }

    #[test]
    fn a_name_is_given_once() {
        let names: BTreeSet<&str> = Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names.len(), Step::ALL.len());
    }

    #[test]
    fn what_arms_nothing_is_refused() {
        for text in [
            "",
            "task-create",
            "task-create=",
            "task-create=crash",
            "task-creates=crash-after",
            "task-create=crash-after@",
            "task-create=crash-after@0",
            "task-create=crash-after@-1",
        ] {
            let refused = text.parse::<Setting>().unwrap_err();
            assert_eq!(refused, Unreadable(text.to_owned()));
        }
    }
}
