//! Masks that prune weights: N of every M, and blocks.
//!
//! | pattern | parameters | function |
//! | --- | --- | --- |
//! | N of every M, such as 2:4, which GPUs multiply fast | a logit for each of the C(M, N) masks of a group | [`NOfM`] |
//! | N of every M, for large M | a logit for each weight | [`subset::straight_through_k_hot`](crate::subset::straight_through_k_hot) with rows of M logits and k = N |
//! | k of K blocks | a logit for each block | [`subset::straight_through_k_hot`](crate::subset::straight_through_k_hot), then [`expand_blocks`] |
//! | each weight by itself | its log-odds | [`gumbel_sigmoid`](crate::gumbel_sigmoid), [`straight_through_gumbel_sigmoid`](crate::straight_through_gumbel_sigmoid) |
//!
//! A mask is a tensor to multiply weights with. The first two differ as the two do that [`subset`](crate::subset) compares: a
//! distribution over all masks of a group can prefer two weights together, one logit for each weight cannot.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use gumbel::{Noise, sparsity::expand_blocks, subset};
//! // 3 of the 6 blocks of 2 × 4 weights: half of a 4 × 12 matrix.
//! let logits = Tensor::<2>::zeros([1, 6], &Device::flex());
//! let blocks = subset::straight_through_k_hot(logits, 3, &mut Noise::from_seed(1))?.reshape([2, 3]);
//! let mask: Tensor<2> = expand_blocks(blocks, [2, 4]);
//! assert_eq!((mask.dims(), mask.sum().into_scalar::<f32>()), ([4, 12], 24.0));
//! # Ok::<(), gumbel::Error>(())
//! ```

use crate::tensor::{in_single, one_hot_argmax, with_last};
use crate::{
    Error, Noise, Temperature, gumbel_softmax, ops, sample_one_hot, straight_through_gumbel_softmax,
};
use burn::tensor::{Device, Tensor, TensorData, activation};

/// The pattern that keeps N of every M weights, with a categorical distribution over the C(M, N) masks of a group.
///
/// ```text
/// mask = Σ_c z_c mask_c,   z a sample of one of the C(M, N) masks of a group, hard or soft
/// ```
///
/// MaskLLM (Fang et al. 2024): learns which weights to keep, with the weights themselves fixed. Candidates are in
/// lexicographic order of the places that they keep: for 2:4, {0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}. Logits of
/// `-inf` exclude a candidate.
///
/// # Shapes
/// Logits `[.., C]`, with C = [`candidates`](NOfM::candidates), to masks `[.., M]`. So weights `[outputs, inputs]` are
/// masked as `[outputs, inputs / M, M]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, sparsity::NOfM};
/// let pattern = NOfM::new(2, 4)?;
/// let weights = Tensor::<2>::from_floats([[0.1, -3.0, 2.0, 0.5]], &Device::flex());
/// let logits = pattern.logits_from(weights.abs(), 10.0); // prefers large weights
/// assert_eq!(logits.dims(), [1, 6]);
/// let mask = pattern.straight_through(logits, 1.0, &mut Noise::from_seed(1))?;
/// assert_eq!(mask.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "MaskLLM")]
#[doc(alias = "2:4")]
#[doc(alias = "semi-structured")]
#[doc(alias = "pruning")]
#[derive(Clone, Debug)]
pub struct NOfM {
    kept: usize,
    of: usize,
    /// The candidates, `[C, M]`.
    masks: Vec<f32>,
}

/// More candidates than this would cost more memory than weights are worth.
const LIMIT: usize = 4096;

