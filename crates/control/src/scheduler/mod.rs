//! The scheduler as the control plane sees it: what it offers, on whose behalf it is called, and
//! what its answers mean for users.

pub(crate) mod behalf;
pub(crate) mod cursor;
pub(crate) mod reach;
pub(crate) mod translate;
