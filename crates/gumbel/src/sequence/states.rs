//! What a model of sequences is for the samplers: prefixes in, logits of the next token out.

use burn::tensor::{Int, Tensor, TensorData};

/// The tokens of a sequence so far, and the row that it belongs to.
///
/// ```
/// use gumbel::sequence::Prefix;
/// let prefix = Prefix { row: 3, tokens: &[5, 2] };
/// assert_eq!(prefix.last(), Some(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix<'a> {
    /// The row, as the caller numbers rows.
    pub row: usize,
    /// The tokens, from the first on. Empty before the first token.
    pub tokens: &'a [usize],
}

impl Prefix<'_> {
    /// The newest token: the one that a model with a state has not read yet. `None` before the first token.
    pub fn last(&self) -> Option<usize> {
        self.tokens.last().copied()
    }
}

/// States of a model, one for each of several prefixes, such as the hidden states `[N, H]` of a recurrent network.
///
/// It is implemented for tensors, whose first axis counts prefixes, for vectors, for pairs of states and for `()`, the
/// state of a model that reads the complete prefix.
///
/// ```
/// use gumbel::sequence::States;
/// let states = vec!["a", "b", "c"];
/// assert_eq!(states.select(&[2, 0, 0]), ["c", "a", "a"]);
/// ```
pub trait States: Sized {
    /// The states at these places, in this order. A place may occur several times.
    #[must_use]
    fn select(&self, places: &[usize]) -> Self;

    /// All states of the first, then those of the second.
    #[must_use]
    fn join(self, other: Self) -> Self;
}

impl States for () {
    fn select(&self, _places: &[usize]) -> Self {}

    fn join(self, _other: Self) -> Self {}
}

impl<T: Clone> States for Vec<T> {
    fn select(&self, places: &[usize]) -> Self {
        places.iter().map(|&place| self[place].clone()).collect()
    }

    fn join(mut self, other: Self) -> Self {
        self.extend(other);
        self
    }
}

impl<const D: usize> States for Tensor<D> {
    fn select(&self, places: &[usize]) -> Self {
        self.clone().select(0, indices(places, self))
    }

    fn join(self, other: Self) -> Self {
        Tensor::cat(vec![self, other], 0)
    }
}

impl<A: States, B: States> States for (A, B) {
    fn select(&self, places: &[usize]) -> Self {
        (self.0.select(places), self.1.select(places))
    }

    fn join(self, other: Self) -> Self {
        (self.0.join(other.0), self.1.join(other.1))
    }
}

/// Places as an integer tensor on the device of another.
pub(super) fn indices<const D: usize>(places: &[usize], like: &Tensor<D>) -> Tensor<1, Int> {
    let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), &like.device())
}
