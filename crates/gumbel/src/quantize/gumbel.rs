//! Gumbel-VQ: a code sampled from logits, with a gradient through the relaxed sample.

use super::entropy::{diversity, entropy_of_rows};
use super::quantized::{Assignments, Quantized, Term, Vectors, columns, outer};
use crate::checked::{at_least_one, not_negative, positive};
use crate::tensor::one_hot_argmax;
use crate::{Error, Noise, Schedule, gumbel_softmax, straight_through_gumbel_softmax};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, activation};
use serde::{Deserialize, Serialize};

const OWNER: &str = "Gumbel quantiser";

/// Options of a [`GumbelQuantizer`].
///
/// ```
/// use gumbel::quantize::GumbelQuantizerConfig;
/// assert_eq!(GumbelQuantizerConfig::new(8, 2).tau.at(0), 1.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GumbelQuantizerConfig {
    /// K, the number of codes.
    pub codes: usize,
    /// W, the width of a code.
    pub width: usize,
    /// The temperature at each step.
    pub tau: Schedule,
    /// Weight of the loss `entropy`: the mean of `ln K − H(softmax θ)`, the divergence of each choice from an equal one. Positive,
    /// it is the KL term of a discrete VAE and keeps choices open.
    pub entropy: f64,
    /// Weight of the loss `diversity`: `ln K − H(mean of softmax θ)`. Positive, it keeps all codes in use.
    pub diversity: f64,
}

impl GumbelQuantizerConfig {
    /// The defaults: a temperature from 1 to 1/16 as a cosine over 30 000 steps; no losses.
    pub fn new(codes: usize, width: usize) -> Self {
        let tau = Schedule::Cosine { start: 1.0, end: 0.0625, steps: 30_000 };
        Self { codes, width, tau, entropy: 0.0, diversity: 0.0 }
    }

    /// A quantiser with normal codes of variance 1/W.
    ///
    /// # Errors
    /// An option out of its range.
    pub fn init(&self, device: &Device, noise: &mut Noise) -> Result<GumbelQuantizer, Error> {
        let shape = [self.codes.max(1), self.width.max(1)];
        self.build(noise.normal::<2>(shape, device) * (shape[1] as f64).sqrt().recip())
    }

    /// A quantiser with these codes.
    ///
    /// # Shapes
    /// `codes` `[K, W]`.
    ///
    /// # Errors
    /// An option out of its range; a code that is NaN or infinite.
    ///
    /// # Panics
    /// If the codes have another shape.
    pub fn init_with(&self, codes: Tensor<2>) -> Result<GumbelQuantizer, Error> {
        let expected = [self.codes, self.width];
        assert!(codes.dims() == expected, "codes {expected:?} expected, got the shape {:?}", codes.dims());
        self.build(codes)
    }

    fn build(&self, codes: Tensor<2>) -> Result<GumbelQuantizer, Error> {
        at_least_one(OWNER, "codes", self.codes)?;
        at_least_one(OWNER, "width", self.width)?;
        not_negative(OWNER, "entropy", self.entropy)?;
        not_negative(OWNER, "diversity", self.diversity)?;
        Vectors::finite(OWNER, codes.clone(), self.width)?;
        Ok(GumbelQuantizer { codes: Param::from_tensor(codes.detach()), config: self.clone() })
    }
}

/// A codebook from which codes are drawn by logits, by [`gumbel_softmax`] or its straight-through form.
///
/// ```text
/// value = Σ_k z_k c_k,   z = a Gumbel-Softmax sample of θ at the temperature of the step
/// ```
///
/// Baevski, Schneider and Auli 2020 (vq-wav2vec); Ramesh et al. 2021 (DALL-E). An encoder gives the logits, or
/// [`distance_logits`](Self::distance_logits) makes them of vectors. The codes learn by the gradient; there is nothing to
/// adapt. Losses, both at least 0: `entropy` and `diversity`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::quantize::GumbelQuantizerConfig;
/// let book = Tensor::<2>::from_floats([[0.0], [1.0]], &Device::flex());
/// let quantizer = GumbelQuantizerConfig::new(2, 1).init_with(book)?;
/// let logits = Tensor::<2>::from_floats([[0.0, 3f32.ln()]], &Device::flex()).repeat_dim(0, 10_000);
/// let drawn = quantizer.quantize(logits, 0, &mut Noise::from_seed(1))?.values.mean().into_scalar::<f32>();
/// assert!((drawn - 0.75).abs() < 4.0 * 0.00433); // the standard error of 10 000 draws
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "Gumbel-VQ")]
#[doc(alias = "dVAE")]
#[derive(Module, Debug)]
pub struct GumbelQuantizer {
    codes: Param<Tensor<2>>,
    #[module(skip)]
    config: GumbelQuantizerConfig,
}

