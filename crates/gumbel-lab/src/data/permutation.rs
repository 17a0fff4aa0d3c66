//! Random permutations: the order of the images in an epoch.

use gumbel_kernels::{Stream, StreamRng};
use rand_core::Rng;

/// A uniform random permutation of `0..count`, by a Fisher–Yates shuffle: the order of the images in an epoch.
///
/// A pure function of its arguments, so that a resumed run sees the images in the same order.
///
/// ```
/// # use gumbel_kernels::Stream;
/// # use gumbel_lab::data::permutation;
/// let mut seen = permutation(Stream::new(1), 7, 100);
/// assert_eq!(seen, permutation(Stream::new(1), 7, 100));
/// seen.sort();
/// assert!(seen.iter().copied().eq(0..100));
/// ```
///
/// # Panics
/// If `count` does not fit in 32 bits.
pub fn permutation(stream: Stream, epoch: u64, count: usize) -> Vec<u32> {
    let count = u32::try_from(count).expect("a data set has fewer than 2^32 images");
    let mut rng = StreamRng::new(stream.split(epoch));
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last as usize, below(&mut rng, last + 1) as usize);
    }
    order
}

/// A uniform integer from `0..bound` (Lemire 2019, algorithm 5: multiply, and reject what would be uneven).
fn below(rng: &mut StreamRng, bound: u32) -> u32 {
    let uneven = bound.wrapping_neg() % bound;
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(bound);
        if product as u32 >= uneven {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permutation_is_as_likely() {
        let mut counts = std::collections::BTreeMap::<Vec<u32>, u32>::new();
        let draws = 24_000;
        for epoch in 0..draws {
            *counts.entry(permutation(Stream::new(5), epoch, 4)).or_default() += 1;
        }
        assert_eq!(counts.len(), 24);
        let expected = draws as f64 / 24.0;
        let chi2: f64 = counts.values().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        assert!(chi2 < 49.73, "chi-square {chi2} with 23 degrees of freedom, 0.001 point 49.73");
    }

    #[test]
    fn epochs_and_streams_differ() {
        let first = permutation(Stream::new(1), 0, 50);
        assert_ne!(first, permutation(Stream::new(1), 1, 50));
        assert_ne!(first, permutation(Stream::new(2), 0, 50));
    }

    #[test]
    fn tiny_counts_work() {
        assert!(permutation(Stream::new(1), 0, 0).is_empty());
        assert_eq!(permutation(Stream::new(1), 0, 1), [0]);
    }

    #[test]
    fn bounded_integers_are_uniform_where_rejection_matters() {
        let bound = 3 << 30; // a quarter of the products is rejected
        let mut rng = StreamRng::new(Stream::new(3));
        let mut thirds = [0u32; 3];
        for _ in 0..30_000 {
            thirds[(below(&mut rng, bound) >> 30) as usize] += 1;
        }
        for n in thirds {
            let z = (f64::from(n) - 10_000.0) / (30_000.0 * 2.0 / 9.0f64).sqrt();
            assert!(z.abs() < 4.0, "{n} of 30000 in a third, z = {z:.1}");
        }
    }
}
