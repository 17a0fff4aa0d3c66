//! k-means: the start of a codebook, and what a codebook is measured against.

use super::nearest::nearest;
use crate::ops::{self, NoiseKind, accumulated_as};
use crate::tensor::{at_least_single, numbers, restored};
use crate::{Error, Noise};
use burn::tensor::{DType, Device, IndexingUpdateOp, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// How k-means starts, and for how long it runs.
///
/// ```
/// use gumbel::quantize::{KMeans, KMeansStart};
/// assert_eq!(KMeans::default(), KMeans { start: KMeansStart::PlusPlus, iterations: 10 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KMeans {
    /// The first centres.
    pub start: KMeansStart,
    /// The largest number of iterations (Lloyd's); it stops before if no point changes its centre.
    pub iterations: usize,
}

impl Default for KMeans {
    fn default() -> Self {
        Self { start: KMeansStart::PlusPlus, iterations: 10 }
    }
}

/// The first centres of k-means. Both are points of the data.
///
/// ```
/// use gumbel::quantize::{KMeans, KMeansStart};
/// let how = KMeans { start: KMeansStart::RandomPoints, iterations: 30 };
/// assert_ne!(how.start, KMeans::default().start);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KMeansStart {
    /// k-means++ (Arthur and Vassilvitskii 2007): each with a probability in proportion to the squared distance to the
    /// nearest earlier one. The expected error is within `8 (ln K + 2)` of the best.
    PlusPlus,
    /// Distinct points, all equally likely.
    RandomPoints,
}

/// Centres and what belongs to them.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::{KMeans, k_means};
/// let points = Tensor::<2>::from_floats([[0.0], [2.0], [9.0]], &Device::flex());
/// let clusters = k_means(points, 2, KMeans::default(), &mut gumbel::Noise::from_seed(1))?;
/// assert!((clusters.error - 2.0 / 3.0).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Clusters {
    /// The centres, `[K, W]`.
    pub centres: Tensor<2>,
    /// The number of points at each, `[K]`.
    pub counts: Tensor<1>,
    /// The mean squared distance of the points to their centres.
    pub error: f64,
}

/// Finds K centres of points by k-means: a local minimum of the mean squared distance to the nearest centre.
///
/// ```text
/// centre_k ← mean of the points nearest to it
/// ```
///
/// Sums are taken in double precision on Burn's Flex backend. A centre that loses all of its points stays where it is. The
/// start runs on the host.
///
/// # Shapes
/// `points` `[N, W]`.
///
/// # Errors
/// No centre, or more centres than points; a number that is NaN or infinite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::quantize::{KMeans, k_means};
/// let points = Tensor::<2>::from_floats([[0.0], [1.0], [10.0], [11.0]], &Device::flex());
/// let clusters = k_means(points, 2, KMeans::default(), &mut gumbel::Noise::from_seed(1))?;
/// let mut centres = clusters.centres.into_data().try_to_vec::<f32>().unwrap();
/// centres.sort_by(f32::total_cmp);
/// assert_eq!(centres, [0.5, 10.5]);
/// assert_eq!(clusters.error, 0.25);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "lloyd")]
#[doc(alias = "clustering")]
pub fn k_means(points: Tensor<2>, centres: usize, how: KMeans, noise: &mut Noise) -> Result<Clusters, Error> {
    let points = at_least_single(points.inner());
    let count = points.dims()[0];
    if centres == 0 || centres > count {
        let expected = format!("from 1 to the number of points, {count}");
        return Err(Error::parameter("k-means", "the number of centres", expected, centres));
    }
    nearest(points.clone(), points.clone().narrow(0, 0, 1))?; // refuses what is not finite
    let start = match how.start {
        KMeansStart::PlusPlus => plus_plus(&points, centres, noise),
        KMeansStart::RandomPoints => distinct(count, centres, noise)?,
    };
    let start = Tensor::<1, Int>::from_data(TensorData::new(start, [centres]), &points.device());
    lloyd(points.clone(), points.select(0, start), how.iterations)
}

