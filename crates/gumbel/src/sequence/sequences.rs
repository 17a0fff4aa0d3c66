//! Sampled sequences, as lists and as tensors.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// A sampled sequence with its log-probability.
///
/// ```
/// use gumbel::sequence::Sequence;
/// let sequence = Sequence { tokens: vec![4, 0], log_prob: 0.25f64.ln() };
/// assert_eq!(sequence.tokens.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The tokens. The end token is the last one, unless the sequence has the maximum length.
    pub tokens: Vec<usize>,
    /// Its log-probability in nats: the sum over its tokens, in double precision.
    pub log_prob: f64,
}

/// Up to S sequences for each of B rows.
///
/// # Shapes
/// Tensors are `[B, S, L]` or `[B, S]`, L the length of the longest sequence. A row may have fewer than S sequences, and a
/// sequence fewer than L tokens: what is absent has token 0, log-probability 0 and a mask of `false`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, sequence::{Prefix, Sampler}};
/// // Three tokens, of which 2 ends a sequence, after every prefix with the same probabilities.
/// let step = |(), prefixes: &[Prefix<'_>]| (Tensor::<2>::zeros([prefixes.len(), 3], &Device::flex()), ());
/// let drawn = Sampler::new(4)?.with_end(2).independent(0..5, 10, (), step, &mut Noise::from_seed(1))?;
/// assert_eq!(drawn.mask(&Device::flex()).dims(), [5, 10, drawn.length()]);
/// let first = &drawn.rows()[0][0];
/// assert!((first.log_prob + 3f64.ln() * first.tokens.len() as f64).abs() < 1e-12);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sequences {
    rows: Vec<Vec<Sequence>>,
    samples: usize,
}

impl Sequences {
    pub(super) fn new(rows: Vec<Vec<Sequence>>, samples: usize) -> Self {
        Self { rows, samples }
    }

    /// The sequences of each row.
    pub fn rows(&self) -> &[Vec<Sequence>] {
        &self.rows
    }

    /// S, the number of sequences that were requested for each row.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// L, the length of the longest sequence.
    pub fn length(&self) -> usize {
        self.all().map(|(_, sequence)| sequence.tokens.len()).max().unwrap_or(0)
    }

    /// The tokens `[B, S, L]`, 0 where there is none.
    pub fn tokens(&self, device: &Device) -> Tensor<3, Int> {
        let mut tokens = vec![0; self.count() * self.length()];
        self.each_token(|at, token| tokens[at] = token as i64);
        Tensor::from_data(TensorData::new(tokens, self.shape()), device)
    }

    /// Where there is a token, the end token included, `[B, S, L]`.
    pub fn mask(&self, device: &Device) -> Tensor<3, Bool> {
        let mut mask = vec![false; self.count() * self.length()];
        self.each_token(|at, _| mask[at] = true);
        Tensor::from_data(TensorData::new(mask, self.shape()), device)
    }

    /// The log-probabilities `[B, S]`, without a gradient; 0 where there is no sequence. With a gradient:
    /// [`token_log_probs`](super::token_log_probs).
    pub fn log_probs(&self, device: &Device) -> Tensor<2> {
        self.numbers(0.0, device, |_, sequence| sequence.log_prob)
    }

    /// A number for each sequence `[B, S]`, such as its reward; 0 where there is none.
    pub fn map(&self, device: &Device, mut number: impl FnMut(&Sequence) -> f64) -> Tensor<2> {
        self.numbers(0.0, device, |_, sequence| number(sequence))
    }

    /// A number for each sequence by its place in `[B, S]`, and another where there is none.
    pub(super) fn numbers(
        &self,
        absent: f64,
        device: &Device,
        mut number: impl FnMut(usize, &Sequence) -> f64,
    ) -> Tensor<2> {
        let mut numbers = vec![absent; self.count()];
        self.all().for_each(|(place, sequence)| numbers[place] = number(place, sequence));
        Tensor::from_data(TensorData::new(numbers, [self.rows.len(), self.samples]), device)
    }

    /// Where there is a sequence, `[B, S]`.
    pub(super) fn present(&self, device: &Device) -> Tensor<2, Bool> {
        self.numbers(0.0, device, |_, _| 1.0).greater_elem(0.5)
    }

    /// Every sequence with its place in `[B, S]`.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Sequence)> {
        let numbered = |(row, sequences): (usize, &'_ Vec<Sequence>)| (row * self.samples, sequences.len());
        let places =
            self.rows.iter().enumerate().map(numbered).flat_map(|(first, count)| first..first + count);
        places.zip(self.rows.iter().flatten())
    }

    /// B S.
    pub(super) fn count(&self) -> usize {
        self.rows.len() * self.samples
    }

    pub(super) fn shape(&self) -> [usize; 3] {
        [self.rows.len(), self.samples, self.length()]
    }

    /// Every token with its place in `[B, S, L]`.
    fn each_token(&self, mut visit: impl FnMut(usize, usize)) {
        let length = self.length();
        for (place, sequence) in self.all() {
            sequence.tokens.iter().enumerate().for_each(|(at, &token)| visit(place * length + at, token));
        }
    }
}
