//! One step of the optimiser Adam, in one pass over memory.

use crate::Error;
use crate::parallel::rows::{RowKernel, Rows, same_length};

/// The hyperparameters of one step of Adam, and the number of the step.
///
/// The names in parentheses are those of Kingma and Ba (2015), algorithm 1. None of the numbers has a unit, except
/// that `learning_rate` has that of the parameter and `epsilon` that of the gradient.
///
/// ```
/// use gumbel_kernels::AdamStep;
/// let step = AdamStep::new(1e-3, 1).with_beta_1(0.5);
/// assert_eq!((step.beta_1, step.beta_2, step.epsilon), (0.5, 0.999, 1e-8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AdamStep {
    /// The size of a step (α): about the change of each parameter.
    pub learning_rate: f32,
    /// The decay of the first moment per step (β₁), in [0, 1).
    pub beta_1: f32,
    /// The decay of the second moment per step (β₂), in [0, 1).
    pub beta_2: f32,
    /// The number that keeps the denominator positive (ε).
    pub epsilon: f32,
    /// The number of this step (t), counted from 1: how many gradients the moments contain after it.
    pub time: usize,
}

impl AdamStep {
    /// Step number `time` with the paper's defaults, β₁ = 0.9, β₂ = 0.999 and ε = 1e-8.
    pub const fn new(learning_rate: f32, time: usize) -> Self {
        Self { learning_rate, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, time }
    }

    /// The same step with another decay of the first moment.
    pub const fn with_beta_1(self, beta_1: f32) -> Self {
        Self { beta_1, ..self }
    }

    /// The same step with another decay of the second moment.
    pub const fn with_beta_2(self, beta_2: f32) -> Self {
        Self { beta_2, ..self }
    }

    /// The same step with another number in the denominator.
    pub const fn with_epsilon(self, epsilon: f32) -> Self {
        Self { epsilon, ..self }
    }

    /// The factor of the first moment, and ε for the second, with which neither needs a correction of its own:
    /// `√(1 − β₂ᵗ) / (1 − β₁ᵗ)` and `ε √(1 − β₂ᵗ)`.
    ///
    /// ```
    /// let [factor, epsilon] = gumbel_kernels::AdamStep::new(1e-3, 100_000).corrected();
    /// assert_eq!((factor, epsilon), (1.0, 1e-8)); // after many steps
    /// ```
    pub fn corrected(self) -> [f32; 2] {
        let time = i32::try_from(self.time).unwrap_or(i32::MAX);
        let root = (1.0 - self.beta_2.powi(time)).sqrt();
        [root / (1.0 - self.beta_1.powi(time)), self.epsilon * root]
    }

    fn kernel(self) -> Adam {
        let [correction, epsilon] = self.corrected();
        Adam { step: self, correction, epsilon }
    }
}

/// One step of Adam: updates a parameter and both moments of its gradient, in place.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// θ ← θ − α m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
/// ```
///
/// with `θ = parameter`, `g = gradient`, `m = first`, `v = second`. Before the first step, both moments are 0.
///
/// Kingma and Ba (2015), algorithm 1, with the corrections moved out of the loop as at the end of its section 2.
/// Results are the same, bit for bit, at every [`Level`](crate::Level) and on any number of threads.
///
/// # Shapes
/// `parameter`, `gradient`, `first`, `second` `[len]`.
///
/// # Panics
/// If the lengths do not match, or `step.time` is 0.
///
/// ```
/// use gumbel_kernels::{AdamStep, adam_step};
/// let (mut parameter, mut first, mut second) = ([1.0, 1.0], [0.0; 2], [0.0; 2]);
/// adam_step(&mut parameter, &[0.5, -200.0], &mut first, &mut second, AdamStep::new(0.1, 1));
/// // The first step has the size of the learning rate, whatever the size of the gradient.
/// assert!((parameter[0] - 0.9).abs() < 1e-6 && (parameter[1] - 1.1).abs() < 1e-6);
/// assert!((first[0] - 0.05).abs() < 1e-7);
/// ```
#[doc(alias = "optimizer")]
pub fn adam_step(
    parameter: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    step: AdamStep,
) {
    let count = parameter.len();
    for (name, len) in [("gradient", gradient.len()), ("first", first.len()), ("second", second.len())] {
        same_length(name, len, count);
    }
    assert!(step.time > 0, "steps are counted from 1, got step.time 0");
    let outputs = [parameter, first, second];
    let rows = Rows { first: 0, count, inputs: [gradient], outputs, indices: &mut [] };
    rows.run(step.kernel()).expect("a step has no input that can be invalid");
}

