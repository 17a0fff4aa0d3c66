//! The comparison of candidates, in double precision.

use super::book::Book;
use crate::Real;

/// Candidates compared at once: their sums, whose order is fixed, do not wait for each other.
const PAIRS: usize = 8;
/// Columns squared at once.
const COLUMNS: usize = 8;

/// Compares the candidates for the points of a block.
pub(super) struct Exact<'a, T> {
    book: &'a Book<'a, T>,
    points: &'a [T],
    /// The nearest code so far of each point, and the squared distance.
    best: &'a mut [(f64, u32)],
    /// Points, each with a candidate, whose distance is not yet known; the first `filled` count.
    waiting: [(usize, usize); PAIRS],
    filled: usize,
}

impl<'a, T: Real> Exact<'a, T> {
    pub fn new(book: &'a Book<'a, T>, points: &'a [T], best: &'a mut [(f64, u32)]) -> Self {
        best.fill((f64::INFINITY, u32::MAX));
        Self { book, points, best, waiting: [(0, 0); PAIRS], filled: 0 }
    }

    #[inline(always)]
    pub fn point(&self, point: usize) -> &'a [T] {
        &self.points[self.book.row(point)]
    }

    #[inline(always)]
    pub fn add(&mut self, point: usize, code: usize) {
        self.waiting[self.filled] = (point, code);
        self.filled += 1;
        if self.filled == PAIRS {
            self.compare();
        }
    }

    /// Compares those that wait.
    #[inline(always)]
    pub fn compare(&mut self) {
        let distances = self.distances();
        for (&(point, code), distance) in self.waiting[..self.filled].iter().zip(distances) {
            let (least, first) = self.best[point];
            let code = code as u32;
            if distance < least || (distance == least && code < first) {
                self.best[point] = (distance, code);
            }
        }
        self.filled = 0;
    }

    #[inline(always)]
    fn distances(&self) -> [f64; PAIRS] {
        let (width, mut sums) = (self.book.width, [0.0; PAIRS]);
        let whole = width - width % COLUMNS;
        for start in (0..whole).step_by(COLUMNS) {
            let mut squares = [[0.0; COLUMNS]; PAIRS];
            for (squares, &(point, code)) in squares.iter_mut().zip(&self.waiting) {
                let (x, c) = (point * width + start, code * width + start);
                square(&self.points[x..x + COLUMNS], &self.book.codes[c..c + COLUMNS], squares);
            }
            for (sum, squares) in sums.iter_mut().zip(squares) {
                squares.into_iter().for_each(|square| *sum += square);
            }
        }
        for (sum, &(point, code)) in sums.iter_mut().zip(&self.waiting) {
            let (point, code) = (self.book.row(point), self.book.row(code));
            for (&x, &c) in self.points[point].iter().zip(&self.book.codes[code]).skip(whole) {
                *sum += square_of(x, c);
            }
        }
        sums
    }
}

#[inline(always)]
fn square<T: Real>(x: &[T], c: &[T], squares: &mut [f64; COLUMNS]) {
    for (column, square) in squares.iter_mut().enumerate() {
        *square = square_of(x[column], c[column]);
    }
}

#[inline(always)]
fn square_of<T: Real>(x: T, c: T) -> f64 {
    let difference = x.into() - c.into();
    difference * difference
}
