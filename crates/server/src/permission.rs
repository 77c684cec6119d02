//! Permissions: what a route needs and a principal has.

/// What a route needs. Every route states one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Nothing: liveness, and the documents that tell how to call.
    Everybody,
    /// Read tasks.
    TasksRead,
    /// Create, change and bind tasks.
    TasksWrite,
    /// Read executions of tasks.
    ExecutionsRead,
    /// Cancel executions of tasks.
    ExecutionsCancel,
    /// Use the scheduler's own surface.
    SchedulerUse,
    /// Act as a worker.
    WorkersAct,
    /// Speak for other principals and namespaces.
    ActForOthers,
    /// Read how the service does.
    OperationsRead,
    /// Change how the service does: limits and pauses.
    OperationsWrite,
    /// Read the metrics of a service, which are of all namespaces.
    MetricsRead,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 11] = [
        Self::Everybody,
        Self::TasksRead,
        Self::TasksWrite,
        Self::ExecutionsRead,
        Self::ExecutionsCancel,
        Self::SchedulerUse,
        Self::WorkersAct,
        Self::ActForOthers,
        Self::OperationsRead,
        Self::OperationsWrite,
        Self::MetricsRead,
    ];
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// Every permission.
    pub fn all() -> Self {
        Self::of(&Permission::ALL)
    }

    /// These permissions.
    pub fn of(permissions: &[Permission]) -> Self {
        Self(permissions.iter().fold(0, |set, one| set | bit(*one)))
    }

    /// Whether `permission` is among them; [`Permission::Everybody`] always is.
    pub fn allow(self, permission: Permission) -> bool {
        permission == Permission::Everybody || self.0 & bit(permission) != 0
    }
}

fn bit(permission: Permission) -> u16 {
    1 << permission as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_allows_its_own_and_what_everybody_may() {
        let set = Permissions::of(&[Permission::TasksRead]);
        let allowed: Vec<_> = Permission::ALL
            .into_iter()
            .filter(|one| set.allow(*one))
            .collect();
        assert_eq!(allowed, [Permission::Everybody, Permission::TasksRead]);
    }
}