#[derive(Clone, Copy)]
struct Adam {
    step: AdamStep,
    correction: f32,
    epsilon: f32,
}

impl RowKernel<f32, 1, 3> for Adam {
    /// Products and sums are rounded one by one, so that results do not depend on `FMA`.
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, f32, 1, 3>) -> Result<(), Error> {
        let ([gradient], [parameter, first, second]) = (rows.inputs, rows.outputs);
        let Self { step: AdamStep { learning_rate, beta_1, beta_2, .. }, correction, epsilon } = self;
        for (((p, &g), m), v) in parameter.iter_mut().zip(gradient).zip(first).zip(second) {
            *m = *m * beta_1 + g * (1.0 - beta_1);
            *v = *v * beta_2 + g * g * (1.0 - beta_2);
            *p -= *m * correction / (v.sqrt() + epsilon) * learning_rate;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::level::forced;
    use crate::{Level, Stream, noise};

    /// Parameter and both moments.
    type State = [Vec<f32>; 3];

    fn numbers(seed: u64, len: usize) -> Vec<f32> {
        let mut out = vec![0.0; len];
        noise::logistic(Stream::new(seed), &mut out);
        out
    }

    /// Ten gradients of sizes 1e-6 to 1e3.
    fn gradients(len: usize) -> Vec<Vec<f32>> {
        let scaled =
            |time: i32| numbers(1 + time as u64, len).iter().map(|g| g * 10f32.powi(time - 7)).collect();
        (1..=10).map(scaled).collect()
    }

    /// The bits of parameter and moments after a step with each gradient.
    fn steps(
        mut state: State,
        gradients: &[Vec<f32>],
        beta_1: f32,
        update: impl Fn(&mut State, &[f32], AdamStep),
    ) -> [Vec<u32>; 3] {
        for (index, gradient) in gradients.iter().enumerate() {
            update(&mut state, gradient, AdamStep::new(3e-3, index + 1).with_beta_1(beta_1));
        }
        state.map(|values| values.into_iter().map(f32::to_bits).collect())
    }

    /// Number by number, in the order of operations of Burn's `Adam`.
    fn one_by_one([p, m, v]: &mut State, gradient: &[f32], step: AdamStep) {
        let AdamStep { learning_rate, beta_1, beta_2, epsilon, time } = step;
        let root = (1.0 - beta_2.powi(time as i32)).sqrt();
        let correction = root / (1.0 - beta_1.powi(time as i32));
        for i in 0..p.len() {
            m[i] = m[i] * beta_1 + gradient[i] * (1.0 - beta_1);
            v[i] = v[i] * beta_2 + gradient[i] * gradient[i] * (1.0 - beta_2);
            p[i] -= m[i] * correction / (v[i].sqrt() + epsilon * root) * learning_rate;
        }
    }

    #[test]
    fn bits_equal_a_scalar_loop_at_every_level_length_and_number_of_threads() {
        for len in (0..68).chain([1021, 3 * 16_384 + 77, 5 * 16_384 + 77]) {
            let beta_1 = if len % 2 == 0 { 0.9 } else { 0.5 };
            let (start, gradients) = ([numbers(1, len), vec![0.0; len], vec![0.0; len]], gradients(len));
            let expected = steps(start.clone(), &gradients, beta_1, one_by_one);
            for (level, threads) in Level::available().into_iter().flat_map(|level| [(level, 1), (level, 3)])
            {
                let found = forced::at(level, threads, || {
                    steps(start.clone(), &gradients, beta_1, |[p, m, v], g, step| adam_step(p, g, m, v, step))
                });
                assert_eq!(found, expected, "{level}, {threads} threads, {len} numbers");
            }
        }
    }

    #[test]
    #[should_panic(expected = "second has length 1, expected 2")]
    fn lengths_must_match() {
        adam_step(&mut [0.0; 2], &[0.0; 2], &mut [0.0; 2], &mut [0.0], AdamStep::new(0.1, 1));
    }

    #[test]
    #[should_panic(expected = "steps are counted from 1")]
    fn steps_are_counted_from_one() {
        adam_step(&mut [], &[], &mut [], &mut [], AdamStep::new(0.1, 0));
    }
}
