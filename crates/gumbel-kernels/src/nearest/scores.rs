//! The least scores of a block of points: a matrix product that keeps only minima.
//!
//! A part of a panel stays in the first cache while all tiles of the block pass over it; the tiles stay in the second.

use super::book::{Book, LANES, add_product};
use crate::Real;

/// Columns of a part of a panel: with `LANES` numbers of single precision, half a first cache of 32 KiB.
pub(super) const DEPTH: usize = 256;
/// Numbers in a block of points: of single precision, 256 KiB.
const BLOCK: usize = 1 << 16;
/// Points in a block at most, so that the least scores of a group stay in the first cache.
const POINTS: usize = 128;

/// Sums of products of `P` points with the codes of a panel: they stay in registers.
type Sums<T, const P: usize> = [[T; LANES]; P];

/// The least scores of a block of points.
pub(super) struct Scores<'a, T, const P: usize> {
    book: &'a Book<'a, T>,
    /// For each tile of `P` points the sums over the columns so far, of one panel.
    sums: Vec<Sums<T, P>>,
    /// For each group of panels and each tile the least score of every lane.
    least: Vec<Sums<T, P>>,
}

impl<'a, T: Real, const P: usize> Scores<'a, T, P> {
    /// Room for a block of so many of the `count` points as the caches hold.
    pub fn new(book: &'a Book<'a, T>, count: usize) -> Self {
        let tiles = (BLOCK / (P * book.width)).clamp(4, POINTS / P).min(count.div_ceil(P).max(1));
        let zero = [[T::zero(); LANES]; P];
        Self { book, sums: vec![zero; tiles], least: vec![zero; tiles * book.groups()] }
    }

    /// Points in a block.
    pub fn points(&self) -> usize {
        self.sums.len() * P
    }

    /// Scores the points of a block.
    #[inline(always)]
    pub fn fill<const FMA: bool>(&mut self, points: &[T]) {
        let (group, room) = (self.book.group, self.sums.len());
        self.least.fill([[T::infinity(); LANES]; P]);
        for panel in 0..self.book.half_norms.len() {
            self.pass::<FMA>(points, panel, panel / group * room);
        }
    }

    /// Passes the tiles of points over one panel, and lowers their least scores, which start at `least`.
    #[inline(always)]
    fn pass<const FMA: bool>(&mut self, points: &[T], panel: usize, least: usize) {
        let (width, half_norms) = (self.book.width, [self.book.half_norms[panel]; P]);
        let columns = &self.book.panels[panel * width..(panel + 1) * width];
        for (start, part) in (0..width).step_by(DEPTH).zip(columns.chunks(DEPTH)) {
            let tiles = points.chunks(P * width).zip(&mut self.sums);
            for ((points, kept), least) in tiles.zip(&mut self.least[least..]) {
                let sums = if start == 0 { [[T::zero(); LANES]; P] } else { *kept };
                let sums = add_products::<T, P, FMA>(sums, tile(points, width, start), part);
                if start + part.len() < width {
                    *kept = sums;
                } else {
                    lower(least, &sums, &half_norms);
                }
            }
        }
    }

    /// The least scores of a point, group by group.
    #[inline(always)]
    pub fn of(&self, point: usize) -> impl Iterator<Item = &[T; LANES]> + Clone {
        self.least.chunks_exact(self.sums.len()).map(move |tiles| &tiles[point / P][point % P])
    }
}

/// The `P` points of a tile, from a column on. The last tile repeats its last point, whose copies nobody asks for.
#[inline(always)]
fn tile<T, const P: usize>(points: &[T], width: usize, start: usize) -> [&[T]; P] {
    let (mut tile, last) = ([points; P], points.len() / width - 1);
    for (p, point) in tile.iter_mut().enumerate() {
        *point = &points[p.min(last) * width + start..];
    }
    tile
}

#[inline(always)]
fn add_products<T: Real, const P: usize, const FMA: bool>(
    mut sums: Sums<T, P>,
    mut points: [&[T]; P],
    panel: &[[T; LANES]],
) -> Sums<T, P> {
    // Of one length, so that the loop need not check each of them.
    for point in &mut points {
        *point = &point[..panel.len()];
    }
    for (i, column) in panel.iter().enumerate() {
        for p in 0..P {
            let x = points[p][i];
            for lane in 0..LANES {
                sums[p][lane] = add_product::<T, FMA>(sums[p][lane], x, column[lane]);
            }
        }
    }
    sums
}

/// One flat loop, which compiles to whole registers of a point.
#[inline(always)]
fn lower<T: Real, const P: usize>(least: &mut Sums<T, P>, sums: &Sums<T, P>, half_norms: &Sums<T, P>) {
    let terms = sums.as_flattened().iter().zip(half_norms.as_flattened());
    for (least, (&sum, &half_norm)) in least.as_flattened_mut().iter_mut().zip(terms) {
        let score = half_norm - sum;
        *least = least.min(score);
    }
}
