//! `gumbel measure`: bias, variance, error at equal cost and time of estimators on problems whose gradient is known.

mod case;
mod curve;
mod guide;
mod list;
mod options;
pub mod problem;
mod row;
mod toy;

pub use case::{Case, Settings};
pub use curve::{Curve, Fit, Point, fits};
pub use guide::Guide;
pub use list::List;
pub use options::Options;
pub use row::{Row, head};
pub use toy::{Toy, TrainingPoint};
