//! Gumbel distributions, truncated ones too.

use super::*;

/// `x − μ`, in units of the scale.
fn standard(row: &Row, i: usize) -> f64 {
    (row.near(row.tau)[i] - row.logits[i]) / row.tau
}

fn gumbel(row: &Row) -> Result<Gumbel<2>, Error> {
    Gumbel::new(row.tensor(), row.tau)
}

fn at(row: &Row) -> Tensor<2> {
    row.of(&row.near(row.tau))
}

/// The scale of a second Gumbel distribution.
fn other_scale(row: &Row) -> f64 {
    row.tau * [1.0, 1.001, 0.5, 3.0][row.seed as usize % 4]
}

/// `δ + Γ(1 + r) e⁻ᵟ + γ (r − 1) − ln r − 1`.
fn gumbel_kl(row: &Row, i: usize) -> Exact {
    let (ratio, scale) = (row.tau / other_scale(row), other_scale(row));
    let shift = (row.logits[i] - row.other()[i]) / scale;
    let weight = (libm::lgamma(1.0 + ratio) - shift).exp();
    let terms = [shift, weight, EULER * (ratio - 1.0), -ratio.ln(), -1.0];
    let slope = (1.0 - weight).abs() * (shift.abs() + libm::lgamma(1.0 + ratio).abs());
    let size: f64 = terms.iter().map(|term| term.abs() * (1.0 + shift.abs())).sum();
    (terms.iter().sum::<f64>().max(0.0), slope + of_reference(row, size))
}

fn log_survival(z: f64) -> f64 {
    let rate = (-z).exp();
    match rate {
        rate if rate < 1e-17 => -z,
        rate if rate < 0.5 => (-(-rate).exp_m1()).ln(),
        rate => (-(-rate).exp()).ln_1p(),
    }
}

/// Bounds of truncated distributions, from far below the locations to none.
fn bounds(row: &Row) -> Vec<f64> {
    let offsets = row.choices(4, &[-60.0, -3.0, -0.1, 0.0, 2.0, 40.0, f64::INFINITY]);
    let bound = |(&offset, &location): (&f64, &f64)| location + offset;
    let finite = row.rounded(offsets.iter().zip(&row.logits).map(bound));
    offsets
        .iter()
        .zip(finite)
        .map(|(&offset, bound)| if offset.is_finite() { bound } else { offset })
        .collect()
}

fn truncated(row: &Row) -> Result<TruncatedGumbel<2>, Error> {
    TruncatedGumbel::new(row.tensor(), row.of(&bounds(row)))
}

/// Points below the bounds.
fn below(row: &Row) -> Vec<f64> {
    let gaps = row.choices(5, &[0.0, 1e-3, 0.5, 5.0, 60.0]);
    let tops = bounds(row);
    let top = |i: usize| if tops[i].is_finite() { tops[i] } else { row.logits[i] + 3.0 };
    let points = row.rounded((0..gaps.len()).map(|i| top(i) - gaps[i]));
    points.into_iter().zip(tops).map(|(x, top)| x.min(top)).collect()
}

/// `e⁻ᶻ − e⁻ᵗ` of a point, and its rounding.
fn excess(row: &Row, i: usize) -> Exact {
    let (x, bound, location) = (below(row)[i], bounds(row)[i], row.logits[i]);
    let (z, t) = (x - location, bound - location);
    let value = if bound.is_finite() { (-t).exp() * (bound - x).exp_m1() } else { (-z).exp() };
    // Of a large t the product is 0 · ∞.
    let value = if value.is_nan() || t > 300.0 { (-z).exp() - (-t).exp() } else { value };
    (value, value * (1.0 + z.abs() + if t.is_finite() { t.abs() } else { 0.0 }))
}

/// The mean of the standard distribution that is truncated at t: `t − ∫ e⁻ʷ / (w + s) dw` with `s = e⁻ᵗ`.
fn standard_mean(t: f64) -> f64 {
    let s = (-t).exp();
    if s < 1e-10 {
        return EULER - if s == 0.0 { 0.0 } else { s * (t - EULER + 1.0) };
    }
    let node = |i: i32| {
        let u = f64::from(i) * 0.01;
        let w = (u - (-u).exp()).exp();
        0.01 * (-w).exp() * w * (1.0 + (-u).exp()) / (w + s)
    };
    t - (-660..600).map(node).sum::<f64>()
}

fn truncated_mean(row: &Row, i: usize) -> Exact {
    let t = bounds(row)[i] - row.logits[i];
    (standard_mean(t), if t < 50.0 { t.abs() } else { 0.0 } + of_reference(row, 100.0))
}

pub(super) fn laws() -> Vec<Law> {
    gumbels().into_iter().chain(truncations()).collect()
}

