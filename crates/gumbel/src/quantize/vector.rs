//! Vector quantisation: a codebook that is learned.

use super::gradient::CodeGradient;
use super::k_means::{KMeans, Totals, distinct, k_means};
use super::parameter::{precise, replace, set};
use super::quantized::{
    Assigned, Assignments, Quantized, Term, Vectors, choose, columns, mean_square, outer,
};
use super::space::CodeSpace;
use crate::checked::{at_least_one, not_negative, positive};
use crate::tensor::{at_least_single, numbers};
use crate::{Error, Noise};
use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

const OWNER: &str = "vector quantiser";

/// How a codebook learns.
///
/// ```
/// use gumbel::quantize::{CodebookLearning, VectorQuantizerConfig};
/// assert_eq!(VectorQuantizerConfig::new(8, 2).learning, CodebookLearning::MovingAverage);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CodebookLearning {
    /// By [`adapt`](VectorQuantizer::adapt): each code is the moving average of the inputs that it was assigned (van den
    /// Oord et al. 2017, appendix A.1). An optimiser leaves the codes alone.
    #[default]
    MovingAverage,
    /// By the optimiser: the codebook loss `|sg(x) − c|²` is among the auxiliary losses (van den Oord et al. 2017, eq. 3).
    /// [`adapt`](VectorQuantizer::adapt) counts use, and revives codes.
    Gradient,
    /// Not at all. [`adapt`](VectorQuantizer::adapt) counts use.
    Fixed,
}

/// Options of a [`VectorQuantizer`].
///
/// ```
/// use gumbel::quantize::{CodeGradient, VectorQuantizerConfig};
/// let config = VectorQuantizerConfig { gradient: CodeGradient::Rotation, ..VectorQuantizerConfig::new(512, 64) };
/// assert_eq!((config.commitment, config.decay), (0.25, 0.99));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorQuantizerConfig {
    /// K, the number of codes.
    pub codes: usize,
    /// W, the width of a code.
    pub width: usize,
    /// Where codes lie and inputs are placed.
    #[serde(default)]
    pub space: CodeSpace,
    /// The gradient that inputs receive.
    pub gradient: CodeGradient,
    /// How the codebook learns.
    pub learning: CodebookLearning,
    /// Weight of the commitment loss, the mean of `(x − sg(c))²` over all elements: β, 0.25 in the paper.
    pub commitment: f64,
    /// Weight of the codebook loss, the mean of `(sg(x) − c)²`, for codes that learn by gradient.
    pub codebook: f64,
    /// Decay of the moving averages per call of [`adapt`](VectorQuantizer::adapt): γ, 0.99 in the paper.
    pub decay: f64,
    /// Laplace smoothing of the moving counts: ε.
    pub smoothing: f64,
    /// A code whose moving count is below this number of inputs per call of [`adapt`](VectorQuantizer::adapt) is dead, and
    /// replaced by a random input; 0 for none.
    pub revive_below: f64,
}

impl VectorQuantizerConfig {
    /// The defaults: Euclidean, straight-through, moving averages, nothing revived.
    pub fn new(codes: usize, width: usize) -> Self {
        Self {
            codes,
            width,
            space: CodeSpace::default(),
            gradient: CodeGradient::default(),
            learning: CodebookLearning::default(),
            commitment: 0.25,
            codebook: 1.0,
            decay: 0.99,
            smoothing: 1e-5,
            revive_below: 0.0,
        }
    }

    /// A quantiser with uniform codes between −1/K and 1/K, or on the sphere. [`initialize`](VectorQuantizer::initialize) it
    /// with the first batch, unless inputs are like that.
    ///
    /// # Errors
    /// An option out of its range.
    pub fn init(&self, device: &Device, noise: &mut Noise) -> Result<VectorQuantizer, Error> {
        let shape = [self.codes.max(1), self.width.max(1)];
        let reach = 1.0 / self.codes.max(1) as f64;
        self.build(match self.space {
            CodeSpace::Euclidean => noise.uniform::<2>(shape, device) * (2.0 * reach) - reach,
            CodeSpace::Sphere => noise.normal(shape, device),
        })
    }

