//! Binary quantisation: the sign of each coordinate, on a cube (LFQ) or a sphere (BSQ).

use super::entropy::diversity;
use super::gradient::polar;
use super::quantized::{Assignments, Quantized, Term, Vectors, columns, mean_square, outer};
use crate::checked::{at_least_one, not_negative, positive};
use crate::tensor::attach;
use crate::{Error, ops};
use burn::module::Module;
use burn::tensor::{DType, Int, Tensor, activation};
use serde::{Deserialize, Serialize};

const OWNER: &str = "binary quantiser";
/// Bits of a group: its codes are enumerated.
const MOST: usize = 16;

/// Where the codes of a [`BinaryQuantizer`] lie.
///
/// ```
/// use gumbel::quantize::{BinaryQuantizerConfig, BinarySpace};
/// assert_eq!(BinaryQuantizerConfig::spherical(18).space, BinarySpace::Sphere);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BinarySpace {
    /// `{−1, 1}^W`: lookup-free quantisation (LFQ; Yu et al. 2024, MAGVIT-v2).
    Cube,
    /// `{−1/√W, 1/√W}^W`, nearest to `x / |x|`: binary spherical quantisation (BSQ; Zhao, Xiong and Krähenbühl 2024). The
    /// error of quantisation is bounded.
    Sphere,
}

/// Options of a [`BinaryQuantizer`].
///
/// ```
/// use gumbel::quantize::BinaryQuantizerConfig;
/// let config = BinaryQuantizerConfig::spherical(36);
/// assert_eq!(config.group, 12); // three indices of 12 bits
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinaryQuantizerConfig {
    /// W, the number of bits.
    pub width: usize,
    /// Bits of an index, which divide the width: G = width / group. The loss `diversity` is exact within a group and treats
    /// groups as independent.
    pub group: usize,
    /// Where the codes lie.
    pub space: BinarySpace,
    /// β of the soft choice `softmax(−β |x − c|²)` over all codes, whose entropies are losses.
    pub inverse_temperature: f64,
    /// Weight of the loss `commitment`, the mean of `(x − sg(c))²`.
    pub commitment: f64,
    /// Weight of the loss `entropy`, the mean entropy of the soft choices: low if choices are decided.
    pub entropy: f64,
    /// Weight of the loss `diversity`, `W ln 2` less the entropy of the mean soft choice: low if all codes are used.
    pub diversity: f64,
}

impl BinaryQuantizerConfig {
    /// LFQ: codes on a cube, the entropies with weight 0.1 at β = 100, commitment 0.25.
    pub fn lookup_free(width: usize) -> Self {
        Self {
            width,
            group: (1..=MOST).rev().find(|group| width.is_multiple_of(*group)).unwrap_or(1),
            space: BinarySpace::Cube,
            inverse_temperature: 100.0,
            commitment: 0.25,
            entropy: 0.1,
            diversity: 0.1,
        }
    }

    /// BSQ: codes on a sphere, otherwise the same.
    pub fn spherical(width: usize) -> Self {
        Self { space: BinarySpace::Sphere, ..Self::lookup_free(width) }
    }

    /// The quantiser. It has nothing to learn.
    ///
    /// # Errors
    /// An option out of its range; groups that do not divide the width, or of more than 16 bits.
    pub fn init(&self) -> Result<BinaryQuantizer, Error> {
        at_least_one(OWNER, "width", self.width)?;
        positive(OWNER, "inverse_temperature", self.inverse_temperature)?;
        not_negative(OWNER, "commitment", self.commitment)?;
        not_negative(OWNER, "entropy", self.entropy)?;
        not_negative(OWNER, "diversity", self.diversity)?;
        if !(1..=MOST).contains(&self.group) || !self.width.is_multiple_of(self.group) {
            let expected = format!("a divisor of the width, {}, from 1 to {MOST}", self.width);
            return Err(Error::parameter(OWNER, "group", expected, self.group));
        }
        Ok(BinaryQuantizer { config: self.clone() })
    }
}

/// Replaces each coordinate by its sign: `2^W` codes without a codebook or a search.
///
/// ```text
/// c = scale · (x > 0 ? 1 : −1),   index = Σᵢ [xᵢ > 0] 2ⁱ within each group of bits
/// q(c|x) = softmax_c(−β |x − c|²) = Π σ(± 4 β scale xᵢ);   entropy E[H(q(·|x))],   diversity W ln 2 − H(E[q(·|x)])
/// ```
///
/// See [`BinarySpace`] for the two forms, their papers, and `scale`; on the sphere `x / |x|` takes the place of x. The
/// gradient is straight-through. The entropy of a choice is the sum of those of its bits, which is exact. The entropy of the
/// mean choice is enumerated over the codes of a group.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::BinaryQuantizerConfig;
/// let quantizer = BinaryQuantizerConfig::spherical(4).init()?;
/// let x = Tensor::<2>::from_floats([[3.0, -1.0, 0.1, -7.0]], &Device::flex());
/// let quantized = quantizer.quantize(x)?;
/// assert_eq!(quantized.values.into_data().try_to_vec::<f32>().unwrap(), [0.5, -0.5, 0.5, -0.5]);
/// assert_eq!(quantized.indices.into_scalar::<i64>(), 1 + 4);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "LFQ")]
#[doc(alias = "BSQ")]
#[derive(Module, Debug)]
pub struct BinaryQuantizer {
    #[module(skip)]
    config: BinaryQuantizerConfig,
}

impl BinaryQuantizer {
    /// The options.
    pub fn config(&self) -> &BinaryQuantizerConfig {
        &self.config
    }

