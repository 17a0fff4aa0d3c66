//! Normalisers of rows, and their gradients.

use crate::message;
use crate::numbers::{Logits, coldest, cotangent, largest, no_nan, number, numbers, temperature, within};
use arbitrary::{Result, Unstructured};
use gumbel_kernels::{
    AdamStep, Error, Logit, Real, adam_step, entmax, entmax_alpha_derivative, entmax_vjp, log_softmax,
    log_softmax_vjp, log_sum_exp, log_sum_exp_vjp, softmax, softmax_vjp,
};

pub fn slopes(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let _ = match data.int_in_range(0..=1u8) {
        Ok(0) => rows::<f32>(&mut data).and_then(|()| adam(&mut data)),
        _ => rows::<f64>(&mut data),
    };
}

fn rows<T: Real + Logit<Real = T>>(data: &mut Unstructured) -> Result<()> {
    let logits = Logits::<T>::new(data, 700, largest::<T>())?;
    let Logits { values, k, rows } = &logits;
    let [mut y, mut log] = [(); 2].map(|()| vec![T::nan(); values.len()]);
    let done = softmax(values, *k, &mut y);
    assert_eq!(done.is_ok(), logits.sampleable(), "{done:?}");
    assert_eq!(log_softmax(values, *k, &mut log), done);
    let mut total = vec![T::nan(); *rows];
    assert_eq!(log_sum_exp(values, *k, &mut total), done);
    sparse(&logits, &done, data)?;
    if message::ok(done).is_none() {
        return Ok(());
    }
    within("softmax", &y, 0.0, 1.0 + 1e-6);
    within("log_softmax", &log, f64::NEG_INFINITY, 1e-5);
    no_nan("log_sum_exp", &total);
    let (dy, d) = (numbers(data, values.len(), cotangent::<T>())?, numbers(data, *rows, cotangent::<T>())?);
    let mut out = vec![T::nan(); values.len()];
    softmax_vjp(&y, &dy, *k, &mut out).expect("rows of k");
    no_nan("softmax_vjp", &out);
    log_softmax_vjp(&log, &dy, *k, &mut out).expect("rows of k");
    no_nan("log_softmax_vjp", &out);
    log_sum_exp_vjp(values, &d, *k, &mut out).expect("as before");
    no_nan("log_sum_exp_vjp", &out);
    invalid(logits, data)
}

/// Entmax of any order from 1 up, and its gradients.
fn sparse<T: Real>(
    logits: &Logits<T>,
    expected: &std::result::Result<(), Error>,
    data: &mut Unstructured,
) -> Result<()> {
    let usual = T::from_f64(*data.choose(&[1.0, 1.0 + 1e-9, 1.25, 1.5, 2.0, 3.0, 100.0])?);
    let alpha =
        if data.ratio(1, 2)? { usual } else { number::<T>(data, largest::<T>())?.abs().max(T::one()) };
    let tau = temperature::<T>(data, coldest::<T>())?;
    let mut y = vec![T::nan(); logits.values.len()];
    let done = entmax(&logits.values, logits.k, alpha, tau, &mut y);
    assert_eq!(done.is_ok(), expected.is_ok(), "{done:?}");
    if message::ok(done).is_none() {
        return Ok(());
    }
    within("entmax", &y, 0.0, 1.0 + 1e-6);
    for row in y.chunks(logits.k) {
        let sum: f64 = row.iter().map(|&value| value.into()).sum();
        assert!((sum - 1.0).abs() < 1e-4, "entmax of order {alpha} that sums to {sum}: {row:?}");
    }
    let dy = numbers(data, y.len(), cotangent::<T>())?;
    let mut out = vec![T::nan(); y.len()];
    entmax_vjp(&y, &dy, logits.k, alpha, tau, &mut out).expect("as before");
    no_nan(&format!("entmax_vjp, alpha {alpha}, tau {tau}"), &out);
    entmax_alpha_derivative(&y, logits.k, alpha, &mut out).expect("as before");
    no_nan(&format!("entmax_alpha_derivative, alpha {alpha}"), &out);
    Ok(())
}

/// One logit that is NaN or +inf: an error that names it.
fn invalid<T: Real + Logit<Real = T>>(mut logits: Logits<T>, data: &mut Unstructured) -> Result<()> {
    if logits.values.is_empty() {
        return Ok(());
    }
    let place = data.choose_index(logits.values.len())?;
    logits.values[place] = *data.choose(&[T::nan(), T::infinity()])?;
    let mut out = logits.values.clone();
    match softmax(&logits.values, logits.k, &mut out) {
        Err(Error::Logit { row, column, .. }) => assert_eq!(row * logits.k + column, place),
        other => panic!("{other:?} for the logit {} at {place}", logits.values[place]),
    }
    Ok(())
}

/// A step of Adam.
fn adam(data: &mut Unstructured) -> Result<()> {
    let count = data.int_in_range(0..=40)?;
    let [mut parameter, gradient, mut first] =
        [(); 3].map(|()| numbers::<f32>(data, count, 1e18).unwrap_or_else(|_| vec![1.0; count]));
    let mut second: Vec<f32> = first.iter().map(|moment| moment * moment).collect();
    let step = AdamStep::new(number::<f32>(data, 1e3)?, data.int_in_range(1..=usize::MAX)?);
    adam_step(&mut parameter, &gradient, &mut first, &mut second, step);
    no_nan("adam_step", &[parameter, first, second].concat());
    Ok(())
}
