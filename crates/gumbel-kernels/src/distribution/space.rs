//! The spaces that relaxed samples lie in: the simplex, and that of their logarithms.

/// Where the points lie.
pub(super) trait Space<T>: Copy + Send + Sync {
    /// The name of the sample in the message of a panic.
    const SAMPLE: &'static str;
    /// Whether a category adds −y to the log-density in log space.
    const VOLUME: bool;

    /// The logarithms of a sample; the buffer is for those that must be computed.
    fn logs<'a, const FMA: bool>(sample: &'a [T], buffer: &'a mut [T]) -> &'a [T];

    /// The slope in the sample, times `d`, of a point on the support; 0 at a mask, where `d_logit` is 0.
    fn d_sample(sample: T, d_logit: T, tau: T, d: T) -> T;

    /// The log-density off the support, or at its edge.
    fn limit(support: Support, tau: T, y: &[T], logits: &[T]) -> T;
}

/// Where a row of logarithms `y` lies relative to the support of its logits.
#[derive(Clone, Copy)]
pub(super) struct Support {
    /// Unmasked categories.
    pub unmasked: usize,
    /// Unmasked categories with `y` = −∞.
    pub zeros: usize,
    /// Whether `y` is above −∞ at a mask.
    pub mass_on_mask: bool,
}

impl Support {
    /// Whether the density is that of the formula, and not a limit or 0.
    pub fn is_inside(self) -> bool {
        !self.mass_on_mask && self.zeros == 0
    }
}
