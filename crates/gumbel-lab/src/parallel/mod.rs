//! The processes and threads that a training step is divided between. Neither changes a number: a batch is cut into
//! shards, each with noise of its own, and what they give is summed in their order.

mod agreement;
mod alone;
mod communicator;
mod join;
#[cfg(feature = "mpi")]
mod mpi;
mod shards;
mod threads;

pub use agreement::{agreed, all, same};
pub use alone::Alone;
pub use communicator::{Communicator, World};
pub use join::{alike, join};
pub use shards::{Shards, cut};
pub use threads::pool;
