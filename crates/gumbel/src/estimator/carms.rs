use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Sample, Venue, boxed,
    prepared,
};
use super::parts::host::{self, LogProbs};
use super::parts::pairwise;
use crate::tensor::numbers;
use crate::{Error, Noise};
use burn::tensor::Tensor;

/// CARMS: any number of categorical samples, each pair of them antithetic, by a Dirichlet copula.
///
/// ```text
/// ĝ = 1 / (S (S − 1)) Σ_{s<t} ρ_st (f_s − f_t)(z_s − z_t), latent by latent,   ρ_st = q(z_s) q(z_t) / P(z_s, z_t),
/// z_s the category on whose interval u_s = (1 − d_s)^(S−1) falls,   d ~ Dirichlet(1, …, 1),
/// the intervals laid along (0, 1) in an arrangement drawn for all S: of two random categories the rarer first, the
/// other last
/// ```
///
/// - **Bias**: none; exactly zero for a constant f.
/// - **Cost**: S ≥ 2 evaluations of f, and K (K − 1) / 2 arrangements of a latent for the P of each pair that occurs; no
///   gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: few latents of few categories, with more than two samples. For K = 2 it is arms.
/// - **Avoid when**: there are many categories, where P is expensive and most arrangements say little about a pair; or
///   S = 2, where coupled has less variance.
/// - **Choices**: P is the exact mean over all arrangements, never over some draws of them (the default of the authors'
///   code), which is unbiased only in the limit. Any two categories are both at the ends in one arrangement, so every
///   pair has a positive probability and a finite ρ. That the rarer comes first, as in arms, and that the others follow
///   from the rarest on, is our choice.
/// - **Source**: Dimitriev and Zhou 2021, section 3, the form by inverse distribution functions.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Carms, Estimator, Objective};
/// // Two samples of two equal categories are opposite: E f is exact, whatever the noise.
/// let logits = Tensor::<3>::zeros([1, 1, 2], &Device::flex());
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = Carms::new(2)?.estimate(logits, &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// assert_eq!(estimate.loss.into_scalar::<f32>(), 0.5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carms {
    samples: usize,
}

impl Carms {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// Fewer than two samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: ENTRY.properties.at_least(2, samples)? })
    }

    /// The estimate from given one-hot samples `[S, B, D, K]`: a pure function of them.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let log_probs = LogProbs::of(&logits)?;
        let ([rows, latents, _], n) = (logits.dims(), self.samples);
        let picks = host::picks(z.clone().permute([1, 2, 0, 3]));
        let scale = 1.0 / (n * (n - 1)) as f64;
        let ratios = |(log_p, picks): (&[f64], &[usize])| PairDistribution::of(log_p, n).ratios(picks);
        let ratios = log_probs.latents().zip(picks.chunks(n)).flat_map(ratios);
        let weights = ratios.map(|ratio| scale * ratio).collect();
        let weights = host::tensor(weights, [rows, latents, n, n], &logits).permute([2, 3, 0, 1]);
        let evaluation = Evaluation::at(Sample::hard(z.clone()), objective);
        let cotangent = pairwise::cotangent(z, evaluation.losses.clone(), weights);
        Ok(evaluation.estimate(logits, cotangent))
    }
}

/// The joint distribution of a pair of samples of a latent.
///
/// Categories are counted from the rarest on. An arrangement has two of them, `i < j`, at its ends, i first, and the
/// others between them in that order.
struct PairDistribution {
    order: Vec<usize>,
    p: Vec<f64>,
    /// The probability of all rarer ones.
    before: Vec<f64>,
    /// S − 1.
    power: i32,
}

impl PairDistribution {
    fn of(log_p: &[f64], samples: usize) -> Self {
        let mut order: Vec<usize> = (0..log_p.len()).collect();
        order.sort_by(|&a, &b| log_p[a].total_cmp(&log_p[b]));
        let p: Vec<f64> = order.iter().map(|&c| log_p[c].exp()).collect();
        let sum = |total: &mut f64, p: &f64| Some(std::mem::replace(total, *total + p));
        let before = p.iter().scan(0.0, sum).collect();
        Self { order, p, before, power: samples as i32 - 1 }
    }

    /// One for every two categories that are not masked.
    fn arrangements(&self) -> impl Iterator<Item = (usize, usize)> {
        let masked = self.p.iter().filter(|&&p| p == 0.0).count();
        (masked..self.p.len()).flat_map(move |j| (masked..j).map(move |i| (i, j)))
    }

    /// Where category `c` lies in an arrangement.
    fn interval(&self, (i, j): (usize, usize), c: usize) -> [f64; 2] {
        if c == i {
            return [0.0, self.p[i]];
        }
        if c == j {
            return [1.0 - self.p[j], 1.0];
        }
        let moved = if c < i { self.p[i] } else { 0.0 } - if c > j { self.p[j] } else { 0.0 };
        let start = self.before[c] + moved;
        [start, start + self.p[c]]
    }

    /// The category at `u` in an arrangement.
    fn at(&self, (i, j): (usize, usize), u: f64) -> usize {
        let between = (0..self.p.len()).filter(|&c| c != i && c != j);
        let mut along = std::iter::once(i).chain(between);
        along.find(|&c| u < self.interval((i, j), c)[1]).unwrap_or(j)
    }

