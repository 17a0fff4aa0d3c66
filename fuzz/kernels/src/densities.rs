//! Log-densities and log-masses, their divergences and their gradients.

use crate::message;
use crate::numbers::{Logits, cotangent, largest, no_nan, numbers, stream, temperature, within};
use arbitrary::{Result, Unstructured};
use gumbel_kernels::{
    Logit, Real, bernoulli_log_prob, bernoulli_log_prob_vjp, binary_concrete_log_prob,
    binary_concrete_log_prob_vjp, binary_concrete_unit_log_prob, binary_concrete_unit_log_prob_vjp,
    categorical, concrete_log_prob, concrete_log_prob_vjp, exp_concrete_log_prob, exp_concrete_log_prob_vjp,
    gumbel_softmax, log_gumbel_softmax,
};

/// The least temperature: a logarithm of a sample is in proportion to its reciprocal, and must not overflow.
const COLD: f64 = 1e-3;

pub fn densities(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let _ = match data.int_in_range(0..=1u8) {
        Ok(0) => all::<f32>(&mut data),
        _ => all::<f64>(&mut data),
    };
}

fn all<T: Real + Logit<Real = T>>(data: &mut Unstructured) -> Result<()> {
    match data.int_in_range(0..=3u8)? {
        0 => masses::<T>(data),
        1 => relaxed::<T>(data),
        2 => binary::<T>(data),
        _ => bits::<T>(data),
    }
}

/// Masses, entropy and divergence of categoricals.
fn masses<T: Real + Logit<Real = T>>(data: &mut Unstructured) -> Result<()> {
    let logits = Logits::<T>::new(data, 700, largest::<T>())?;
    let Logits { values, k, rows } = &logits;
    let index = (0..*rows).map(|_| data.int_in_range(0..=*k as u32)).collect::<Result<Vec<u32>>>()?;
    let mut out = vec![T::nan(); *rows];
    let valid = logits.sampleable();
    let done = categorical::log_prob(values, &index, *k, &mut out);
    assert_eq!(done.is_ok(), valid && index.iter().all(|&index| index < *k as u32), "{done:?}");
    if message::ok(done).is_some() {
        within("categorical::log_prob", &out, f64::NEG_INFINITY, 1e-5);
    }
    if message::ok(categorical::entropy(values, *k, &mut out)).is_some() {
        within("categorical::entropy", &out, 0.0, (*k as f64).ln() + 1e-4);
    }
    let mut other = numbers::<T>(data, values.len(), largest::<T>())?;
    if data.ratio(1, 2)? {
        // Near equals, whose divergence is all rounding.
        other.iter_mut().zip(values).for_each(|(other, &value)| *other = value * T::from_f64(1.0 + 1e-4));
        other.iter_mut().filter(|other| **other == T::infinity()).for_each(|other| *other = T::max_value());
    }
    if message::ok(categorical::kl(values, &other, *k, &mut out)).is_some() {
        within("categorical::kl", &out, 0.0, f64::INFINITY);
    }
    Ok(())
}