impl GumbelQuantizer {
    /// The options.
    pub fn config(&self) -> &GumbelQuantizerConfig {
        &self.config
    }

    /// The codes, `[K, W]`, with their graph.
    pub fn codes(&self) -> Tensor<2> {
        self.codes.val()
    }

    /// Logits by distance, `−|x − c|² / scale`: differentiable in the vectors and the codes. Makes a tensor of N × K × W.
    ///
    /// # Shapes
    /// `x` `[.., W]` to `[.., K]`.
    ///
    /// # Errors
    /// A scale that is not positive and finite; an input that is NaN or infinite; no vector.
    ///
    /// # Panics
    /// If the width is another.
    pub fn distance_logits<const R: usize>(&self, x: Tensor<R>, scale: f64) -> Result<Tensor<R>, Error> {
        positive(OWNER, "scale", scale)?;
        let vectors = Vectors::finite(OWNER, x, self.config.width)?;
        let codes = self.codes().cast(vectors.rows.dtype());
        let gaps = vectors.rows.clone().unsqueeze_dim::<3>(1) - codes.unsqueeze_dim::<3>(0);
        let squares: Tensor<2> = gaps.square().sum_dim(2).squeeze_dim(2);
        Ok(vectors.values(crate::tensor::over(squares.neg(), scale)))
    }

    /// **For training**: codes drawn from logits, **hard**, with the gradient of the soft sample; and the losses `entropy` and
    /// `diversity`.
    ///
    /// # Shapes
    /// `logits` `[.., K]`; values `[.., W]`, indices `[.., 1]`. Uses one number of the noise per logit.
    ///
    /// # Errors
    /// Those of [`gumbel_softmax`]; no vector.
    ///
    /// # Panics
    /// If the last axis is not the number of codes.
    pub fn quantize<const R: usize>(
        &self,
        logits: Tensor<R>,
        step: u64,
        noise: &mut Noise,
    ) -> Result<Quantized<R>, Error> {
        self.draw(logits, |logits| straight_through_gumbel_softmax(logits, self.config.tau.at(step), noise))
    }

    /// **For training**: **soft** mixtures of codes; the indices are those of [`quantize`](Self::quantize) for the same noise.
    ///
    /// # Shapes
    /// `logits` `[.., K]`; values `[.., W]`, indices `[.., 1]`. Uses one number of the noise per logit.
    ///
    /// # Errors
    /// Those of [`gumbel_softmax`]; no vector.
    ///
    /// # Panics
    /// If the last axis is not the number of codes.
    pub fn quantize_soft<const R: usize>(
        &self,
        logits: Tensor<R>,
        step: u64,
        noise: &mut Noise,
    ) -> Result<Quantized<R>, Error> {
        self.draw(logits, |logits| gumbel_softmax(logits, self.config.tau.at(step), noise))
    }

    fn draw<const R: usize>(
        &self,
        logits: Tensor<R>,
        sample: impl FnOnce(Tensor<2>) -> Result<Tensor<2>, Error>,
    ) -> Result<Quantized<R>, Error> {
        let vectors = Vectors::new(OWNER, logits, self.config.codes)?;
        let z = sample(vectors.rows.clone())?;
        let index = z.clone().inner().argmax(1).squeeze_dim(1);
        let log_q = activation::log_softmax(vectors.rows.clone(), 1);
        let most = (self.config.codes as f64).ln();
        let open = entropy_of_rows(log_q.clone()).mean().neg() + most;
        let terms = vec![
            Term::new("entropy", self.config.entropy, open),
            Term::new("diversity", self.config.diversity, diversity(log_q.exp())),
        ];
        let codes = self.codes().cast(z.dtype());
        Ok(Quantized {
            values: vectors.values(z.matmul(codes)),
            indices: vectors.indices(vec![index]),
            terms,
            assignments: Assignments::default(),
        })
    }

    /// **For evaluation**: the most probable codes. Without a gradient.
    ///
    /// # Shapes
    /// `logits` `[.., K]` to `[.., 1]`.
    ///
    /// # Errors
    /// NaN or `+inf` among the logits; a row with every category masked; no vector.
    ///
    /// # Panics
    /// If the last axis is not the number of codes.
    pub fn encode<const R: usize>(&self, logits: Tensor<R>) -> Result<Tensor<R, Int>, Error> {
        let vectors = Vectors::new(OWNER, logits, self.config.codes)?;
        crate::ops::check_logits(&vectors.rows)?;
        let index = one_hot_argmax(vectors.rows.clone().inner()).argmax(1).squeeze_dim(1);
        Ok(vectors.indices(vec![index]))
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
