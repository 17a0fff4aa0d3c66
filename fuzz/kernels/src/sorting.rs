//! Sorts, ranks, quantiles and top-k in O(n log n).

use crate::message;
use crate::numbers::{Logits, cotangent, largest, no_nan, numbers, temperature, within};
use arbitrary::{Result, Unstructured};
use gumbel_kernels::{
    Direction, Error, Real, Regularization, isotonic_rank, isotonic_rank_vjp, isotonic_sort,
    isotonic_sort_vjp, lap_sum_quantile, lap_sum_quantile_vjp, lap_sum_rank, lap_sum_rank_vjp, lap_sum_sort,
    lap_sum_sort_vjp, lap_sum_top_k, lap_sum_top_k_vjp,
};

pub fn sorting(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let _ = match data.int_in_range(0..=3u8) {
        Ok(0) => orders::<f32>(&mut data),
        Ok(1) => orders::<f64>(&mut data),
        Ok(2) => top_k::<f32>(&mut data),
        _ => top_k::<f64>(&mut data),
    };
}

fn orders<T: Real>(data: &mut Unstructured) -> Result<()> {
    let Logits { mut values, k: n, rows } = Logits::<T>::new(data, 40, largest::<T>())?;
    if data.ratio(7, 8)? {
        values.iter_mut().filter(|value| value.is_infinite()).for_each(|value| *value = T::one());
    }
    let (tau, d) = (temperature::<T>(data, 0.0)?, numbers::<T>(data, values.len(), cotangent::<T>())?);
    let kind = *data.choose(&[Regularization::Quadratic, Regularization::Entropic])?;
    let direction = *data.choose(&[Direction::Descending, Direction::Ascending])?;
    let mut out = vec![T::nan(); values.len()];
    let done = isotonic_sort(&values, n, tau, kind, direction, &mut out);
    let valid = values.iter().all(|value| value.is_finite()) && tau > T::zero();
    assert!(done.is_ok() == valid, "{done:?}");
    if message::ok(done).is_none() {
        return Ok(());
    }
    let what = |name| format!("{name} {kind:?}, {direction:?}, tau {tau}, of {values:?}");
    no_nan(&what("isotonic_sort"), &out);
    isotonic_sort_vjp(&values, &d, n, tau, kind, direction, &mut out).expect("as before");
    no_nan(&what("isotonic_sort_vjp"), &out);
    let most = n as f64 * (1.0 + 1e-6);
    isotonic_rank(&values, n, tau, kind, direction, &mut out).expect("as before");
    within(&what("isotonic_rank"), &out, 1.0 - 1e-6, most);
    isotonic_rank_vjp(&values, &d, n, tau, kind, direction, &mut out).expect("as before");
    no_nan(&what("isotonic_rank_vjp"), &out);
    lap_sum_sort(&values, n, tau, direction, &mut out).expect("as before");
    no_nan(&what("lap_sum_sort"), &out);
    lap_sum_sort_vjp(&values, &d, n, tau, direction, &mut out).expect("as before");
    no_nan(&what("lap_sum_sort_vjp"), &out);
    lap_sum_rank(&values, n, tau, direction, &mut out).expect("as before");
    within(&what("lap_sum_rank"), &out, 1.0 - 1e-6, most);
    lap_sum_rank_vjp(&values, &d, n, tau, direction, &mut out).expect("as before");
    no_nan(&what("lap_sum_rank_vjp"), &out);
    let q = *data.choose(&[0.5, 0.0, 0.25, 1.0, 1e-300, 0.999])?;
    let mut quantile = vec![T::nan(); rows];
    let done = lap_sum_quantile(&values, n, q, tau, &mut quantile);
    assert!(done.is_ok() == (q > 0.0 && q < 1.0), "{done:?}");
    if message::ok(done).is_some() {
        no_nan(&what("lap_sum_quantile"), &quantile);
        lap_sum_quantile_vjp(&values, &d[..rows], n, q, tau, &mut out).expect("as before");
        no_nan(&what("lap_sum_quantile_vjp"), &out);
    }
    Ok(())
}

fn top_k<T: Real>(data: &mut Unstructured) -> Result<()> {
    let logits = Logits::<T>::new(data, 40, largest::<T>())?;
    let Logits { values, k: n, .. } = &logits;
    let (n, count, tau) = (*n, data.int_in_range(0..=*n)?, temperature::<T>(data, 0.0)?);
    let mut out = vec![T::nan(); values.len()];
    let done = lap_sum_top_k(values, n, count, tau, &mut out);
    let valid = count > 0 && tau > T::zero() && logits.unmasked().all(|open| open >= count);
    assert!(done.is_ok() == valid, "{done:?}");
    if let Err(error) = done {
        assert!(tau > T::zero() || error == Error::Temperature(tau.into()), "{error}");
        message::ok(Err::<(), _>(error));
        return Ok(());
    }
    let what = format!("lap_sum_top_k {count}, tau {tau}, of {values:?}");
    within(&what, &out, 0.0, 1.0);
    for (row, weights) in values.chunks(n).zip(out.chunks(n)) {
        let sum: f64 = weights.iter().map(|&weight| weight.into()).sum();
        assert!((sum - count as f64).abs() < 1e-4, "{what}: a row sums to {sum}");
        let masked = row.iter().zip(weights).filter(|(logit, _)| **logit == T::neg_infinity());
        masked.for_each(|(_, weight)| assert!(*weight == T::zero(), "{what}: {weight} at a mask"));
    }
    let d = numbers::<T>(data, values.len(), cotangent::<T>())?;
    lap_sum_top_k_vjp(values, &d, n, count, tau, &mut out).expect("as before");
    no_nan(&what, &out);
    Ok(())
}
