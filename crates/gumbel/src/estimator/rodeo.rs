use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Evaluations, Objective, Paper, Parameter, Properties, Sample,
    State, Venue, boxed, prepared, repeat,
};
use super::parts::memory::{Memory, beside, ratio};
use super::parts::pairwise::mean_of_others;
use super::parts::{binary, inner};
use crate::tensor::numbers;
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Device, Tensor, activation};

/// A memory of about 100 steps.
const DECAY: f64 = 0.99;
/// The tensor of the sums of products in a state.
const PRODUCTS: &str = "products";
/// Their number: ab, ac, bb, bc and cc.
const PRODUCTS_LEN: usize = 5;

/// RODEO: RLOO with two control variates from a discrete Stein operator.
///
/// ```text
/// ĝ = (1/S) Σ_s [ (f_s − mean_{j≠s} (f_j + α (A h_j)(b_j))) (b_s − p) + β (A (h_s · (· − p)))(b_s) ],
/// (A h)(b) = (1/D) Σ_i q(bᵢ flipped | b) (h(b with bit i flipped) − h(b)),   E (A h)(b) = 0 for every h,
/// h_s(b) = mean_{j≠s} (f_j + ∇f(b_j)ᵀ (b − b_j)), a linear function through the other samples
/// ```
///
/// - **Bias**: none, for every α and β.
/// - **Cost**: 2S evaluations of f, S of them with ∇f.
/// - **Uses**: log-odds, values of f, ∇f at hard samples.
/// - **Good for**: binary latents and a smooth f.
/// - **Avoid when**: the gradient of f at vertices says nothing about its differences.
/// - **Choices**: h is the linear function itself, where the authors add a small network to it. The flips are then a
///   product (h is linear, so all D of them cost one), and α and β the solution of two linear equations, learned from
///   earlier steps.
/// - **Source**: Shi, Zhou, Hwang, Titsias and Mackey 2022, sections 3 and 4.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Rodeo};
/// use gumbel::{Noise, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = Rodeo::new(2)?;
/// let logits = Tensor::<2>::from_floats([[0.0, 1.0]], &Device::flex());
/// let measured = measure(&mut estimator, logits, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.1966).abs() < 0.01); // p (1 − p)
/// assert!(measured.bias.expect("enumerable").z().abs() < 4.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rodeo {
    samples: usize,
    /// Sums of products, of the plain estimate a and the two control variates b and c: ab, ac, bb, bc, cc.
    products: Memory,
    fixed: Option<[f64; 2]>,
}

impl Rodeo {
    /// With `samples` samples per row, and learned coefficients.
    ///
    /// # Errors
    /// Fewer than two samples: there is no other to take a gradient at.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self {
            samples: ENTRY.properties.at_least(2, samples)?,
            products: Memory::new(vec![0.0; PRODUCTS_LEN]),
            fixed: None,
        })
    }

    /// The same estimator with fixed α and β.
    #[must_use]
    pub fn with_coefficients(self, coefficients: [f64; 2]) -> Self {
        Self { fixed: Some(coefficients), ..self }
    }

    /// α and β of the next estimate; 0 until something has been learned. Waits for the device that they are on.
    pub fn coefficients(&self) -> [f64; 2] {
        let on_host = || self.learned(&Device::flex()).map(|coefficient| numbers(coefficient)[0]);
        self.fixed.unwrap_or_else(on_host)
    }

    /// α and β `[1]` on a device. Where the two control variates are parallel up to rounding, the first alone.
    fn learned(&self, device: &Device) -> [Tensor<1>; 2] {
        let products = self.products.on(device);
        let [ab, ac, bb, bc, cc] = [0, 1, 2, 3, 4].map(|place| products.clone().narrow(0, place, 1));
        let of = |a: &Tensor<1>, b: &Tensor<1>| a.clone() * b.clone();
        let determinant = of(&bb, &cc) - of(&bc, &bc);
        let both = determinant.clone().greater(of(&bb, &cc) * 1e-6);
        let alone = ratio(ab.clone().neg(), bb.clone());
        let first = ratio(of(&bc, &ac) - of(&cc, &ab), determinant.clone());
        let second = ratio(of(&bc, &ab) - of(&bb, &ac), determinant);
        [alone.mask_where(both.clone(), first), second.mask_fill(both.bool_not(), 0.0)]
    }

    /// The estimate `a + α b + β c`.
    fn combined(&self, [plain, scalar, vector]: [Tensor<2>; 3]) -> Tensor<2> {
        match self.fixed {
            Some([alpha, beta]) => plain + scalar * alpha + vector * beta,
            None => {
                let [alpha, beta] = self.learned(&plain.device()).map(|learned| beside(learned, &plain));
                plain + scalar * alpha + vector * beta
            }
        }
    }

    /// The estimate from given bits `[S, B, D]`: a pure function of them.
    ///
    /// # Errors
    /// A reduction other than a mean; more than two categories.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        bits: Tensor<3>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let p = activation::sigmoid(binary::log_odds(&ENTRY.properties, &logits)?).unsqueeze::<3>();
        let sample = Sample::hard(binary::one_hot(bits.clone()));
        let (values, slopes) = inner::gradient(objective, sample.clone());
        // Along a bit: from the first category to the second.
        let slopes = (slopes.clone().narrow(3, 1, 1) - slopes.narrow(3, 0, 1)).squeeze_dim::<3>(3);
        let terms = terms(bits, p, values, slopes);
        let statistics = products(&terms);
        let slope = self.combined(terms);
        let evaluation = Evaluation::at(sample, objective);
        Ok(evaluation.estimate(logits, binary::cotangent(slope)).with_statistics(statistics))
    }
}

