//! Samples of rows of logits of any type: what NumPy, PyTorch and JAX share.

use crate::reals::RealKernel;
use crate::rows::{RowMap, map, temperature};
use crate::slice::{Slice, SliceMut, with_slice};
use gumbel_kernels::{self as kernels, Error, Logit, Real, Stream, noise};

/// A relaxed sample.
#[derive(Clone, Copy)]
pub struct Relaxed {
    pub k: usize,
    pub tau: f64,
    pub stream: Stream,
    /// Whether the result is the logarithm of the sample.
    pub log: bool,
}

impl RowMap for Relaxed {
    fn run<L: Logit>(&self, first: usize, logits: &[L], out: &mut [L::Real]) -> Result<(), Error> {
        let stream = self.stream.skip((first * self.k) as u64);
        let tau = temperature::<L::Real>(self.tau)?;
        if self.log {
            kernels::log_gumbel_softmax(logits, self.k, tau, stream, out)
        } else {
            kernels::gumbel_softmax(logits, self.k, tau, stream, out)
        }
    }
}

/// A relaxed sample of each row.
pub fn relaxed(sample: Relaxed, logits: Slice<'_>, out: SliceMut<'_>) -> Result<(), Error> {
    map(&sample, logits, sample.k, out)
}

/// An exact sample of each row.
pub fn gumbel_max(logits: Slice<'_>, k: usize, stream: Stream) -> Result<Vec<u32>, Error> {
    if k == 0 {
        return Err(Error::Categories(k));
    }
    let mut index = vec![0; logits.len() / k];
    with_slice!(Slice, logits, logits => kernels::gumbel_max(logits, k, stream, &mut index))?;
    Ok(index)
}

/// A sample of `count` categories without replacement of each row, in order.
pub fn top_k(logits: Slice<'_>, k: usize, count: usize, stream: Stream) -> Result<Vec<u32>, Error> {
    if k == 0 {
        return Err(Error::Categories(k));
    }
    // Before an index of them is allocated.
    let rows = logits.len() / k;
    if count > k && rows > 0 {
        return Err(Error::TooFew { row: 0, requested: count, available: k });
    }
    let mut index = vec![0; rows * count];
    with_slice!(Slice, logits, logits => kernels::gumbel_top_k(logits, k, count, stream, &mut index))?;
    Ok(index)
}

/// Sets the sampled category of each row of `k` to one, and the others to zero.
pub fn write_one_hot(index: &[u32], k: usize, out: SliceMut<'_>) {
    fn write<T: num_traits::NumCast + Clone>(index: &[u32], k: usize, out: &mut [T]) {
        let [zero, one] = [0, 1].map(|bit| T::from(bit).expect("every type has 0 and 1"));
        out.fill(zero);
        out.chunks_exact_mut(k).zip(index).for_each(|(row, &index)| row[index as usize] = one.clone());
    }
    with_slice!(SliceMut, out, out => write(index, k, out));
}

/// A law of noise.
#[derive(Clone, Copy)]
pub enum Law {
    Uniform,
    Exponential,
    Gumbel,
    Logistic,
    Normal,
}

impl Law {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "uniform" => Self::Uniform,
            "exponential" => Self::Exponential,
            "gumbel" => Self::Gumbel,
            "logistic" => Self::Logistic,
            "normal" => Self::Normal,
            _ => return None,
        })
    }
}

/// Noise in rows of `k` numbers.
pub struct Noise {
    pub law: Law,
    pub stream: Stream,
    /// Numbers before the start of the stream.
    pub before: usize,
    pub k: usize,
}

impl RealKernel<0, 1> for Noise {
    fn run<T: Real>(&self, first: usize, _: [&[T]; 0], [out]: [&mut [T]; 1]) -> Result<(), Error> {
        let stream = self.stream.skip((first * self.k - self.before) as u64);
        match self.law {
            Law::Uniform => noise::uniform(stream, out),
            Law::Exponential => noise::exponential(stream, out),
            Law::Gumbel => noise::gumbel(stream, out),
            Law::Logistic => noise::logistic(stream, out),
            Law::Normal => noise::normal(stream, out),
        }
        Ok(())
    }
}
