//! What a quantiser returns.

use crate::tensor::{at_least_single, first_where, restored, with_last};
use crate::{Error, ops};
use burn::tensor::{DType, Int, Tensor};

/// Vectors replaced by codes: the result of every quantiser's `quantize`, which is the call for training.
///
/// # Shapes
/// W is the width of a vector and G the number of codes that stand for it: 1 for one codebook, else that of parts or stages.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::FiniteScalarQuantizer;
/// let x = Tensor::<2>::from_floats([[0.0, 9.0]], &Device::flex());
/// let quantized = FiniteScalarQuantizer::new(&[3, 5])?.quantize(x)?;
/// assert_eq!(quantized.values.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0]);
/// assert_eq!(quantized.indices.into_scalar::<i64>(), 1 + 3 * 4);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Quantized<const R: usize> {
    /// The codes themselves, bit for bit, `[.., W]`, with the gradient that the quantiser passes to its input.
    pub values: Tensor<R>,
    /// The indices of the codes, `[.., G]`.
    pub indices: Tensor<R, Int>,
    /// The auxiliary losses.
    pub terms: Vec<Term>,
    /// What a codebook learns from, if it learns by other means than the gradient: see
    /// [`VectorQuantizer::adapt`](super::VectorQuantizer::adapt).
    pub assignments: Assignments,
}

impl<const R: usize> Quantized<R> {
    /// The weighted sum of the auxiliary losses, `[1]`: add it to the objective. 0 if there is none.
    pub fn loss(&self) -> Tensor<1> {
        let weighted = self.terms.iter().map(|term| term.value.clone() * term.weight);
        weighted.reduce(|sum, term| sum + term).unwrap_or_else(|| {
            let dtype = if self.values.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
            Tensor::zeros([1], (&self.values.device(), dtype))
        })
    }

    /// The value of the auxiliary loss of that name, `[1]`, without its weight.
    pub fn term(&self, name: &str) -> Option<Tensor<1>> {
        self.terms.iter().find(|term| term.name == name).map(|term| term.value.clone())
    }
}

/// An auxiliary loss of a quantiser.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::VectorQuantizerConfig;
/// let book = Tensor::<2>::from_floats([[0.0], [2.0]], &Device::flex());
/// let quantizer = VectorQuantizerConfig::new(2, 1).init_with(book)?;
/// let quantized = quantizer.quantize(Tensor::<2>::from_floats([[0.5], [1.5]], &Device::flex()))?;
/// let commitment = &quantized.terms[0];
/// assert_eq!((commitment.name, commitment.weight), ("commitment", 0.25));
/// assert_eq!(commitment.value.clone().into_scalar::<f32>(), 0.25); // the mean of 0.5² and 0.5²
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Term {
    /// `commitment`, `codebook`, `entropy` or `diversity`; the quantiser says which it has.
    pub name: &'static str,
    /// By which it enters [`Quantized::loss`].
    pub weight: f64,
    /// Its value, `[1]`, differentiable.
    pub value: Tensor<1>,
}

impl Term {
    pub(super) fn new(name: &'static str, weight: f64, value: Tensor<1>) -> Self {
        Self { name, weight, value }
    }
}

/// Which inputs a quantiser assigned to which codes: what its `adapt` learns from.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::{Assignments, VectorQuantizerConfig};
/// let mut quantizer = VectorQuantizerConfig::new(2, 1).init_with(Tensor::zeros([2, 1], &Device::flex()))?;
/// let shard = |x: f32| quantizer.quantize(Tensor::<2>::from_floats([[x], [x]], &Device::flex()));
/// let both = Assignments::join([shard(1.0)?.assignments, shard(3.0)?.assignments]);
/// quantizer.adapt(&both, &mut gumbel::Noise::from_seed(1))?;
/// let counts = quantizer.counts().into_data().try_to_vec::<f32>().unwrap();
/// assert!((counts[0] - (0.99 + 0.01 * 4.0)).abs() < 1e-6); // four inputs at the first code
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Assignments(pub(super) Vec<Assigned>);

/// The inputs of one codebook, `[N, W]`, and the indices of their codes, `[N]`; without a graph.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    pub inputs: Tensor<2>,
    pub indices: Tensor<1, Int>,
}

impl Assigned {
    pub fn new(inputs: &Tensor<2>, indices: Tensor<1, Int>) -> Self {
        Self { inputs: inputs.clone().inner(), indices: indices.inner() }
    }
}

impl Assignments {
    /// Joins those of the shards of a batch, in order: what the codebook learns is then that of the full batch.
    ///
    /// # Panics
    /// If the shards were quantised by different numbers of codebooks.
    pub fn join(shards: impl IntoIterator<Item = Self>) -> Self {
        shards.into_iter().reduce(Self::and).unwrap_or_default()
    }