/// Densities of relaxed samples at samples of the same and of other logits, saturated or not.
fn relaxed<T: Real + Logit<Real = T>>(data: &mut Unstructured) -> Result<()> {
    let limit = if data.ratio(1, 2)? { 30.0 } else { 1e4 };
    let logits = Logits::<T>::new(data, 600, limit)?;
    let (k, tau, stream) = (logits.k, temperature::<T>(data, COLD)?, stream(data)?);
    let d = numbers::<T>(data, logits.rows, cotangent::<T>().sqrt())?;
    let [mut x, mut y] = [(); 2].map(|()| vec![T::zero(); logits.values.len()]);
    let drawn = gumbel_softmax(&logits.values, k, temperature::<T>(data, COLD)?, stream, &mut x);
    if message::ok(drawn).is_none() {
        return Ok(());
    }
    log_gumbel_softmax(&logits.values, k, tau, stream, &mut y).expect("as before");
    let mut out = vec![T::nan(); logits.rows];
    let [mut d_logits, mut d_sample] = [(); 2].map(|()| vec![T::nan(); x.len()]);
    let mut d_tau = vec![T::nan(); logits.rows];
    if message::ok(concrete_log_prob(&logits.values, &x, k, tau, &mut out)).is_some() {
        no_nan(&format!("concrete_log_prob, tau {tau}, x {x:?}"), &out);
        concrete_log_prob_vjp(&logits.values, &x, &d, k, tau, &mut d_logits, &mut d_sample, &mut d_tau)
            .expect("as before");
        no_nan(&format!("concrete_log_prob_vjp, tau {tau}"), &[&d_logits[..], &d_sample, &d_tau].concat());
    }
    if message::ok(exp_concrete_log_prob(&logits.values, &y, k, tau, &mut out)).is_some() {
        no_nan(&format!("exp_concrete_log_prob, tau {tau}, y {y:?}"), &out);
        exp_concrete_log_prob_vjp(&logits.values, &y, &d, k, tau, &mut d_logits, &mut d_sample, &mut d_tau)
            .expect("as before");
        no_nan(
            &format!("exp_concrete_log_prob_vjp, tau {tau}"),
            &[&d_logits[..], &d_sample, &d_tau].concat(),
        );
    }
    Ok(())
}

/// Densities of relaxed bits, over the whole line and the closed unit interval.
fn binary<T: Real>(data: &mut Unstructured) -> Result<()> {
    let (count, tau) = (data.int_in_range(0..=40)?, temperature::<T>(data, COLD)?);
    let log_odds = numbers::<T>(data, count, 1e4)?;
    let mut y = numbers::<T>(data, count, 1e4)?;
    let d = numbers::<T>(data, count, cotangent::<T>().sqrt())?;
    for y in &mut y {
        match data.int_in_range(0..=9u8)? {
            0 => *y = T::infinity(),
            1 => *y = T::neg_infinity(),
            _ => {}
        }
    }
    let x: Vec<T> = y.iter().map(|&y| (T::one() + (-y).exp()).recip()).collect();
    let [mut out, mut a, mut b, mut c] = [(); 4].map(|()| vec![T::nan(); count]);
    if message::ok(binary_concrete_log_prob(&log_odds, &y, tau, &mut out)).is_some() {
        no_nan(&format!("binary_concrete_log_prob, tau {tau}, {log_odds:?}, {y:?}"), &out);
        binary_concrete_log_prob_vjp(&log_odds, &y, &d, tau, &mut a, &mut b, &mut c).expect("as before");
        no_nan(&format!("binary_concrete_log_prob_vjp, tau {tau}, {y:?}"), &[&a[..], &b, &c].concat());
    }
    if message::ok(binary_concrete_unit_log_prob(&log_odds, &x, tau, &mut out)).is_some() {
        no_nan(&format!("binary_concrete_unit_log_prob, tau {tau}, {log_odds:?}, {x:?}"), &out);
        binary_concrete_unit_log_prob_vjp(&log_odds, &x, &d, tau, &mut a, &mut b, &mut c).expect("as before");
        no_nan(&format!("binary_concrete_unit_log_prob_vjp, tau {tau}, {x:?}"), &[&a[..], &b, &c].concat());
    }
    Ok(())
}

/// The likelihood of bits.
fn bits<T: Real>(data: &mut Unstructured) -> Result<()> {
    let (k, rows) = (data.int_in_range(1..=700)?, data.int_in_range(0..=3)?);
    let logits = numbers::<T>(data, rows * k, cotangent::<T>())?;
    let x: Vec<T> = (0..rows * k).map(|i| T::from_f64((i % 2) as f64)).collect();
    let d = numbers::<T>(data, rows, cotangent::<T>())?;
    let (mut out, mut slope) = (vec![T::nan(); rows], vec![T::nan(); rows * k]);
    bernoulli_log_prob(&logits, &x, k, &mut out).expect("rows of k");
    within("bernoulli_log_prob", &out, f64::NEG_INFINITY, 0.0);
    bernoulli_log_prob_vjp(&logits, &x, &d, k, &mut slope).expect("rows of k");
    no_nan("bernoulli_log_prob_vjp", &slope);
    Ok(())
}
