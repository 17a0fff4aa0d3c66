use super::contract::{Entry, Paper, Parameter, Pathwise, Properties, Sample, Venue, boxed};
use crate::tensor::{attach, of_centred, tracked_as, unmasked};
use crate::{Error, Noise, Schedule, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// A hard sample with the gradient of the optimal straight-through estimator; see [`OptimalStraightThrough`].
///
/// # Shapes
/// `logits`, `hard` `[.., K]` to `[.., K]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<1>::from_floats([0.0, 0.0], &Device::flex().autodiff()).require_grad();
/// let hard = Tensor::from_floats([1.0, 0.0], &Device::flex());
/// let b = gumbel::straight_through::optimal(logits.clone(), hard, 3.0);
/// let slope = logits.grad(&b.slice([0..1]).sum().backward()).unwrap().slice([0..1]).into_scalar::<f32>();
/// assert!((slope - 0.25).abs() < 1e-6); // p (1 − p): for two equal categories S is J, whatever the weight
/// ```
pub fn optimal<const D: usize>(logits: Tensor<D>, hard: Tensor<D>, weight: f64) -> Tensor<D> {
    of_centred(logits, hard, |logits, hard| {
        let (shape, categories) = (logits.dims(), logits.dims()[D - 1]);
        let rows = logits.shape().num_elements() / categories;
        let p = activation::softmax(logits.clone().inner(), D - 1).reshape([rows, categories]);
        let matrix = matrices(p, hard.clone().inner().reshape([rows, categories]), weight);
        let theta = unmasked(logits).reshape([rows, categories, 1]);
        let soft = tracked_as(matrix, &theta).matmul(theta).reshape(shape);
        attach(hard, soft)
    })
}

/// S(b), `[N, K, K]`, of probabilities and one-hot rows `[N, K]`: row i is the gradient that coordinate i of b has.
fn matrices(p: Tensor<2>, hard: Tensor<2>, weight: f64) -> Tensor<3> {
    let [rows, categories] = p.dims();
    let unit = Tensor::<2>::eye(categories, &p.device()).cast(p.dtype()).unsqueeze::<3>();
    let (mine, other) = (p.clone().reshape([rows, categories, 1]), p.reshape([rows, 1, categories]));
    let jacobian = mine.clone() * (unit.clone() - other.clone());
    let scale = |of: Tensor<3>| of * weight + 1.0;
    let both = scale(mine.clone() + other.clone());
    // A of A V = R; its rows are dominated by their diagonal.
    let coupling = mine.clone() * other.clone() / both.clone() * weight;
    let diagonal = scale(mine.clone()) * (other.clone() / both).sum_dim(2);
    let ratio = scale(mine.clone()) / (mine.clone() * (2.0 * weight) + 1.0);
    let values = solved(unit * diagonal - coupling, ratio * jacobian.clone(), categories);
    let picked = hard.clone().reshape([rows, 1, categories]);
    let hard = hard.reshape([rows, categories, 1]);
    let at = |of: Tensor<3>| picked.clone().matmul(of);
    let above = scale(mine.clone()) * values.clone() - mine.clone() * at(values) * weight
        + hard * at(jacobian) * weight;
    above / scale(mine.clone() + at(mine))
}

/// `A⁻¹ B` of `[N, K, K]` and `[N, K, M]`, by elimination without exchange of rows.
fn solved(a: Tensor<3>, b: Tensor<3>, categories: usize) -> Tensor<3> {
    let columns = b.dims()[2];
    let unit = Tensor::<2>::eye(categories, &a.device()).cast(a.dtype()).unsqueeze::<3>();
    let eliminated = (0..categories).fold(Tensor::cat(vec![a, b], 2), |all, i| {
        let row = all.clone().narrow(1, i, 1);
        let row = row.clone() / row.narrow(2, i, 1);
        // Row i becomes `row`, and the others lose their share of it.
        let shares = all.clone().narrow(2, i, 1) - unit.clone().narrow(2, i, 1);
        all - shares * row
    });
    eliminated.narrow(2, categories, columns)
}

/// Optimal straight-through: the smallest Jacobians that are exact for a linear f, with a weight on the bias for a
/// quadratic f.
///
/// ```text
/// ĝ = S(b)ᵀ g,   g = ∇f(b),   b ~ q,   J_ij = p_i (δ_ij − p_j),   d_ij = 1 + λ (p_i + p_j),
/// S(b)_ij = [(1 + λ p_i) V_ij − λ p_i V_bj + λ δ_ib J_bj] / d_ib,   A V = R,   R_ij = J_ij (1 + λ p_i) / (1 + 2 λ p_i),
/// A_ij = δ_ij (1 + λ p_i) Σ_k p_k / d_ik − λ p_i p_j / d_ij
/// ```
///
/// This S is the minimum of `E‖S(b)‖² + (λ/2) Σ_ilj (p_l S(l)_ij + p_i S(i)_lj − δ_il J_ij)²` among those with E S(b) = J: of
/// the second term, a quadratic f has no bias where it is zero.
///
/// - **Bias**: biased; exact for a linear f, and in the limit λ → ∞ for every quadratic f.
/// - **Cost**: S evaluations of f and of ∇f, and the solution of a linear system of K unknowns per latent.
/// - **Uses**: logits, ∇f at hard samples.
/// - **Good for**: a choice between straight-through (λ → 0) and an estimator as accurate as zgr (λ → ∞).
/// - **Avoid when**: K is in the hundreds, since the matrices have K² entries; or λ is beyond 10⁴ in single precision, where
///   the linear system is singular but for its last digits.
/// - **Choices**: the formula is that of the authors' code; of the text only the abstract was at hand, and the criterion
///   above was found by solving for it. They raise λ from 1 to 10⁶ in training; here it is 3 by default, and may be a
///   schedule.
/// - **Source**: Hooper and Shekhovtsov 2026, the authors' code for one-hot latents.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Schedule;
/// use gumbel::estimator::{Estimator, Objective, OptimalStraightThrough};
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimator = OptimalStraightThrough::new(1, Schedule::Constant(3.0))?;
/// let estimate = estimator.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert!((gradient.into_scalar::<f32>() - 0.25).abs() < 1e-6); // p (1 − p)
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "MVE")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimalStraightThrough {
    samples: usize,
    weight: Schedule,
}