fn gumbels() -> Vec<Law> {
    vec![
        Law::of_numbers(
            "Gumbel::log_prob",
            |row| Ok(gumbel(row)?.log_prob(at(row))),
            |row| {
                each(row, |i| {
                    let (z, log) = (standard(row, i), row.tau.ln());
                    (-z - (-z).exp() - log, z.abs() + (-z).exp() * (1.0 + z.abs()) + log.abs())
                })
            },
        ),
        Law::of_numbers(
            "Gumbel::cdf",
            |row| Ok(gumbel(row)?.cdf(at(row))),
            |row| {
                each(row, |i| {
                    let z = standard(row, i);
                    let p = (-(-z).exp()).exp();
                    (p, if p > 0.0 { p * (-z).exp() * (1.0 + z.abs()) } else { 0.0 })
                })
            },
        ),
        Law::of_numbers(
            "Gumbel::log_cdf",
            |row| Ok(gumbel(row)?.log_cdf(at(row))),
            |row| {
                each(row, |i| {
                    let z = standard(row, i);
                    (-(-z).exp(), (-z).exp() * (1.0 + z.abs()))
                })
            },
        ),
        Law::of_numbers(
            "Gumbel::log_survival",
            |row| Ok(gumbel(row)?.log_survival(at(row))),
            |row| {
                each(row, |i| {
                    let z = standard(row, i);
                    let (rate, value) = ((-z).exp(), log_survival(z));
                    let slope = if rate < 1e-8 { 1.0 } else { rate / rate.exp_m1() };
                    (value, if slope > 0.0 { slope * z.abs() } else { 0.0 })
                })
            },
        ),
        Law::of_numbers(
            "Gumbel::quantile",
            |row| Ok(gumbel(row)?.quantile(row.of(&row.uniforms(9)))),
            |row| {
                let u = row.rounded(row.uniforms(9));
                each(row, |i| {
                    let log = (-u[i].ln()).ln();
                    (row.logits[i] - row.tau * log, row.logits[i].abs() + row.tau * (1.0 + log.abs()))
                })
            },
        ),
        Law::of_numbers(
            "Gumbel::sample",
            |row| Ok(gumbel(row)?.sample(&mut seeded(row))),
            |row| {
                let noise = noise_of(row, |zeros, noise| Gumbel::new(zeros, 1.0).unwrap().sample(noise));
                each(row, |i| {
                    (row.logits[i] + row.tau * noise[i], row.logits[i].abs() + row.tau * noise[i].abs())
                })
            },
        ),
        Law::of_numbers(
            "Gumbel::mean",
            |row| Ok(gumbel(row)?.mean()),
            |row| each(row, |i| (row.logits[i] + EULER * row.tau, row.logits[i].abs() + row.tau)),
        ),
        Law::of_numbers(
            "Gumbel::mode",
            |row| Ok(gumbel(row)?.mode()),
            |row| each(row, |i| (row.logits[i], 0.0)),
        ),
        Law::of_numbers(
            "Gumbel::variance",
            |row| Ok(gumbel(row)?.variance()),
            |row| each(row, |_| ((std::f64::consts::PI * row.tau).powi(2) / 6.0, 0.0)),
        ),
        Law::of_numbers(
            "Gumbel::entropy",
            |row| Ok(gumbel(row)?.entropy()),
            |row| each(row, |_| (1.0 + EULER + row.tau.ln(), 1.0 + row.tau.ln().abs())),
        ),
        Law::of_numbers(
            "Gumbel::kl",
            |row| Ok(gumbel(row)?.kl(&Gumbel::new(row.of(&row.other()), other_scale(row))?)),
            |row| each(row, |i| gumbel_kl(row, i)),
        ),
    ]
}

fn truncations() -> Vec<Law> {
    vec![
        Law::of_numbers(
            "TruncatedGumbel::log_prob",
            |row| Ok(truncated(row)?.log_prob(row.of(&below(row)))),
            |row| {
                each(row, |i| {
                    let (z, (excess, size)) = (below(row)[i] - row.logits[i], excess(row, i));
                    (-z - excess, z.abs() + size)
                })
            },
        ),
        Law::of_numbers(
            "TruncatedGumbel::log_cdf",
            |row| Ok(truncated(row)?.log_cdf(row.of(&below(row)))),
            |row| {
                each(row, |i| {
                    let (excess, size) = excess(row, i);
                    (-excess, size)
                })
            },
        ),
        Law::of_numbers(
            "TruncatedGumbel::mean",
            |row| Ok(truncated(row)?.mean()),
            |row| {
                each(row, |i| {
                    let (mean, size) = truncated_mean(row, i);
                    (row.logits[i] + mean, row.logits[i].abs() + mean.abs() + size)
                })
            },
        ),
        Law::of_numbers(
            "TruncatedGumbel::entropy",
            |row| Ok(truncated(row)?.entropy()),
            |row| {
                each(row, |i| {
                    let (mean, size) = truncated_mean(row, i);
                    (1.0 + mean, 1.0 + mean.abs() + size)
                })
            },
        ),
        Law::of_numbers(
            "TruncatedGumbel::mode",
            |row| Ok(truncated(row)?.mode()),
            |row| each(row, |i| (row.logits[i].min(bounds(row)[i]), 0.0)),
        ),
        Law::of_numbers(
            "TruncatedGumbel::sample",
            |row| Ok(truncated(row)?.sample(&mut seeded(row))),
            |row| {
                let noise = noise_of(row, |zeros, noise| {
                    let none = zeros.full_like(f32::INFINITY);
                    TruncatedGumbel::new(zeros, none).unwrap().sample(noise)
                });
                each(row, |i| {
                    let (location, bound) = (row.logits[i], bounds(row)[i]);
                    let (a, b) = (-noise[i], location - bound);
                    let log = a.max(b) + (-(a - b).abs()).exp().ln_1p();
                    let size =
                        location.abs() + log.abs() + a.abs() + if b.is_finite() { b.abs() } else { 0.0 };
                    ((location - log).min(bound), size)
                })
            },
        ),
    ]
}
