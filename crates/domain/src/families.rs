//! Families of executions: who may become the child of whom.

use crate::ids::ExecutionId;
use crate::limits::{CHILDREN_MAX, TREE_DEPTH_MAX};

/// Where an execution stands in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kin {
    /// The execution at the top of the tree, which is itself for a root.
    pub root: ExecutionId,
    /// Steps from the root.
    pub depth: u32,
    /// Its own children that are kept.
    pub children: u32,
}

impl Kin {
    /// An execution without a parent.
    pub fn root(id: ExecutionId) -> Self {
        Self {
            root: id,
            depth: 0,
            children: 0,
        }
    }
}

/// Why an execution cannot become the child of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoChild {
    /// There is no such parent in the namespace, or it is forgotten.
    #[error("there is no such parent, or it is not kept any more")]
    NoParent,
    /// The tree would be too deep.
    #[error("a tree has at most {TREE_DEPTH_MAX} levels below its root")]
    TooDeep,
    /// The parent has too many.
    #[error("a parent has at most {CHILDREN_MAX} children")]
    TooMany,
}

/// Where a new child of `parent` stands; `None`: there is no such parent.
pub fn adopt(parent: Option<Kin>) -> Result<Kin, NoChild> {
    let parent = parent.ok_or(NoChild::NoParent)?;
    if parent.depth >= TREE_DEPTH_MAX {
        return Err(NoChild::TooDeep);
    }
    if parent.children >= CHILDREN_MAX {
        return Err(NoChild::TooMany);
    }
    Ok(Kin {
        root: parent.root,
        depth: parent.depth + 1,
        children: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_stands_one_step_below_its_parent_and_within_the_limits() {
        let root = Kin::root(ExecutionId::new(7).unwrap());
        let child = Kin { depth: 1, ..root };
        assert_eq!(adopt(Some(root)), Ok(child));
        let deep = |depth| Kin { depth, ..root };
        assert_eq!(adopt(Some(deep(TREE_DEPTH_MAX))), Err(NoChild::TooDeep));
        let deepest = deep(TREE_DEPTH_MAX);
        assert_eq!(adopt(Some(deep(TREE_DEPTH_MAX - 1))), Ok(deepest));
        let rich = |children| Kin { children, ..root };
        assert_eq!(adopt(Some(rich(CHILDREN_MAX))), Err(NoChild::TooMany));
        assert_eq!(adopt(Some(rich(CHILDREN_MAX - 1))), Ok(child));
        assert_eq!(adopt(None), Err(NoChild::NoParent));
    }
}
