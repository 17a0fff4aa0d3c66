//! What several estimators share.

pub(super) mod antithetic;
pub(super) mod average;
pub(super) mod binary;
pub(super) mod coefficient;
pub(crate) mod host;
pub(super) mod inner;
pub(super) mod joint;
pub(super) mod memory;
pub(super) mod network;
pub(super) mod pairwise;
pub(crate) mod set;
pub(super) mod tied;
pub(crate) mod truncated;
