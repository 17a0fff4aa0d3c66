//! How kernels run: vector instructions, blocks of short rows, and threads.

pub(crate) mod block;
pub(crate) mod gaps;
pub(crate) mod lanes;
pub(crate) mod level;
pub(crate) mod pieces;
pub(crate) mod places;
pub(crate) mod rows;
pub(crate) mod source;