    /// **For training**: the codes with a gradient, and the losses `commitment`, `entropy` and `diversity`.
    ///
    /// # Shapes
    /// `x` `[.., W]`; values `[.., W]`, indices `[.., G]`.
    ///
    /// # Errors
    /// An input that is NaN or infinite; no vector.
    ///
    /// # Panics
    /// If the width is another.
    pub fn quantize<const R: usize>(&self, x: Tensor<R>) -> Result<Quantized<R>, Error> {
        let vectors = Vectors::finite(OWNER, x, self.config.width)?;
        let place = self.placed(vectors.rows.clone());
        let bits = bits_of(&place);
        let codes = self.codes_of(bits.clone());
        let terms = self.terms(place.clone(), codes.clone());
        Ok(Quantized {
            values: vectors.values(attach(codes, place)),
            indices: vectors.indices(self.indices_of(bits)),
            terms,
            assignments: Assignments::default(),
        })
    }

    /// **For evaluation**: the indices of the codes. Without a gradient.
    ///
    /// # Shapes
    /// `x` `[.., W]` to `[.., G]`.
    ///
    /// # Errors
    /// Those of [`quantize`](Self::quantize).
    ///
    /// # Panics
    /// If the width is another.
    pub fn encode<const R: usize>(&self, x: Tensor<R>) -> Result<Tensor<R, Int>, Error> {
        let vectors = Vectors::finite(OWNER, x, self.config.width)?;
        Ok(vectors.indices(self.indices_of(bits_of(&vectors.rows))))
    }

    /// **For evaluation**: the codes of indices, in single precision.
    ///
    /// # Shapes
    /// `indices` `[.., G]` to `[.., W]`.
    ///
    /// # Errors
    /// An index out of range.
    ///
    /// # Panics
    /// If the last axis is not G.
    pub fn decode<const R: usize>(&self, indices: Tensor<R, Int>) -> Result<Tensor<R>, Error> {
        let (shape, groups) = (indices.dims(), self.groups());
        assert!(shape[R - 1] == groups, "{OWNER}: indices [.., {groups}] expected, got {shape:?}");
        let mut bits = vec![];
        for mut rest in columns(OWNER, indices, &vec![1 << self.config.group; groups])? {
            for _ in 0..self.config.group {
                let bit = rest.clone().remainder_scalar(2);
                rest = (rest - bit.clone()) / 2;
                bits.push(bit.float().cast(DType::F32));
            }
        }
        Ok(outer(self.codes_of(Tensor::stack::<2>(bits, 1)), shape))
    }

    fn groups(&self) -> usize {
        self.config.width / self.config.group
    }

    /// The magnitude of a code's coordinates.
    fn scale(&self) -> f64 {
        match self.config.space {
            BinarySpace::Cube => 1.0,
            BinarySpace::Sphere => (self.config.width as f64).sqrt().recip(),
        }
    }

    /// The input on the sphere, where that is the space; zeros stay.
    fn placed(&self, x: Tensor<2>) -> Tensor<2> {
        match self.config.space {
            BinarySpace::Cube => x,
            BinarySpace::Sphere => polar(x).1,
        }
    }

    fn codes_of(&self, bits: Tensor<2>) -> Tensor<2> {
        (bits * 2.0 - 1.0) * self.scale()
    }

    /// The index of each group, from bits `[N, W]`.
    fn indices_of(&self, bits: Tensor<2>) -> Vec<Tensor<1, Int>> {
        let (group, bits) = (self.config.group, bits.int());
        let index = |start: usize| {
            let of_bit = |i: usize| bits.clone().narrow(1, start + i, 1).squeeze_dim::<1>(1) * (1i64 << i);
            (0..group).map(of_bit).reduce(|sum, bit| sum + bit).expect("at least one bit")
        };
        (0..self.groups()).map(|i| index(i * group)).collect()
    }

    fn terms(&self, x: Tensor<2>, codes: Tensor<2>) -> Vec<Term> {
        let logits = x.clone() * (4.0 * self.config.inverse_temperature * self.scale());
        let share = ops::sigmoid(logits.clone());
        let group =
            |i: usize| diversity(joint(share.clone().narrow(1, i * self.config.group, self.config.group)));
        let missing = (0..self.groups()).map(group).reduce(|sum, missing| sum + missing);
        vec![
            Term::new("commitment", self.config.commitment, mean_square(x, codes)),
            Term::new("entropy", self.config.entropy, entropy_of_bits(logits, share.clone()).mean()),
            Term::new("diversity", self.config.diversity, missing.expect("at least one group")),
        ]
    }
}

/// 1 where a number is positive, else 0; without a gradient.
fn bits_of(x: &Tensor<2>) -> Tensor<2> {
    let x = x.clone().inner();
    x.clone().greater_elem(0.0).float().cast(x.dtype())
}

/// The entropy of independent bits, `[N, W]` to `[N, 1]`, from their log-odds and probabilities.
fn entropy_of_bits(logits: Tensor<2>, share: Tensor<2>) -> Tensor<2> {
    let one = share.clone() * activation::log_sigmoid(logits.clone());
    let zero = (share.neg() + 1.0) * activation::log_sigmoid(logits.neg());
    (one + zero).sum_dim(1).neg()
}

/// The probabilities of all codes of independent bits, `[N, g]` to `[N, 2^g]`, in the order of their indices.
fn joint(share: Tensor<2>) -> Tensor<2> {
    let [_, bits] = share.dims();
    let bit = |i: usize| share.clone().narrow(1, i, 1);
    (1..bits).fold(Tensor::cat(vec![bit(0).neg() + 1.0, bit(0)], 1), |codes, i| {
        Tensor::cat(vec![codes.clone() * (bit(i).neg() + 1.0), codes * bit(i)], 1)
    })
}
