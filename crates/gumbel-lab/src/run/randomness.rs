//! The streams that the seed of a run is split into.

use gumbel::Noise;

/// The uses of the noise of a run; their order must not change, so that a seed keeps its numbers.
#[derive(Clone, Copy)]
pub enum Use {
    /// Initial parameters.
    Parameters = 0,
    /// Order and binarization of the training images.
    Batches = 1,
    /// Training samples, by step.
    Training = 2,
    /// Evaluation samples.
    Evaluation = 3,
    /// Pictures for the report, and generated images.
    Pictures = 4,
    /// Draws of the gradient whose variance is measured.
    GradientVariance = 5,
}

/// The noise of a run for one use.
pub fn noise(seed: u64, purpose: Use) -> Noise {
    Noise::from_seed(seed).split(purpose as u64)
}