impl NOfM {
    /// Makes the pattern that keeps `kept` of every `of` weights.
    ///
    /// # Errors
    /// `kept` outside 1 to `of`; more than 4096 candidates, for which
    /// [`subset::straight_through_k_hot`](crate::subset::straight_through_k_hot) needs only M logits.
    pub fn new(kept: usize, of: usize) -> Result<Self, Error> {
        if kept == 0 || kept > of {
            return Err(Error::parameter("N:M sparsity", "N", format!("from 1 to M = {of}"), kept));
        }
        if binomial(of, kept).is_none_or(|count| count > LIMIT) {
            let expected = format!("one with at most {LIMIT} masks of a group");
            let remedy = "use subset::straight_through_k_hot, with one logit for each weight";
            let error = Error::parameter("N:M sparsity", "N:M", expected, format!("{kept}:{of}"));
            return Err(error.with_remedy(remedy));
        }
        Ok(Self { kept, of, masks: combinations(kept, of) })
    }

    /// N: how many weights of a group are kept.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// M: how many weights a group has.
    pub fn of(&self) -> usize {
        self.of
    }

    /// C = C(M, N): how many masks a group has.
    pub fn candidates(&self) -> usize {
        self.masks.len() / self.of
    }

    /// All masks of a group, `[C, M]`.
    pub fn masks(&self, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.masks.clone(), [self.candidates(), self.of]), device)
    }

    /// Logits that prefer masks by the importance of the weights that they keep: `strength · Σ importance`, differentiable.
    ///
    /// The most probable mask keeps the N most important weights of each group. With magnitudes as importance it is magnitude pruning,
    /// from which learning starts. A small strength leaves the other masks probable.
    ///
    /// # Shapes
    /// `importance` `[.., M]` to `[.., C]`.
    ///
    /// # Panics
    /// If the last axis is not M.
    pub fn logits_from<const D: usize>(&self, importance: Tensor<D>, strength: f64) -> Tensor<D> {
        check_last("importance", importance.dims()[D - 1], self.of);
        let masks = self.masks(&importance.device().inner()).transpose();
        times(importance, masks) * strength
    }

    /// Computes the probability that each weight is kept. **Soft**, differentiable; no noise. A group sums to N.
    ///
    /// # Shapes
    /// `logits` `[.., C]` to `[.., M]`.
    ///
    /// # Errors
    /// NaN or `+inf` among the logits; a group with every mask excluded.
    ///
    /// # Panics
    /// If the last axis is not C.
    pub fn inclusion<const D: usize>(&self, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
        ops::check_logits(&logits)?;
        in_single(logits, |logits| Ok(self.combined(activation::softmax(logits, D - 1))))
    }

    /// Draws a relaxed mask: the sum of all masks, weighted by a [`gumbel_softmax`] sample. **Soft**, differentiable. A group
    /// sums to N.
    ///
    /// # Shapes
    /// `logits` `[.., C]` to `[.., M]`; uses one number of the noise per logit.
    ///
    /// # Errors
    /// Those of [`gumbel_softmax`].
    ///
    /// # Panics
    /// If the last axis is not C.
    pub fn soft<const D: usize>(
        &self,
        logits: Tensor<D>,
        tau: impl Into<Temperature<D>>,
        noise: &mut Noise,
    ) -> Result<Tensor<D>, Error> {
        in_single(logits, |logits| Ok(self.combined(gumbel_softmax(logits, tau, noise)?)))
    }

    /// Draws a mask with the gradient of [`soft`](Self::soft) for the same noise. **Hard**, biased.
    ///
    /// # Shapes
    /// `logits` `[.., C]` to `[.., M]`, with N ones in each group; uses one number of the noise per logit.
    ///
    /// # Errors
    /// Those of [`gumbel_softmax`].
    ///
    /// # Panics
    /// If the last axis is not C.
    pub fn straight_through<const D: usize>(
        &self,
        logits: Tensor<D>,
        tau: impl Into<Temperature<D>>,
        noise: &mut Noise,
    ) -> Result<Tensor<D>, Error> {
        in_single(logits, |logits| Ok(self.combined(straight_through_gumbel_softmax(logits, tau, noise)?)))
    }

    /// Draws a mask. **Hard**, without a gradient.
    ///
    /// # Shapes
    /// `logits` `[.., C]` to `[.., M]`, with N ones in each group; uses one number of the noise per logit.
    ///
    /// # Errors
    /// Those of [`sample_one_hot`].
    ///
    /// # Panics
    /// If the last axis is not C.
    pub fn sample<const D: usize>(&self, logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
        in_single(logits.detach(), |logits| Ok(self.combined(sample_one_hot(logits, noise)?)))
    }

    /// Computes the most probable mask of each group, the first of equal ones. **Hard**, without a gradient.
    ///
    /// # Shapes
    /// `logits` `[.., C]` to `[.., M]`, with N ones in each group.
    ///
    /// # Errors
    /// NaN or `+inf` among the logits; a group with every mask excluded.
    ///
    /// # Panics
    /// If the last axis is not C.
    pub fn mode<const D: usize>(&self, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
        ops::check_logits(&logits)?;
        in_single(logits.detach(), |logits| Ok(self.combined(one_hot_argmax(logits))))
    }

    /// Weights of the candidates to masks.
    fn combined<const D: usize>(&self, z: Tensor<D>) -> Tensor<D> {
        check_last("logits", z.dims()[D - 1], self.candidates());
        let masks = self.masks(&z.device().inner());
        times(z, masks)
    }
}