    fn and(self, next: Self) -> Self {
        let ([own, others], both) = ([self.0.len(), next.0.len()], self.0.into_iter().zip(next.0));
        assert!(own == others, "shards of {own} and of {others} codebooks cannot be joined");
        Self(
            both.map(|(own, next)| Assigned {
                inputs: Tensor::cat(vec![own.inputs, next.inputs], 0),
                indices: Tensor::cat(vec![own.indices, next.indices], 0),
            })
            .collect(),
        )
    }

    /// Those of each of `books` codebooks.
    #[track_caller]
    pub(super) fn of(&self, books: usize) -> &[Assigned] {
        let got = self.0.len();
        assert!(got == books, "the assignments are those of {got} codebooks, expected {books}");
        &self.0
    }
}

/// Vectors `[.., W]` as rows `[N, W]` in single or double precision, and the way back.
pub(super) struct Vectors<const R: usize> {
    pub rows: Tensor<2>,
    shape: [usize; R],
    dtype: DType,
}

impl<const R: usize> Vectors<R> {
    /// # Errors
    /// No vector: a mean over none is no number.
    ///
    /// # Panics
    /// If the width is another.
    #[track_caller]
    pub fn new(owner: &'static str, x: Tensor<R>, width: usize) -> Result<Self, Error> {
        let (shape, dtype) = (x.dims(), x.dtype());
        assert!(shape[R - 1] == width, "{owner}: vectors of width {width} expected, got the shape {shape:?}");
        let count = shape[..R - 1].iter().product::<usize>();
        if count == 0 {
            return Err(Error::parameter(owner, "the number of vectors", "at least 1", 0));
        }
        Ok(Self { rows: at_least_single(x).reshape([count, width]), shape, dtype })
    }

    /// The same, of finite numbers.
    #[track_caller]
    pub fn finite(owner: &'static str, x: Tensor<R>, width: usize) -> Result<Self, Error> {
        let vectors = Self::new(owner, x, width)?;
        if vectors.rows.clone().inner().is_finite().all().into_scalar::<bool>() {
            return Ok(vectors);
        }
        let unfit = first_where(&vectors.rows, |number| !number.is_finite());
        let (index, value) = unfit.expect("one is not finite");
        Err(Error::Element { owner, parameter: "input", expected: "finite", index, value })
    }

    /// `[N, ..]` with the outer axes of the input, in its type.
    pub fn values(&self, rows: Tensor<2>) -> Tensor<R> {
        let width = rows.dims()[1];
        restored(rows.reshape(with_last(self.shape, width)), self.dtype)
    }

    pub fn indices(&self, columns: Vec<Tensor<1, Int>>) -> Tensor<R, Int> {
        let groups = columns.len();
        Tensor::stack::<2>(columns, 1).reshape(with_last(self.shape, groups))
    }
}

/// Indices `[.., G]` as columns `[N]`, each below the number of codes of its group.
///
/// # Errors
/// An index out of range.
///
/// # Panics
/// If there are more columns than groups, or none.
#[track_caller]
pub(super) fn columns<const R: usize>(
    owner: &'static str,
    indices: Tensor<R, Int>,
    codes: &[usize],
) -> Result<Vec<Tensor<1, Int>>, Error> {
    let (shape, groups) = (indices.dims(), indices.dims()[R - 1]);
    let expected = codes.len();
    assert!((1..=expected).contains(&groups), "{owner}: indices [.., {expected}] expected, got {shape:?}");
    let numbers = indices.clone().into_data();
    let unfit = |&(at, index): &(usize, i64)| index < 0 || index as usize >= codes[at % groups];
    if let Some((index, value)) = numbers.iter::<i64>().enumerate().find(unfit) {
        let expected = "from 0 to the number of codes less 1";
        return Err(Error::Element { owner, parameter: "index", expected, index, value: value as f64 });
    }
    let count = shape[..R - 1].iter().product::<usize>();
    let table = indices.reshape([count, groups]);
    Ok((0..groups).map(|group| table.clone().narrow(1, group, 1).squeeze_dim(1)).collect())
}

/// Decoded rows `[N, W]` with the outer axes of the indices.
pub(super) fn outer<const R: usize>(rows: Tensor<2>, shape: [usize; R]) -> Tensor<R> {
    let width = rows.dims()[1];
    rows.reshape(with_last(shape, width))
}

/// The mean of squared differences over all elements, `[1]`.
pub(super) fn mean_square(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    (a - b).square().mean()
}

/// The indices of the nearest codes, `[N]`; codes in the type of the rows.
pub(super) fn choose(rows: &Tensor<2>, codes: &Tensor<2>) -> Result<Tensor<1, Int>, Error> {
    Ok(ops::nearest(rows.clone(), codes.clone().cast(rows.dtype()))?.0)
}
