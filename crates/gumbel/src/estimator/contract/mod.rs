//! What an estimator is, apart from any one of them.

mod entry;
mod estimate;
mod estimator;
mod evaluation;
mod objective;
mod paper;
mod parameters;
mod pathwise;
mod prepared;
mod properties;
mod state;

pub use entry::Entry;
pub(crate) use entry::boxed;
pub use estimate::{Estimate, score_cotangent};
pub use estimator::Estimator;
pub use evaluation::Evaluation;
pub use objective::{Objective, Reduction, Relaxed, Sample};
pub(crate) use objective::{log_mean_exp, plain_mean};
pub use paper::{Paper, Venue};
pub use parameters::{Parameter, Parameters};
pub use pathwise::Pathwise;
pub(crate) use pathwise::repeat;
pub(crate) use prepared::prepared;
pub use properties::{Computes, Evaluations, Latents, Properties, SampleKind};
pub use state::State;
