//! What every estimator does first.

use super::{Estimate, Objective, Relaxed, Sample};
use crate::tensor::{centred, restored};
use crate::{Error, ops};
use burn::tensor::{DType, Tensor};

/// An estimate from logits that were checked and [`centred`], for an objective that sees samples in the type of the
/// caller's logits and whose losses come back in at least single precision. An empty batch has an empty estimate.
///
/// # Errors
/// Those of [`ops::check_logits`] and of the estimate.
pub(crate) fn prepared(
    logits: Tensor<3>,
    objective: &Objective,
    estimate: impl FnOnce(Tensor<3>, &Objective) -> Result<Estimate, Error>,
) -> Result<Estimate, Error> {
    ops::check_logits(&logits)?;
    if logits.dims()[0] == 0 {
        return Ok(Estimate::empty(&logits));
    }
    let dtype = logits.dtype();
    let logits = centred(logits);
    let computed = logits.dtype();
    if dtype == computed {
        return estimate(logits, objective);
    }
    let cast = |sample: &Sample| objective.losses(&sample.clone().cast(dtype)).cast(computed);
    let estimate = estimate(logits, &Objective::reducing(objective.reduction(), cast))?;
    Ok(Estimate { loss: restored(estimate.loss, dtype), ..estimate })
}

impl Sample {
    /// The same sample in another type.
    fn cast(self, dtype: DType) -> Self {
        Self {
            z: restored(self.z, dtype),
            relaxed: self.relaxed.map(|relaxed| Relaxed { log_z: restored(relaxed.log_z, dtype), ..relaxed }),
            weights: self.weights.map(|weights| restored(weights, dtype)),
        }
    }
}
