//! The nearest code of a point.

use crate::message;
use crate::numbers::{largest, number, numbers};
use arbitrary::{Result, Unstructured};
use gumbel_kernels::{Real, nearest};

pub fn codes(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let _ = match data.int_in_range(0..=1u8) {
        Ok(0) => nearest_codes::<f32>(&mut data),
        _ => nearest_codes::<f64>(&mut data),
    };
}

/// By the definition, for numbers of any magnitude, some of them equal, and an error for those that are not finite.
fn nearest_codes<T: Real>(data: &mut Unstructured) -> Result<()> {
    let (width, count) = (data.int_in_range(1..=6usize)?, data.int_in_range(0..=9usize)?);
    let limit = number::<T>(data, largest::<T>())?.abs().into();
    let mut points = numbers::<T>(data, count * width, limit)?;
    let book_size = data.int_in_range(0..=40usize)?;
    let book = numbers::<T>(data, book_size * width, limit)?;
    if data.ratio(1, 8)? && !points.is_empty() {
        points[0] = T::nan();
    }
    let finite = points.iter().all(|x| x.is_finite());
    let (mut index, mut distance) = (vec![u32::MAX; count], vec![T::nan(); count]);
    let done = nearest(&points, &book, width, &mut index, &mut distance);
    assert_eq!(done.is_ok(), finite && book_size > 0, "{done:?}");
    if message::ok(done).is_none() {
        return Ok(());
    }
    for ((point, &index), &distance) in points.chunks(width).zip(&index).zip(&distance) {
        let squares = |code: &[T]| -> f64 {
            point.iter().zip(code).map(|(&x, &c)| (x.into() - c.into()).powi(2)).sum()
        };
        let all: Vec<f64> = book.chunks(width).map(squares).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let first = all.iter().position(|&distance| distance == least).expect("one is the least");
        assert_eq!(index as usize, first, "{point:?}: {all:?}");
        assert_eq!(distance, T::from_f64(least));
    }
    Ok(())
}
