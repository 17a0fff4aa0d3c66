//! `gumbel measure`: bias, variance, error at equal cost and time of gradient estimators on problems with a known
//! gradient.

mod case;
mod curve;
mod guide;
mod list;
mod options;
mod page;
pub mod problem;
mod row;
mod toy;

pub use case::{Case, MeasureSettings};
pub(crate) use curve::slope;
pub use curve::{Curve, CurvePoint, Fit, fits};
pub use guide::Guide;
pub use list::List;
pub use options::MeasureOptions;
pub use page::{MeasurePage, TrainingPage};
pub use row::{MeasureRow, head};
pub use toy::{Toy, TrainingPoint};