    /// A quantiser with these codes, in their type; on the sphere, with their directions.
    ///
    /// # Shapes
    /// `codes` `[K, W]`.
    ///
    /// # Errors
    /// An option out of its range; a code that is NaN or infinite, or on the sphere zero.
    ///
    /// # Panics
    /// If the codes have another shape.
    pub fn init_with(&self, codes: Tensor<2>) -> Result<VectorQuantizer, Error> {
        let expected = [self.codes, self.width];
        assert!(codes.dims() == expected, "codes {expected:?} expected, got the shape {:?}", codes.dims());
        self.build(codes)
    }

    fn build(&self, codes: Tensor<2>) -> Result<VectorQuantizer, Error> {
        self.check()?;
        let codes = at_least_single(codes.detach());
        choose(&codes, &codes.clone().narrow(0, 0, 1))?; // refuses what is not finite
        let codes = self.space.place_codes(OWNER, codes)?;
        let counts = Tensor::ones([self.codes], (&codes.device(), codes.dtype()));
        let learned = self.learning == CodebookLearning::Gradient;
        Ok(VectorQuantizer {
            sums: Param::initialized(ParamId::new(), codes.clone()),
            codes: if learned {
                Param::from_tensor(codes)
            } else {
                Param::initialized(ParamId::new(), codes)
            },
            counts: Param::initialized(ParamId::new(), counts),
            config: self.clone(),
        })
    }

    fn check(&self) -> Result<(), Error> {
        at_least_one(OWNER, "codes", self.codes)?;
        at_least_one(OWNER, "width", self.width)?;
        not_negative(OWNER, "commitment", self.commitment)?;
        not_negative(OWNER, "codebook", self.codebook)?;
        not_negative(OWNER, "revive_below", self.revive_below)?;
        positive(OWNER, "smoothing", self.smoothing)?;
        if !(0.0..1.0).contains(&self.decay) {
            return Err(Error::parameter(OWNER, "decay", "from 0 to below 1", self.decay));
        }
        Ok(())
    }
}

/// A codebook, and what it takes to learn it: each input vector is replaced by the nearest of K codes.
///
/// ```text
/// c = codes[argmin_k |x − c_k|²],   commitment β |x − sg(c)|²,   sg: without a gradient
/// ```
///
/// Van den Oord, Vinyals and Kavukcuoglu 2017 (VQ-VAE); see [`CodeSpace`], [`CodeGradient`] and [`CodebookLearning`] for the
/// choices. On the sphere `x / |x|` takes the place of x everywhere.
///
/// Training calls [`quantize`](Self::quantize), which is a pure function, adds the [loss](Quantized::loss) to the
/// objective, and after the step of the optimiser calls [`adapt`](Self::adapt) with what `quantize` returned. Evaluation
/// calls [`encode`](Self::encode) and [`decode`](Self::decode). Nothing depends on a hidden mode, and only `adapt` and
/// [`initialize`](Self::initialize) change the quantiser. Codes, moving counts and moving sums are saved with the module; an
/// optimiser changes the codes only where they learn by gradient.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::quantize::{KMeans, VectorQuantizerConfig};
/// let (device, mut noise) = (Device::flex().autodiff(), Noise::from_seed(1));
/// let x = Tensor::<2>::from_floats([[0.0, 0.1], [0.1, 0.0], [2.0, 2.1], [2.1, 2.0]], &device).require_grad();
/// let mut quantizer = VectorQuantizerConfig::new(2, 2).init(&device, &mut noise)?;
/// quantizer.initialize(x.clone(), KMeans::default(), &mut noise)?;
/// let quantized = quantizer.quantize(x.clone())?; // training
/// let objective = quantized.values.clone().square().sum() + quantized.loss();
/// let gradient = x.grad(&objective.backward()).unwrap();
/// quantizer.adapt(&quantized.assignments, &mut noise)?;
/// let index = quantizer.encode(x)?; // evaluation
/// let value = quantizer.decode(index)?.narrow(0, 3, 1).into_data().try_to_vec::<f32>().unwrap();
/// assert!((value[0] - 2.05).abs() < 1e-4);
/// # assert_eq!(gradient.dims(), [4, 2]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "VQ-VAE")]
#[doc(alias = "EMA")]
#[derive(Module, Debug)]
pub struct VectorQuantizer {
    codes: Param<Tensor<2>>,
    /// Moving averages of the number of inputs of each code, and of their sums.
    counts: Param<Tensor<1>>,
    sums: Param<Tensor<2>>,
    #[module(skip)]
    config: VectorQuantizerConfig,
}

