//! Sets of places in a short slice, as bits.

use super::lanes::LANES;

/// The places in a slice of at most 32 · [`LANES`] values where a predicate holds, found without a step across
/// lanes: bit `step` of lane `lane` is the place `step · LANES + lane`.
#[derive(Clone, Copy)]
pub(crate) struct Places([u32; LANES]);

impl Places {
    #[inline(always)]
    pub fn of<V: Copy>(values: &[V], predicate: impl Fn(V) -> bool) -> Self {
        let (mut lanes, mut step) = ([0; LANES], 1);
        let mut mark = |values: &[V]| {
            for (lane, &value) in lanes.iter_mut().zip(values) {
                *lane |= if predicate(value) { step } else { 0 };
            }
            step <<= 1;
        };
        let (vectors, rest) = values.as_chunks::<LANES>();
        vectors.iter().for_each(|vector| mark(vector));
        mark(rest);
        Self(lanes)
    }

    /// Calls a function with each place, lane by lane.
    pub fn for_each(self, mut call: impl FnMut(usize)) {
        for (lane, mut steps) in self.0.into_iter().enumerate() {
            while steps != 0 {
                call(steps.trailing_zeros() as usize * LANES + lane);
                steps &= steps - 1;
            }
        }
    }
}
