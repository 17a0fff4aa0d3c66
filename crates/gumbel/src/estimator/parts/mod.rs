//! What several estimators share.

pub(super) mod antithetic;
pub(super) mod average;
pub(super) mod binary;
pub(super) mod coefficient;
pub(super) mod host;
pub(super) mod inner;
pub(super) mod joint;
pub(super) mod memory;
pub(super) mod network;
pub(super) mod pairwise;
pub(super) mod tied;