impl VectorQuantizer {
    /// The options.
    pub fn config(&self) -> &VectorQuantizerConfig {
        &self.config
    }

    /// The codes, `[K, W]`; with their graph if they learn by gradient.
    pub fn codes(&self) -> Tensor<2> {
        match self.config.learning {
            // An optimiser moves them off the sphere.
            CodebookLearning::Gradient => self.config.space.place(self.codes.val()),
            _ => self.codes.val(),
        }
    }

    /// The moving averages of the number of inputs of each code, `[K]`: 1 at first.
    pub fn counts(&self) -> Tensor<1> {
        self.counts.val().inner()
    }

    /// Places the codes by [k-means](k_means) of a batch, from which the moving averages then start.
    ///
    /// # Shapes
    /// `x` `[.., W]`.
    ///
    /// # Errors
    /// Fewer vectors than codes; a number that is NaN or infinite; on the sphere, vectors around a centre that cancel.
    ///
    /// # Panics
    /// If the width is another.
    pub fn initialize<const R: usize>(
        &mut self,
        x: Tensor<R>,
        how: KMeans,
        noise: &mut Noise,
    ) -> Result<(), Error> {
        let rows = Vectors::new(OWNER, x, self.config.width)?.rows.inner();
        let clusters = k_means(self.config.space.place(rows), self.config.codes, how, noise)?;
        let sums = clusters.centres.clone() * clusters.counts.clone().unsqueeze_dim::<2>(1);
        set(&mut self.codes, self.config.space.place_codes(OWNER, clusters.centres)?);
        set(&mut self.counts, clusters.counts);
        set(&mut self.sums, sums);
        Ok(())
    }

    /// **For training**: the nearest codes with a gradient, and the losses `commitment` and, where codes learn by gradient,
    /// `codebook`. Changes nothing.
    ///
    /// # Shapes
    /// `x` `[.., W]`; values `[.., W]`, indices `[.., 1]`.
    ///
    /// # Errors
    /// An input or a code that is NaN or infinite; no vector.
    ///
    /// # Panics
    /// If the width is another.
    pub fn quantize<const R: usize>(&self, x: Tensor<R>) -> Result<Quantized<R>, Error> {
        let vectors = Vectors::new(OWNER, x, self.config.width)?;
        let part = self.quantize_rows(vectors.rows.clone())?;
        let values = self.config.gradient.attach(part.inputs, part.codes);
        Ok(Quantized {
            values: vectors.values(values),
            indices: vectors.indices(vec![part.assigned.indices.clone()]),
            terms: part.terms,
            assignments: Assignments(vec![part.assigned]),
        })
    }

    /// The part of one codebook in a result.
    pub(super) fn quantize_rows(&self, x: Tensor<2>) -> Result<Part, Error> {
        let x = self.config.space.place(x);
        let codes = self.codes().cast(x.dtype());
        let indices = choose(&x, &codes)?;
        let chosen = codes.select(0, indices.clone());
        let fixed = chosen.clone().detach();
        let commitment = mean_square(x.clone(), fixed.clone());
        let mut terms = vec![Term::new("commitment", self.config.commitment, commitment)];
        if self.config.learning == CodebookLearning::Gradient {
            terms.push(Term::new("codebook", self.config.codebook, mean_square(x.clone().detach(), chosen)));
        }
        Ok(Part { codes: fixed, terms, assigned: Assigned::new(&x, indices), inputs: x })
    }

    /// **For training**, after the step: learns from the inputs that the codes were assigned, and revives dead codes by
    /// random inputs. Returns the number of codes revived.
    ///
    /// ```text
    /// n_k ← γ n_k + (1 − γ) |{x: c(x) = k}|,   m_k ← γ m_k + (1 − γ) Σ_{x: c(x) = k} x
    /// c_k = m_k / ñ_k,   ñ_k = (n_k + ε) / (n + K ε) · n,   n = Σ_k n_k
    /// ```
    ///
    /// On the sphere a code is the direction of that average, or stays where it is if the average is zero.
    /// Every replacement is another of the inputs. If there are fewer inputs than dead codes, some stay dead for this time.
    /// The moving count of a revived code is `revive_below`. Reads K numbers back from the device.
    ///
    /// # Errors
    /// None for the assignments of this quantiser.
    ///
    /// # Panics
    /// If the assignments are those of several codebooks, or of none.
    pub fn adapt(&mut self, assignments: &Assignments, noise: &mut Noise) -> Result<usize, Error> {
        self.adapt_to(&assignments.of(1)[0], noise)
    }