/// Repeats each number of a mask of blocks over its block of weights; differentiable.
///
/// # Shapes
/// `mask` `[R, C]` and blocks of `[r, c]` weights to `[R · r, C · c]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let blocks = Tensor::<2>::from_floats([[1.0, 0.0]], &Device::flex());
/// let mask = gumbel::sparsity::expand_blocks(blocks, [2, 2]);
/// assert_eq!(mask.into_data().try_to_vec::<f32>().unwrap(), [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// ```
#[doc(alias = "kron")]
pub fn expand_blocks(mask: Tensor<2>, [height, width]: [usize; 2]) -> Tensor<2> {
    let [rows, columns] = mask.dims();
    let blocks = mask.reshape([rows, 1, columns, 1]).repeat(&[1, height, 1, width]);
    blocks.reshape([rows * height, columns * width])
}

#[track_caller]
fn check_last(name: &str, got: usize, expected: usize) {
    assert!(got == expected, "the last axis of {name} must be {expected}, got {got}");
}

/// Rows `[.., K]` times a matrix `[K, J]`.
fn times<const D: usize>(rows: Tensor<D>, matrix: Tensor<2>) -> Tensor<D> {
    let (shape, [k, width]) = (with_last(rows.dims(), matrix.dims()[1]), matrix.dims());
    let matrix = crate::tensor::tracked_as(matrix, &rows).cast(rows.dtype());
    let count = rows.shape().num_elements() / k;
    if count == 0 {
        return Tensor::zeros(shape, (&rows.device(), rows.dtype()));
    }
    let rows = rows.reshape([1, 1, count, k]);
    ops::rows_times(rows, matrix.reshape([1, 1, k, width])).reshape(shape)
}

/// C(n, k), if it is a number of this type.
fn binomial(n: usize, k: usize) -> Option<usize> {
    (0..k.min(n - k)).try_fold(1usize, |product, i| Some(product.checked_mul(n - i)? / (i + 1)))
}

/// The masks with `kept` ones among `of` places, in lexicographic order of the places.
fn combinations(kept: usize, of: usize) -> Vec<f32> {
    let mut places: Vec<usize> = (0..kept).collect();
    let mut masks = Vec::new();
    loop {
        let start = masks.len();
        masks.resize(start + of, 0.0);
        places.iter().for_each(|place| masks[start + place] = 1.0);
        let Some(moved) = (0..kept).rfind(|&index| places[index] < of - kept + index) else { return masks };
        let next = places[moved] + 1;
        places[moved..].iter_mut().enumerate().for_each(|(by, place)| *place = next + by);
    }
}
