use super::*;
use crate::parallel::level::forced;
use crate::{Level, Stream, noise};

/// By the definition.
fn plain<T: Real>(points: &[T], codes: &[T], width: usize) -> (Vec<u32>, Vec<T>) {
    let of = |point: &[T]| {
        let distances = codes.chunks_exact(width).map(|code| squared_distance(point, code)).enumerate();
        let least = distances.fold((0, f64::INFINITY), |best, (k, d)| if d < best.1 { (k, d) } else { best });
        (least.0 as u32, T::from_f64(least.1))
    };
    points.chunks_exact(width).map(of).unzip()
}

fn squared_distance<T: Real>(point: &[T], code: &[T]) -> f64 {
    point.iter().zip(code).map(|(&x, &c)| (x.into() - c.into()).powi(2)).sum()
}

fn found<T: Real>(points: &[T], codes: &[T], width: usize) -> (Vec<u32>, Vec<T>) {
    let count = points.len() / width;
    let (mut index, mut distance) = (vec![u32::MAX; count], vec![T::nan(); count]);
    nearest(points, codes, width, &mut index, &mut distance).expect("finite");
    (index, distance)
}

fn normal<T: Real>(seed: u64, count: usize, shift: f64, scale: f64) -> Vec<T> {
    let mut values = vec![0.0f64; count];
    noise::normal(Stream::new(seed), &mut values);
    values.into_iter().map(|value| T::from_f64(shift + scale * value)).collect()
}

#[test]
fn results_are_those_of_the_definition_at_every_level_shape_and_scale() {
    for level in Level::available() {
        forced::at(level, 2, || {
            for (case, (count, codes, width)) in
                [(1, 1, 1), (5, 3, 2), (6, 16, 7), (13, 17, 5), (600, 33, 3), (97, 130, 19), (40, 64, 64)]
                    .into_iter()
                    .enumerate()
            {
                // A large common part cancels in the expansion; tiny squares underflow; huge ones overflow.
                for (shift, scale) in [(0.0, 1.0), (1e4, 1.0), (0.0, 1e-25), (0.0, 1e22), (3e4, 1e-3)] {
                    let case = case as u64;
                    let points: Vec<f32> = normal(2 * case, count * width, shift, scale);
                    let book: Vec<f32> = normal(2 * case + 1, codes * width, shift, scale);
                    assert_eq!(found(&points, &book, width), plain(&points, &book, width), "{shift} {scale}");
                }
                let points: Vec<f64> = normal(7, count * width, 1e9, 1.0);
                let book: Vec<f64> = normal(8, codes * width, 1e9, 1.0);
                assert_eq!(found(&points, &book, width), plain(&points, &book, width));
            }
        });
    }
}

/// Points around tiles and blocks, codes around panels and groups, columns around the parts of a panel.
#[test]
fn results_are_those_of_the_definition_around_the_edges_of_blocks() {
    const SHAPES: [(usize, usize, usize); 11] = [
        (7, 15, 255),
        (8, 16, 256),
        (9, 17, 257),
        (127, 64, 7),
        (128, 65, 8),
        (257, 145, 9),
        (126, 143, 16),
        (253, 400, 3),
        (25, 33, 511),
        (5, 289, 513),
        (34, 20, 2100),
    ];
    for level in Level::available() {
        forced::at(level, 2, || {
            for (case, (count, codes, width)) in (0u64..).zip(SHAPES) {
                for shift in [0.0, 1e4] {
                    let points: Vec<f32> = normal(2 * case, count * width, shift, 1.0);
                    let book: Vec<f32> = normal(2 * case + 1, codes * width, shift, 1.0);
                    assert_eq!(found(&points, &book, width), plain(&points, &book, width), "{case} {shift}");
                    // Integers: many distances are equal, in one group and in several.
                    let [points, book] = [&points, &book].map(|numbers| rounded(numbers, shift as f32));
                    assert_eq!(found(&points, &book, width), plain(&points, &book, width), "{case} {shift}");
                }
                let points: Vec<f64> = normal(2 * case, count * width, 1e6, 1.0);
                let book: Vec<f64> = normal(2 * case + 1, codes * width, 1e6, 1.0);
                assert_eq!(found(&points, &book, width), plain(&points, &book, width), "{case}");
            }
        });
    }
}

fn rounded(numbers: &[f32], shift: f32) -> Vec<f32> {
    numbers.iter().map(|number| (number - shift).clamp(-1.0, 1.0).round()).collect()
}

#[test]
fn distances_may_overflow() {
    assert_eq!(found(&[1e200, 0.0], &[0.0, 0.0], 1), (vec![0, 0], vec![f64::INFINITY, 0.0]));
    assert_eq!(found(&[0.0, 1e200], &[1e200, -1e200], 1), (vec![0, 0], vec![f64::INFINITY, 0.0]));
}

#[test]
fn the_first_of_equal_codes_is_chosen() {
    // Integers: many distances are exactly equal, and every code occurs twice.
    let integers = |seed, count| -> Vec<f32> {
        normal::<f32>(seed, count, 0.0, 1.5).into_iter().map(f32::round).collect()
    };
    let (points, half) = (integers(1, 400 * 3), integers(2, 40 * 3));
    let book = [half.clone(), half].concat();
    let (index, distance) = found(&points, &book, 3);
    assert_eq!((index.clone(), distance), plain(&points, &book, 3));
    assert!(index.iter().all(|&k| k < 40));
    let opposite = [1e-20f32, 0.0, -1e-20, 0.0];
    assert_eq!(found(&[0.0, 1.0], &opposite, 2).0, [0]);
}

/// Two codes whose distances differ by less than single precision can express after an expansion.
#[test]
fn near_ties_are_decided_exactly() {
    let (x, near, far) = (1000.0f32, 1000.0f32 + 2f32.powi(-10), 1000.0 - 2f32.powi(-9));
    assert_eq!(found(&[x], &[far, near], 1), (vec![1], vec![2f32.powi(-20)]));
}

#[test]
fn invalid_numbers_are_named() {
    let refused = |points: &[f64], codes: &[f64]| {
        nearest(points, codes, 2, &mut vec![0; points.len() / 2], &mut vec![0.0; points.len() / 2])
    };
    let error = refused(&[0.0, 0.0, f64::NAN, 0.0], &[0.0; 2]).unwrap_err();
    assert_eq!(error.to_string(), "the point at row 1, column 0 is NaN; expected a finite number");
    let error = refused(&[0.0; 2], &[0.0, f64::INFINITY]).unwrap_err();
    assert_eq!(error.to_string(), "the code at row 0, column 1 is inf; expected a finite number");
    assert_eq!(refused(&[0.0; 2], &[]), Err(Error::Categories(0)));
    assert_eq!(refused(&[], &[0.0; 2]), Ok(()));
}

#[test]
#[should_panic(expected = "the index has length 1, expected 2")]
fn lengths_must_match() {
    let _ = nearest(&[0.0f32; 2], &[0.0], 1, &mut [0], &mut [0.0; 2]);
}
