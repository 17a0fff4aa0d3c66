//! Isotonic regression by pooling adjacent violators (Best, Chakravarti and Ubhaya 2000), in linear time.

use super::super::sorted::gap;

/// A block of places that a projection onto a permutahedron treats alike. Both `x` and `w` descend; `x` is projected, in
/// units of tau, onto the permutations of `w`.
pub(super) trait Pool: Copy {
    fn single(x: f64, w: f64) -> Self;

    /// Whether the regression would not descend from this block to the next.
    fn violates(self, next: Self, tau: f64) -> bool;

    /// This block together with the next.
    fn joined(self, next: Self, tau: f64) -> Self;

    /// The projection of a number of the block.
    fn project(self, x: f64, tau: f64) -> f64;

    /// The weight of a number in the block's part of `x`; the weights sum to one.
    fn x_share(self, x: f64, tau: f64) -> f64;

    /// The same for `w`.
    fn w_share(self, w: f64) -> f64;

    /// The rank of a number of the block, whose ranks sum to `total`.
    fn rank(self, x: f64, total: f64, tau: f64) -> f64;

    /// The derivative of a rank in what is projected, for one that is alone with its part of `x` held fixed.
    fn slope(rank: f64) -> f64;
}

/// The Euclidean projection: means. Those of `x` are relative to the first of the block, because small differences of large
/// numbers count.
#[derive(Clone, Copy)]
pub(super) struct Means {
    first: f64,
    /// Half the mean of `x` less the first: the difference of two finite numbers can be beyond the range.
    offset: f64,
    w: f64,
    count: f64,
}

impl Means {
    /// Half the difference of a number from the first.
    fn half_gap(self, x: f64) -> f64 {
        x * 0.5 - self.first * 0.5
    }
}

impl Pool for Means {
    fn single(x: f64, w: f64) -> Self {
        Self { first: x, offset: 0.0, w, count: 1.0 }
    }

    fn violates(self, next: Self, tau: f64) -> bool {
        let descent = self.offset - next.offset - self.half_gap(next.first);
        descent / tau <= self.w * 0.5 - next.w * 0.5
    }

    fn joined(self, next: Self, _: f64) -> Self {
        let count = self.count + next.count;
        let mean = |own: f64, other: f64| own * (self.count / count) + other * (next.count / count);
        let offset = mean(self.offset, self.half_gap(next.first) + next.offset);
        Self { first: self.first, offset, w: mean(self.w, next.w), count }
    }

    fn project(self, x: f64, tau: f64) -> f64 {
        (self.half_gap(x) - self.offset) / tau * 2.0 + self.w
    }

    fn x_share(self, _: f64, _: f64) -> f64 {
        self.count.recip()
    }

    fn w_share(self, _: f64) -> f64 {
        self.count.recip()
    }

    fn rank(self, x: f64, _: f64, tau: f64) -> f64 {
        self.project(x, tau)
    }

    fn slope(_: f64) -> f64 {
        1.0
    }
}

/// The Kullback-Leibler projection of exponentials: sums of exponentials, relative to the first of the block.
#[derive(Clone, Copy)]
pub(super) struct Exponentials {
    x: f64,
    x_sum: f64,
    w: f64,
    w_sum: f64,
}

impl Pool for Exponentials {
    fn single(x: f64, w: f64) -> Self {
        Self { x, x_sum: 1.0, w, w_sum: 1.0 }
    }

    fn violates(self, next: Self, tau: f64) -> bool {
        let x = gap(self.x, next.x, tau) + (self.x_sum / next.x_sum).ln();
        x <= self.w - next.w + (self.w_sum / next.w_sum).ln()
    }

    fn joined(self, next: Self, tau: f64) -> Self {
        let x_sum = self.x_sum + next.x_sum * gap(next.x, self.x, tau).exp();
        let w_sum = self.w_sum + next.w_sum * (next.w - self.w).exp();
        Self { x_sum, w_sum, ..self }
    }

    fn project(self, x: f64, tau: f64) -> f64 {
        gap(x, self.x, tau) - self.x_sum.ln() + self.w + self.w_sum.ln()
    }

    fn x_share(self, x: f64, tau: f64) -> f64 {
        gap(x, self.x, tau).exp() / self.x_sum
    }

    fn w_share(self, w: f64) -> f64 {
        (w - self.w).exp() / self.w_sum
    }

    fn rank(self, x: f64, total: f64, tau: f64) -> f64 {
        self.x_share(x, tau) * total
    }

    fn slope(rank: f64) -> f64 {
        rank
    }
}

/// A block, and the place after its last.
#[derive(Clone, Copy)]
struct Block<P> {
    pool: P,
    end: usize,
}

/// Calls `each` with every block of the projection and its places.
pub(super) fn for_each_block<P: Pool>(
    x: &[f64],
    w: &[f64],
    tau: f64,
    mut each: impl FnMut(P, std::ops::Range<usize>),
) {
    let mut blocks: Vec<Block<P>> = Vec::new();
    for (place, (&x, &w)) in x.iter().zip(w).enumerate() {
        let mut pool = P::single(x, w);
        while let Some(before) = blocks.pop_if(|before| before.pool.violates(pool, tau)) {
            pool = before.pool.joined(pool, tau);
        }
        blocks.push(Block { pool, end: place + 1 });
    }
    let mut start = 0;
    for Block { pool, end } in blocks {
        each(pool, start..end);
        start = end;
    }
}
