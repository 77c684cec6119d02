//! The levels of containment, at each of which a tree has to end.

use taskpilot_domain::stop::Containment;

/// What encloses the tree of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The supervisor, to which orphans return. On every machine.
    Subreaper,
    /// A control group too. Where that may be made, which mostly takes root.
    Group,
}

impl Level {
    pub(crate) fn containment(self) -> Containment {
        match self {
            Self::Subreaper => Containment::Subreaper,
            Self::Group => Containment::Cgroup,
        }
    }
}

/// One test for each of these functions at each level.
macro_rules! at_each_level {
    ($($name:ident,)+) => {
        mod under_a_subreaper {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::levels::Level::Subreaper).await;
            })+
        }

        mod root_only_in_a_group {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::levels::Level::Group).await;
            })+
        }
    };
}