    pub(super) fn adapt_to(&mut self, assigned: &Assigned, noise: &mut Noise) -> Result<usize, Error> {
        let decay = self.config.decay;
        let new = Totals::of(&assigned.inputs, assigned.indices.clone(), self.config.codes);
        let counts = precise(&self.counts) * decay + new.counts * (1.0 - decay);
        set(&mut self.counts, counts.clone());
        if self.config.learning == CodebookLearning::MovingAverage {
            let sums = precise(&self.sums) * decay + new.sums * (1.0 - decay);
            let total = counts.clone().sum();
            let smoothed = (counts + self.config.smoothing)
                / (total.clone() + self.config.smoothing * self.config.codes as f64)
                * total;
            let means = sums.clone() / smoothed.unsqueeze_dim(1);
            let codes = self.config.space.moved(precise(&self.codes), means);
            set(&mut self.codes, codes);
            set(&mut self.sums, sums);
        }
        match self.config.learning {
            CodebookLearning::Fixed => Ok(0),
            _ => self.revive(&assigned.inputs, noise),
        }
    }

    fn revive(&mut self, inputs: &Tensor<2>, noise: &mut Noise) -> Result<usize, Error> {
        let least = self.config.revive_below;
        let counts = if least > 0.0 { numbers(self.counts()) } else { vec![] };
        let count = inputs.dims()[0];
        let dead = counts.iter().enumerate().filter(|&(_, &n)| n < least).map(|(k, _)| k as i64);
        let dead: Vec<i64> = dead.take(count).collect();
        if dead.is_empty() {
            return Ok(0);
        }
        let device = inputs.device();
        let chosen = distinct(count, dead.len(), noise)?;
        let list = |list: Vec<i64>| {
            let length = list.len();
            Tensor::<1, Int>::from_data(TensorData::new(list, [length]), &device)
        };
        let (revived, at) = (dead.len(), list(dead));
        let inputs = inputs.clone().select(0, list(chosen));
        replace(&mut self.codes, at.clone(), inputs.clone());
        replace(&mut self.sums, at.clone(), inputs * least);
        replace(&mut self.counts, at, Tensor::full([revived], least, &device));
        Ok(revived)
    }

    /// **For evaluation**: the indices of the nearest codes. Without a gradient.
    ///
    /// # Shapes
    /// `x` `[.., W]` to `[.., 1]`.
    ///
    /// # Errors
    /// Those of [`quantize`](Self::quantize).
    ///
    /// # Panics
    /// If the width is another.
    pub fn encode<const R: usize>(&self, x: Tensor<R>) -> Result<Tensor<R, Int>, Error> {
        let vectors = Vectors::new(OWNER, x, self.config.width)?;
        Ok(vectors.indices(vec![self.choose(vectors.rows.clone())?]))
    }

    /// The indices of the nearest codes, `[N]`.
    pub(super) fn choose(&self, x: Tensor<2>) -> Result<Tensor<1, Int>, Error> {
        choose(&self.config.space.place(x), &self.codes())
    }

    /// **For evaluation**: the codes of indices.
    ///
    /// # Shapes
    /// `indices` `[.., 1]` to `[.., W]`.
    ///
    /// # Errors
    /// An index out of range.
    ///
    /// # Panics
    /// If the last axis is not 1.
    pub fn decode<const R: usize>(&self, indices: Tensor<R, Int>) -> Result<Tensor<R>, Error> {
        let shape = indices.dims();
        let column = columns(OWNER, indices, &[self.config.codes])?.remove(0);
        Ok(outer(self.codes().select(0, column), shape))
    }
}

/// What a codebook contributes to a result: codes without a gradient, losses, and what to learn from.
pub(super) struct Part {
    /// Where they are placed.
    pub inputs: Tensor<2>,
    pub codes: Tensor<2>,
    pub terms: Vec<Term>,
    pub assigned: Assigned,
}
