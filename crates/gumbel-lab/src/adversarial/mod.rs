//! Adversarial training of discrete sequences, and maximum likelihood beside it.

mod draw;
mod lines;
mod loss;
mod summary;
mod train;
mod way;

pub use draw::{HELD_OUT, STARTS, Start, nats, strings};
pub use lines::{Line, read_lines, write_lines};
pub use loss::Loss;
pub use summary::{Judged, Summary, Test};
pub use train::Trainer;
pub use way::{Play, Way, start};