impl OptimalStraightThrough {
    /// With `samples` samples per row; `weight` is λ.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, weight: Schedule) -> Result<Self, Error> {
        Ok(Self { samples: Self::PROPERTIES.at_least(1, samples)?, weight })
    }
}

impl Pathwise for OptimalStraightThrough {
    const PROPERTIES: Properties = Properties::pathwise("optimal-straight-through");

    fn samples(&self) -> usize {
        self.samples
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        let hard = sample_one_hot(logits.clone().detach(), noise)?;
        Ok(Sample::hard(optimal(logits, hard, self.weight.at(step))))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: OptimalStraightThrough::PROPERTIES,
    title: "straight-through by the smallest Jacobians, with a weight on the bias",
    papers: &[HOOPER],
    place: "the authors' code",
    parameters: &[
        Parameter::SAMPLES,
        Parameter {
            name: "weight",
            default: "3",
            range: "a weight λ, positive: a number or a schedule such as linear:1:100:10000",
        },
    ],
    source: include_str!("optimal_straight_through.rs"),
    make: |given| boxed(OptimalStraightThrough::new(given.read("samples")?, given.read("weight")?)),
};

const HOOPER: Paper = Paper {
    key: "hooper2026generalized",
    authors: "James Hooper and Alexander Shekhovtsov",
    title: "Generalized and Optimal Straight-Through Estimators",
    venue: Venue::Conference("International Conference on Artificial Intelligence and Statistics"),
    year: 2026,
};
