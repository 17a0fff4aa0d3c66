//! Straightforward versions: one number at a time, with `rand` and the functions of the standard library.

use super::Problem;
use rand::{Rng, RngExt, rngs::StdRng};
use std::iter::zip;

pub fn words(p: &mut Problem) {
    p.words.iter_mut().for_each(|word| *word = p.rng.next_u32());
}

pub fn uniform(p: &mut Problem) {
    p.out.iter_mut().for_each(|out| *out = p.rng.random());
}

pub fn exponential(p: &mut Problem) {
    p.out.iter_mut().for_each(|out| *out = -p.rng.random::<f32>().ln());
}

pub fn gumbel(p: &mut Problem) {
    p.out.iter_mut().for_each(|out| *out = gumbel_number(&mut p.rng));
}

pub fn logistic(p: &mut Problem) {
    for out in &mut p.out {
        let u: f32 = p.rng.random();
        *out = u.ln() - (1.0 - u).ln();
    }
}

pub fn softmax(p: &mut Problem) {
    p.out.copy_from_slice(&p.logits);
    p.out.chunks_exact_mut(p.k).for_each(normalize);
}

pub fn log_sum_exp(p: &mut Problem) {
    for (out, row) in zip(&mut p.per_row, p.logits.chunks_exact(p.k)) {
        *out = log_sum(row);
    }
}

pub fn gumbel_softmax(p: &mut Problem, tau: f32) {
    perturb(p, tau);
    p.out.chunks_exact_mut(p.k).for_each(normalize);
}

pub fn log_gumbel_softmax(p: &mut Problem) {
    perturb(p, p.tau);
    for row in p.out.chunks_exact_mut(p.k) {
        let log_sum = log_sum(row);
        row.iter_mut().for_each(|value| *value -= log_sum);
    }
}

pub fn gumbel_softmax_with_index(p: &mut Problem) {
    gumbel_softmax(p, p.tau);
    arg_max(p);
}

pub fn gumbel_max(p: &mut Problem) {
    perturb(p, 1.0);
    arg_max(p);
}

pub fn gumbel_top_k(p: &mut Problem) {
    perturb(p, 1.0);
    let mut order: Vec<u32> = Vec::with_capacity(p.k);
    for (keys, top) in zip(p.out.chunks_exact(p.k), p.top.chunks_exact_mut(p.count)) {
        order.clear();
        order.extend(0..p.k as u32);
        order.sort_unstable_by(|&a, &b| keys[b as usize].total_cmp(&keys[a as usize]));
        top.copy_from_slice(&order[..p.count]);
    }
}

pub fn gumbel_softmax_vjp(p: &mut Problem) {
    let rows = zip(p.sample.chunks_exact(p.k), p.logits.chunks_exact(p.k));
    for (out, (y, d)) in zip(p.out.chunks_exact_mut(p.k), rows) {
        let dot: f32 = zip(y, d).map(|(y, d)| y * d).sum();
        zip(out, zip(y, d)).for_each(|(out, (y, d))| *out = y * (d - dot) / p.tau);
    }
}

pub fn log_gumbel_softmax_vjp(p: &mut Problem) {
    let rows = zip(p.log_sample.chunks_exact(p.k), p.logits.chunks_exact(p.k));
    for (out, (y, d)) in zip(p.out.chunks_exact_mut(p.k), rows) {
        let sum: f32 = d.iter().sum();
        zip(out, zip(y, d)).for_each(|(out, (y, d))| *out = (d - y.exp() * sum) / p.tau);
    }
}

pub fn exp_concrete_log_prob(p: &mut Problem) {
    let constant = constant(p);
    let rows = zip(p.log_sample.chunks_exact(p.k), p.logits.chunks_exact(p.k));
    for (out, (y, logits)) in zip(&mut p.per_row, rows) {
        let tilted: Vec<f32> = zip(y, logits).map(|(y, logit)| logit - p.tau * y).collect();
        *out = constant + tilted.iter().sum::<f32>() - p.k as f32 * log_sum(&tilted);
    }
}

pub fn concrete_log_prob(p: &mut Problem) {
    to_log_space(p);
    exp_concrete_log_prob(p);
    for (out, y) in zip(&mut p.per_row, p.log_sample.chunks_exact(p.k)) {
        *out -= y.iter().sum::<f32>();
    }
}

pub fn exp_concrete_log_prob_vjp(p: &mut Problem) {
    let (k, tau) = (p.k as f32, p.tau);
    for row in 0..p.per_row.len() {
        let at = row * p.k..(row + 1) * p.k;
        let (y, logits) = (&p.log_sample[at.clone()], &p.logits[at.clone()]);
        let (d_y, d_logits) = (&mut p.out[at.clone()], &mut p.other[at]);
        zip(&mut *d_logits, zip(y, logits)).for_each(|(to, (y, logit))| *to = logit - tau * y);
        normalize(d_logits);
        d_logits.iter_mut().for_each(|value| *value = p.ones[row] * (1.0 - k * *value));
        zip(d_y, &*d_logits).for_each(|(d_y, d)| *d_y = -tau * d);
        p.per_row[row] = p.ones[row] * (k - 1.0) / tau - zip(y, d_logits).map(|(y, d)| y * *d).sum::<f32>();
    }
}

pub fn concrete_log_prob_vjp(p: &mut Problem) {
    to_log_space(p);
    exp_concrete_log_prob_vjp(p);
    for (row, d) in p.ones.iter().enumerate() {
        let at = row * p.k..(row + 1) * p.k;
        zip(&mut p.out[at.clone()], &p.sample[at]).for_each(|(d_x, x)| *d_x = (*d_x - d) / x);
    }
}

fn gumbel_number(rng: &mut StdRng) -> f32 {
    -(-rng.random::<f32>().ln()).ln()
}

fn perturb(p: &mut Problem, tau: f32) {
    zip(&mut p.out, &p.logits).for_each(|(out, logit)| *out = (logit + gumbel_number(&mut p.rng)) / tau);
}

fn max(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

fn normalize(row: &mut [f32]) {
    let max = max(row);
    row.iter_mut().for_each(|value| *value = (*value - max).exp());
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}

fn log_sum(row: &[f32]) -> f32 {
    let max = max(row);
    max + row.iter().map(|value| (value - max).exp()).sum::<f32>().ln()
}

fn arg_max(p: &mut Problem) {
    for (index, row) in zip(&mut p.index, p.out.chunks_exact(p.k)) {
        let better = |best: usize, (at, value): (usize, &f32)| if *value > row[best] { at } else { best };
        *index = row.iter().enumerate().fold(0, better) as u32;
    }
}

fn to_log_space(p: &mut Problem) {
    zip(&mut p.log_sample, &p.sample).for_each(|(y, x)| *y = x.ln());
}

pub fn adam_step(p: &mut Problem) {
    let root = (1.0 - 0.999f32.powi(1000)).sqrt();
    let correction = root / (1.0 - 0.9f32.powi(1000));
    let [first, second] = &mut p.moments;
    for (((p, g), m), v) in zip(zip(zip(&mut p.other, &p.logits), first), second) {
        *m = *m * 0.9 + g * 0.1;
        *v = *v * 0.999 + g * g * 0.001;
        *p -= *m * correction / (v.sqrt() + 1e-8 * root) * 1e-3;
    }
}

/// `ln Γ(k) + (k − 1) ln τ`
fn constant(p: &Problem) -> f32 {
    libm::lgammaf(p.k as f32) + (p.k as f32 - 1.0) * p.tau.ln()
}
