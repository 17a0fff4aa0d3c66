use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Evaluations, Objective, Paper, Parameter, Properties, Sample,
    Venue, boxed, prepared,
};
use crate::tensor::{at_least_single, centred, masked, one_hot_argmax, tracked_as};
use crate::{Error, Noise, ops};
use burn::tensor::{Int, Tensor};

const SWAPS: Evaluations = Evaluations {
    formula: "S(K(K-1)/2+1)",
    count: |samples, _, categories| {
        let ordered = categories.checked_mul(categories.checked_sub(1)?)?;
        (ordered / 2).checked_add(1)?.checked_mul(samples)
    },
};

/// ARSM (augment, REINFORCE, swap, merge): ARM for any number of categories, by swaps of Dirichlet noise.
///
/// ```text
/// ĝ_c = (1/S) Σ_s Σ_j (f(z^{cj}) − mean_m f(z^{mj})) (1/K − π_j),   π ~ Dirichlet(1, …, 1),
/// z^{cj} = argmin_k π_k e^{−θ_k} with π_c and π_j swapped in every latent, c and j positions of categories
/// ```
///
/// - **Bias**: none; exactly zero for a constant f.
/// - **Cost**: K (K − 1) / 2 + 1 evaluations of f for each of S draws of π; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: comparison with the literature. For K = 2 it is arm.
/// - **Avoid when**: rloo can be used: it has less variance for as many evaluations, the more so the larger K.
/// - **Choices**: all swaps are evaluated in one call of f, though many coincide. Masked categories take no part: the
///   sums, the K and the Dirichlet distribution of a latent are those of its other categories.
/// - **Source**: Yin, Yue and Zhou 2019, section 2.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Arsm, Objective};
/// // Two equal categories, π = (0.9, 0.1): ĝ = (f(z) − f(z̃)) (π − ½), as for arm. The smaller share wins: z = 1.
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex().autodiff()).require_grad();
/// let shares = Tensor::<4>::from_floats([[[[0.9, 0.1]]]], &Device::flex().autodiff());
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = Arsm::new(1)?.with_exponential(logits.clone(), &bit, shares)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert!((gradient.into_scalar::<f32>() - 0.4).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arsm {
    draws: usize,
}

impl Arsm {
    /// With `samples` draws of Dirichlet noise per row, each with all its swaps.
    ///
    /// # Errors
    /// No draws.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { draws: ENTRY.properties.at_least(1, samples)? })
    }

    /// The estimate for logits `[B, D, K]` from given exponential numbers `[S, B, D, K]`, of which π is the share of
    /// each in its latent: a pure function of them.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_exponential(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        exponential: Tensor<4>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        ops::check_logits(&logits)?;
        let theta = centred(logits.clone().detach()).unsqueeze::<4>();
        let swaps = Swaps::of(theta.dims()[3]);
        let z = swaps.samples(theta.clone(), exponential.clone()).cast(logits.dtype());
        let evaluation = Evaluation::at(Sample::hard(z), objective);
        let table = swaps.table(evaluation.losses.clone().detach().cast(theta.dtype()));
        let cotangent = merge(theta, table, exponential).cast(logits.dtype());
        Ok(evaluation.estimate(logits, cotangent))
    }
}

/// The swaps of two of K categories, after the one that changes nothing.
struct Swaps {
    categories: usize,
    pairs: Vec<(usize, usize)>,
}

impl Swaps {
    fn of(categories: usize) -> Self {
        let pairs = (0..categories).flat_map(|c| (0..c).map(move |j| (j, c)));
        Self { categories, pairs: std::iter::once((0, 0)).chain(pairs).collect() }
    }

    /// The sample of every swap of the noise `[S, B, D, K]`: `[swaps · S, B, D, K]`.
    fn samples(&self, theta: Tensor<4>, exponential: Tensor<4>) -> Tensor<4> {
        let gumbel = exponential.log().neg();
        let one = |&(c, j): &(usize, usize)| {
            let mut order: Vec<i64> = (0..self.categories as i64).collect();
            order.swap(c, j);
            let order = Tensor::<1, Int>::from_ints(order.as_slice(), &gumbel.device());
            let keys = theta.clone() + gumbel.clone().select(3, order);
            one_hot_argmax(keys)
        };
        Tensor::cat(self.pairs.iter().map(one).collect(), 0)
    }

    /// The loss of each swap less that without a swap, `[S, B, K, K]`, from the losses `[swaps · S, B]`.
    fn table(&self, losses: Tensor<2>) -> Tensor<4> {
        let ([all, rows], k) = (losses.dims(), self.categories);
        let losses = losses.reshape([self.pairs.len(), all / self.pairs.len(), rows]);
        let gains = losses.clone() - losses.narrow(0, 0, 1);
        // The places of the pairs in their list.
        let place =
            |c: usize, j: usize| if c == j { 0 } else { 1 + c.max(j) * (c.max(j) - 1) / 2 + c.min(j) };
        let places: Vec<i64> = (0..k * k).map(|at| place(at / k, at % k) as i64).collect();
        let places = Tensor::<1, Int>::from_ints(places.as_slice(), &gains.device());
        gains.select(0, places).reshape([k, k, all / self.pairs.len(), rows]).permute([2, 3, 0, 1])
    }
}

/// The cotangent `[B, D, K]` of logits `[1, B, D, K]`, by a table of losses `[S, B, K, K]` and the noise.
fn merge(theta: Tensor<4>, table: Tensor<4>, exponential: Tensor<4>) -> Tensor<3> {
    let dtype = theta.dtype();
    let open = masked(&theta).bool_not().float().cast(dtype);
    let share = open.clone() / open.clone().sum_dim(3);
    let waiting = exponential * open.clone();
    // 1/K − π, and 0 at masks.
    let weight = share.clone() - waiting.clone() / waiting.sum_dim(3);
    let mean = ops::rows_times(share.expand(weight.shape()), table.clone());
    let constant = (mean * weight.clone()).sum_dim(3);
    let slope = (ops::rows_times(weight, table) - constant) * open;
    slope.mean_dim(0).squeeze_dim(0)
}

impl Estimator for Arsm {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(self.draws)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let [rows, latents, categories] = logits.dims();
            let device = logits.device().inner();
            let exponential: Tensor<4> = noise.exponential([self.draws, rows, latents, categories], &device);
            let exponential = exponential.cast(at_least_single(logits.clone()).dtype());
            let exponential = tracked_as(exponential, &logits);
            self.with_exponential(logits, objective, exponential)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("arsm").evaluating(SWAPS),
    title: "swaps of Dirichlet noise",
    papers: &[YIN],
    place: "section 2",
    parameters: &[Parameter {
        name: "samples",
        default: "1",
        range: "a number of draws S, at least 1, of K(K-1)/2+1 evaluations each",
    }],
    source: include_str!("arsm.rs"),
    make: |given| boxed(Arsm::new(given.read("samples")?)),
};

const YIN: Paper = Paper {
    key: "yin2019arsm",
    authors: "Mingzhang Yin and Yuguang Yue and Mingyuan Zhou",
    title: "ARSM: Augment-REINFORCE-Swap-Merge Estimator for Gradient Backpropagation Through Categorical Variables",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2019,
};