fn lloyd(points: Tensor<2>, mut centres: Tensor<2>, iterations: usize) -> Result<Clusters, Error> {
    let mut found = nearest(points.clone(), centres.clone())?;
    let mut totals = Totals::of(&points, found.indices.clone(), centres.dims()[0]);
    for _ in 0..iterations {
        centres = totals.means(&centres);
        let next = nearest(points.clone(), centres.clone())?;
        let moved = next.indices.clone().not_equal(found.indices).any().into_scalar::<bool>();
        found = next;
        if !moved {
            break;
        }
        totals = Totals::of(&points, found.indices.clone(), centres.dims()[0]);
    }
    let error = found.squared_distances.cast(accumulated_as(&points.device())).mean();
    Ok(Clusters { centres, counts: totals.counts.cast(points.dtype()), error: numbers(error)[0] })
}

/// What the codes of a book were assigned, in the precision of running sums.
pub(super) struct Totals {
    /// `[K]`.
    pub counts: Tensor<1>,
    /// `[K, W]`.
    pub sums: Tensor<2>,
}

impl Totals {
    pub fn of(points: &Tensor<2>, indices: Tensor<1, Int>, codes: usize) -> Self {
        let ([count, width], device) = (points.dims(), points.device());
        let options = (&device, accumulated_as(&device));
        let add = IndexingUpdateOp::Add;
        let ones = Tensor::<1>::ones([count], options);
        let counts = Tensor::<1>::zeros([codes], options).select_assign(0, indices.clone(), ones, add);
        let points = points.clone().cast(options.1);
        let sums = Tensor::<2>::zeros([codes, width], options).select_assign(0, indices, points, add);
        Self { counts, sums }
    }

    /// The mean of what each was assigned; where that is nothing, the centre as it is.
    fn means(&self, centres: &Tensor<2>) -> Tensor<2> {
        let counts = self.counts.clone().unsqueeze_dim::<2>(1);
        let empty = counts.clone().equal_elem(0.0).expand(centres.dims());
        let means = self.sums.clone() / counts.clamp_min(1.0);
        restored(means, centres.dtype()).mask_where(empty, centres.clone())
    }
}

/// Distinct indices below `count`, all equally likely, in random order.
pub(super) fn distinct(count: usize, of: usize, noise: &mut Noise) -> Result<Vec<i64>, Error> {
    let equal = Tensor::<1>::zeros([count], &Device::flex());
    let order = ops::gumbel_top_k(equal, of, noise.take(count))?;
    Ok(order.into_data().iter::<i64>().collect())
}

/// On the host, in double precision.
fn plus_plus(points: &Tensor<2>, centres: usize, noise: &mut Noise) -> Vec<i64> {
    let [count, width] = points.dims();
    let points = numbers(points.clone());
    let uniform = noise.draw_as::<1>(NoiseKind::Uniform, [centres].into(), &Device::flex(), DType::F64);
    let mut gaps = vec![f64::INFINITY; count];
    let mut chosen = Vec::with_capacity(centres);
    for u in numbers(uniform) {
        let next = if chosen.is_empty() { (u * count as f64) as usize } else { in_proportion(&gaps, u) };
        let centre = &points[next * width..(next + 1) * width];
        for (gap, point) in gaps.iter_mut().zip(points.chunks_exact(width)) {
            let square = point.iter().zip(centre).map(|(x, c)| (x - c) * (x - c)).sum();
            *gap = gap.min(square);
        }
        chosen.push(next as i64);
    }
    chosen
}

/// The index at which the running sum of the weights passes the share `u` of their total. Of weights that are all 0, each
/// is as likely.
fn in_proportion(weights: &[f64], u: f64) -> usize {
    let total: f64 = weights.iter().sum();
    if total == 0.0 {
        return (u * weights.len() as f64) as usize;
    }
    let mut left = u * total;
    let passed = weights.iter().position(|&weight| {
        left -= weight;
        left < 0.0
    });
    passed.unwrap_or_else(|| weights.iter().rposition(|&weight| weight > 0.0).expect("the total is not 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_in_proportion_has_the_shares_of_the_weights() {
        let weights = [0.0, 1.0, 0.0, 3.0, 0.0];
        assert_eq!([0.1, 0.24, 0.26, 0.999].map(|u| in_proportion(&weights, u)), [1, 1, 3, 3]);
        assert_eq!([0.1, 0.9].map(|u| in_proportion(&[0.0; 4], u)), [0, 3]);
        assert_eq!(in_proportion(&weights, 1.0), 3); // rounding cannot leave the weights
    }
}