/// ab, ac, bb, bc and cc of one estimate, `[5]`.
fn products([a, b, c]: &[Tensor<2>; 3]) -> Tensor<1> {
    let pairs = [(a, b), (a, c), (b, b), (b, c), (c, c)];
    Tensor::cat(pairs.map(|(left, right)| (left.clone() * right.clone()).sum()).to_vec(), 0)
}

/// The plain leave-one-out estimate and the terms that α and β multiply, `[B, D]` each, from bits `[S, B, D]`, their
/// probabilities `[1, B, D]`, the losses `[S, B]` and their slopes `[S, B, D]`.
fn terms(bits: Tensor<3>, p: Tensor<3>, values: Tensor<2>, slopes: Tensor<3>) -> [Tensor<2>; 3] {
    let latents = bits.dims()[2] as f64;
    let score = bits.clone() - p;
    let slope = mean_of_others(slopes.clone());
    // Flipping bit i moves a linear function by its slope, and q(flipped) (1 − 2 bᵢ) is −(bᵢ − pᵢ).
    let stein = (score.clone() * slope.clone()).sum_dim(2).neg() / latents;
    let along = |weights: Tensor<3>| (weights * score.clone()).mean_dim(0).squeeze_dim::<2>(0);
    let values = values.unsqueeze_dim::<3>(2);
    let plain = along(values.clone() - mean_of_others(values.clone()));
    let scalar = along(mean_of_others(stein.clone())).neg();
    // The linear function of the others at one's own bits, and with one of them flipped.
    let intercept = values - (slopes * bits.clone()).sum_dim(2);
    let linear = mean_of_others(intercept) + (slope.clone() * bits.clone()).sum_dim(2);
    let flipped = linear + slope * (bits * -2.0 + 1.0);
    let vector = along(stein.expand(flipped.shape()) - flipped / latents);
    [plain, scalar, vector]
}

impl Estimator for Rodeo {
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
            binary::check(&ENTRY.properties, &logits)?;
            let z = sample_one_hot(repeat(logits.clone().detach(), self.samples), noise)?;
            self.with_samples(logits, objective, z.narrow(3, 1, 1).squeeze_dim(3))
        })
    }

    fn join(&self, parts: &[Estimate]) -> Result<Estimate, Error> {
        Ok(Estimate::joined(parts, PRODUCTS_LEN))
    }

    fn adapt(&mut self, last: &Estimate) {
        // Numbers that overflowed are ignored.
        last.statistics.iter().for_each(|statistics| self.products.decay(DECAY, statistics.clone()));
    }

    fn state(&self) -> State {
        State::new().with(PRODUCTS, self.products.numbers())
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[PRODUCTS])?;
        self.products = Memory::load(state, PRODUCTS, PRODUCTS_LEN)?;
        Ok(())
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("rodeo")
        .binary()
        .differentiating_inside()
        .evaluating(Evaluations::TWICE),
    title: "leave-one-out with discrete Stein control variates",
    papers: &[SHI],
    place: "section 4",
    parameters: &[Parameter::SEVERAL],
    source: include_str!("rodeo.rs"),
    make: |given| boxed(Rodeo::new(given.read("samples")?)),
};

const SHI: Paper = Paper {
    key: "shi2022gradient",
    authors: "Jiaxin Shi and Yuhao Zhou and Jessica Hwang and Michalis K. Titsias and Lester Mackey",
    title: "Gradient Estimation with Discrete Stein Operators",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2022,
};