    /// ρ of every two of these samples, `[S, S]`; 0 for twice the same category, whose difference is 0.
    fn ratios(&self, picks: &[usize]) -> Vec<f64> {
        let place = |pick: &usize| self.order.iter().position(|c| c == pick).expect("a category");
        let places: Vec<usize> = picks.iter().map(place).collect();
        let (total, count) = (self.totals(&places), self.arrangements().count() as f64);
        let ratio = |&a: &usize, &b: &usize| {
            let product = self.p[a] * self.p[b];
            // A pair whose probability underflows in double precision is never drawn.
            if a == b || product == 0.0 { 0.0 } else { count * product / total[a.min(b)][a.max(b)] }
        };
        places.iter().flat_map(|a| places.iter().map(move |b| ratio(a, b))).collect()
    }

    /// Over the arrangements, the sum of the probabilities that two samples are `a < b`, of categories that occur.
    fn totals(&self, places: &[usize]) -> Vec<Vec<f64>> {
        let count = self.p.len();
        let seen: Vec<usize> = (0..count).filter(|place| places.contains(place)).collect();
        let (mut total, mut roots) = (vec![vec![0.0; count]; count], vec![[0.0; 2]; count]);
        for ends in self.arrangements() {
            seen.iter().for_each(|&c| roots[c] = self.interval(ends, c).map(|x| self.root(x)));
            for (at, &b) in seen.iter().enumerate() {
                for &a in &seen[..at] {
                    let at_ends = ends == (a, b);
                    total[a][b] +=
                        if at_ends { self.meet_at_ends(a, b) } else { self.meet(roots[a], roots[b]) };
                }
            }
        }
        total
    }

    fn root(&self, x: f64) -> f64 {
        match self.power {
            1 => x,
            2 => x.sqrt(),
            3 => x.cbrt(),
            n => x.powf(1.0 / f64::from(n)),
        }
    }

    /// The probability that two samples fall into two intervals, by the roots of their ends.
    fn meet(&self, [left, above_left]: [f64; 2], [right, above_right]: [f64; 2]) -> f64 {
        let below = |x: f64, y: f64| (x + y - 1.0).max(0.0).powi(self.power);
        let both = below(above_left, above_right) + below(left, right);
        (both - below(left, above_right) - below(above_left, right)).max(0.0)
    }

    /// That probability at the ends, `p_a − max(p_a^(1/n) + (1 − p_b)^(1/n) − 1, 0)^n` with n = S − 1, to relative
    /// precision, so that it stays positive.
    fn meet_at_ends(&self, a: usize, b: usize) -> f64 {
        let n = f64::from(self.power);
        let short = ((-self.p[b]).ln_1p() / n).exp_m1() / self.root(self.p[a]);
        if short <= -1.0 { self.p[a] } else { -self.p[a] * (n * short.ln_1p()).exp_m1() }
    }
}

/// The categories of jointly antithetic samples, `[S]`, by exponential noise `[S]` and a uniform number.
fn draw(pair: &PairDistribution, exponential: &[f64], uniform: f64) -> Vec<usize> {
    let arrangements: Vec<_> = pair.arrangements().collect();
    let Some(&ends) = arrangements.get((uniform * arrangements.len() as f64) as usize) else {
        return vec![pair.order[pair.order.len() - 1]; exponential.len()];
    };
    let total: f64 = exponential.iter().sum();
    let at = |s: usize| {
        // 1 − d as the sum of the others, not as a difference: small ones keep their digits.
        let others: f64 = exponential[..s].iter().chain(&exponential[s + 1..]).sum();
        pair.order[pair.at(ends, (others / total).powi(pair.power))]
    };
    (0..exponential.len()).map(at).collect()
}

impl Estimator for Carms {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(self.samples)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            ENTRY.properties.check(objective)?;
            let log_probs = LogProbs::of(&logits)?;
            let ([rows, latents, _], n, device) = (logits.dims(), self.samples, logits.device().inner());
            let exponential = numbers::<3>(noise.exponential([rows, latents, n], &device));
            let uniform = numbers::<2>(noise.uniform([rows, latents], &device));
            let noises = exponential.chunks(n).zip(uniform);
            let latent = |(log_p, (exponential, uniform)): (&[f64], (&[f64], f64))| {
                draw(&PairDistribution::of(log_p, n), exponential, uniform)
            };
            let picks: Vec<usize> = log_probs.latents().zip(noises).flat_map(latent).collect();
            let z = host::one_hot(&picks, [rows, latents, n], &logits).permute([2, 0, 1, 3]);
            self.with_samples(logits, objective, z)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("carms").on_host(),
    title: "jointly antithetic samples of categories",
    papers: &[DIMITRIEV],
    place: "section 3",
    parameters: &[Parameter { default: "4", ..Parameter::SEVERAL }],
    source: include_str!("carms.rs"),
    make: |given| boxed(Carms::new(given.read("samples")?)),
};

const DIMITRIEV: Paper = Paper {
    key: "dimitriev2021carms",
    authors: "Aleksandar Dimitriev and Mingyuan Zhou",
    title: "CARMS: Categorical-Antithetic-REINFORCE Multi-Sample Gradient Estimator",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2021,
};
