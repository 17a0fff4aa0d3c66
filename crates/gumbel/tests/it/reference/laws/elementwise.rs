//! The distributions of single numbers.

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

fn binary(row: &Row) -> Result<BinaryConcrete<2>, Error> {
    BinaryConcrete::new(row.tensor(), row.tau)
}

/// Logits of relaxed bits.
fn relaxed(row: &Row) -> Vec<f64> {
    let noise = row.choices(6, &[-30.0, -2.0, 0.0, 0.5, 3.0]);
    row.rounded(row.logits.iter().zip(noise).map(|(logit, noise)| (logit + noise) / row.tau))
}

/// `ℓ − τ y`, and the size of its terms.
fn tilted(row: &Row, i: usize) -> Exact {
    let y = relaxed(row)[i];
    (row.logits[i] - row.tau * y, row.logits[i].abs() + (row.tau * y).abs())
}

/// `δ coth(δ/2) − 2`.
fn binary_kl(row: &Row, i: usize) -> Exact {
    let gap = (row.logits[i] - row.other()[i]).abs();
    if gap < 0.05 {
        let square = gap * gap;
        return (square / 6.0 * (1.0 - square / 60.0 * (1.0 - square / 42.0)), 0.0);
    }
    (gap / (0.5 * gap).tanh() - 2.0, of_reference(row, 4.0))
}

fn bernoulli(row: &Row) -> Result<Bernoulli<2>, Error> {
    Bernoulli::new(row.tensor())
}

/// Numbers in the type of the row's computations.
fn at_least_single(row: &Row, values: &[f64]) -> Tensor<2> {
    let dtype = if row.dtype == DType::F64 { DType::F64 } else { DType::F32 };
    row.of(values).cast(dtype)
}

fn bits(row: &Row) -> Vec<f64> {
    row.choices(7, &[0.0, 1.0])
}

fn bernoulli_kl(row: &Row, i: usize) -> Exact {
    let (q, p) = (row.logits[i], row.other()[i]);
    let terms = [sigmoid(q) * (softplus(-p) - softplus(-q)), sigmoid(-q) * (softplus(p) - softplus(q))];
    let size = [sigmoid(q) * (softplus(-p) + softplus(-q)), sigmoid(-q) * (softplus(p) + softplus(q))];
    let value = terms.iter().sum::<f64>().max(0.0);
    // Up to five digits in binary are lost where a series ends.
    (value, 32.0 * value + of_reference(row, size.iter().sum()))
}

const STRETCH: (f64, f64) = (-0.1, 1.1);

fn hard(row: &Row) -> Result<HardConcrete<2>, Error> {
    HardConcrete::new(row.tensor(), row.tau)
}

/// The log-odds of a closed and of a full gate, and the size of their terms.
fn closing(row: &Row, i: usize) -> Exact {
    let constant = row.tau * (-STRETCH.0 / STRETCH.1).ln();
    (constant - row.logits[i], row.logits[i].abs() + constant.abs())
}

fn filling(row: &Row, i: usize) -> Exact {
    let constant = row.tau * ((1.0 - STRETCH.0) / (STRETCH.1 - 1.0)).ln();
    (row.logits[i] - constant, row.logits[i].abs() + constant.abs())
}

fn gate(logit: f64) -> f64 {
    (STRETCH.0 + (STRETCH.1 - STRETCH.0) * sigmoid(logit)).clamp(0.0, 1.0)
}

fn gates(row: &Row) -> Vec<f64> {
    row.rounded(row.choices(8, &[0.0, 0.001, 0.3, 0.5, 0.98, 1.0]))
}

fn gate_log_prob(row: &Row, i: usize) -> Exact {
    let (z, (low, high)) = (gates(row)[i], STRETCH);
    if z == 0.0 || z == 1.0 {
        let (x, size) = if z == 0.0 { closing(row, i) } else { filling(row, i) };
        return log_probability(row, x, size);
    }
    let (above, under) = ((z - low).ln(), (high - z).ln());
    let x = row.logits[i] - row.tau * (above - under);
    let density = x - 2.0 * softplus(x) + row.tau.ln() + (high - low).ln() - above - under;
    (density, 8.0 + row.tau.ln().abs() + row.logits[i].abs() + row.tau * (8.0 + above.abs() + under.abs()))
}

/// Standard noise in the type of the row's computations.
fn noise_of(row: &Row, draw: fn(Tensor<2>, &mut Noise) -> Tensor<2>) -> Vec<f64> {
    numbers(draw(row.tensor().zeros_like(), &mut Noise::from_seed(row.seed)))
}

fn logistics(row: &Row) -> Vec<f64> {
    noise_of(row, |zeros, noise| BinaryConcrete::new(zeros, 1.0).unwrap().sample(noise))
}

fn seeded(row: &Row) -> Noise {
    Noise::from_seed(row.seed)
}

pub(super) fn laws() -> Vec<Law> {
    gumbels().into_iter().chain(truncations()).chain(binaries()).chain(bernoullis()).chain(gated()).collect()
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

fn binaries() -> Vec<Law> {
    vec![
        Law::of_numbers(
            "BinaryConcrete::log_prob",
            |row| Ok(binary(row)?.log_prob(row.of(&relaxed(row)))),
            |row| {
                each(row, |i| {
                    let (x, size) = tilted(row, i);
                    (x - 2.0 * softplus(x) + row.tau.ln(), size + row.tau.ln().abs() + 1.0)
                })
            },
        ),
        Law::of_numbers(
            "BinaryConcrete::cdf",
            |row| Ok(binary(row)?.cdf(row.of(&relaxed(row)))),
            |row| {
                each(row, |i| {
                    let (x, size) = tilted(row, i);
                    probability(row, -x, size)
                })
            },
        ),
        Law::of_numbers(
            "binary_concrete::log_prob",
            // In single precision, as the others: in half, it returns half.
            |row| {
                let [logits, y] = [&row.logits, &relaxed(row)].map(|values| at_least_single(row, values));
                gumbel::binary_concrete::log_prob(logits, row.tau, y)
            },
            |row| {
                each(row, |i| {
                    let (x, size) = tilted(row, i);
                    (x - 2.0 * softplus(x) + row.tau.ln(), size + row.tau.ln().abs() + 1.0)
                })
            },
        ),
        Law::of_numbers(
            "BinaryConcrete::mean",
            |row| Ok(binary(row)?.mean()),
            |row| each(row, |i| (row.logits[i] / row.tau, 0.0)),
        ),
        Law::of_numbers(
            "BinaryConcrete::mode",
            |row| Ok(binary(row)?.mode()),
            |row| each(row, |i| (row.logits[i] / row.tau, 0.0)),
        ),
        Law::of_numbers(
            "BinaryConcrete::variance",
            |row| Ok(binary(row)?.variance()),
            |row| each(row, |_| ((std::f64::consts::PI / row.tau).powi(2) / 3.0, 0.0)),
        ),
        Law::of_numbers(
            "BinaryConcrete::entropy",
            |row| Ok(binary(row)?.entropy()),
            |row| each(row, |_| (2.0 - row.tau.ln(), 2.0 + row.tau.ln().abs())),
        ),
        Law::of_numbers(
            "BinaryConcrete::kl",
            |row| binary(row)?.kl(&BinaryConcrete::new(row.of(&row.other()), row.tau)?),
            |row| each(row, |i| binary_kl(row, i)),
        ),
        Law::of_numbers(
            "BinaryConcrete::sample",
            |row| Ok(binary(row)?.sample(&mut seeded(row))),
            |row| {
                let noise = logistics(row);
                each(row, |i| {
                    let size = (row.logits[i].abs() + noise[i].abs()) / row.tau;
                    ((row.logits[i] + noise[i]) / row.tau, size)
                })
            },
        ),
    ]
}

fn bernoullis() -> Vec<Law> {
    vec![
        Law::of_numbers(
            "Bernoulli::log_prob",
            |row| Ok(bernoulli(row)?.log_prob(row.of(&bits(row)))),
            |row| each(row, |i| (-softplus((1.0 - 2.0 * bits(row)[i]) * row.logits[i]), 0.0)),
        ),
        Law::of_numbers(
            "Bernoulli::mean",
            |row| Ok(bernoulli(row)?.mean()),
            |row| each(row, |i| (sigmoid(row.logits[i]), 0.0)),
        ),
        Law::of_numbers(
            "Bernoulli::variance",
            |row| Ok(bernoulli(row)?.variance()),
            |row| each(row, |i| (sigmoid(row.logits[i]) * sigmoid(-row.logits[i]), 0.0)),
        ),
        Law::of_numbers(
            "Bernoulli::mode",
            |row| Ok(bernoulli(row)?.mode()),
            |row| each(row, |i| (f64::from(row.logits[i] > 0.0), 0.0)),
        ),
        Law::of_numbers(
            "Bernoulli::entropy",
            |row| Ok(bernoulli(row)?.entropy()),
            |row| {
                each(row, |i| {
                    let l = row.logits[i];
                    (sigmoid(l) * softplus(-l) + sigmoid(-l) * softplus(l), 0.0)
                })
            },
        ),
        Law::of_numbers(
            "Bernoulli::kl",
            |row| Ok(bernoulli(row)?.kl(&Bernoulli::new(row.of(&row.other()))?)),
            |row| each(row, |i| bernoulli_kl(row, i)),
        ),
        Law::of_numbers(
            "Bernoulli::sample",
            |row| Ok(bernoulli(row)?.sample(&mut seeded(row))),
            |row| {
                let noise = logistics(row);
                // A sum of 0 is decided by a rounding.
                each(row, |i| (f64::from(row.logits[i] + noise[i] > 0.0), 0.0))
            },
        ),
    ]
}

fn gated() -> Vec<Law> {
    vec![
        Law::of_numbers(
            "HardConcrete::log_prob",
            |row| Ok(hard(row)?.log_prob(row.of(&gates(row)))),
            |row| each(row, |i| gate_log_prob(row, i)),
        ),
        Law::of_numbers(
            "HardConcrete::probability_open",
            |row| Ok(hard(row)?.probability_open()),
            |row| {
                each(row, |i| {
                    let (x, size) = closing(row, i);
                    probability(row, -x, size)
                })
            },
        ),
        Law::of_numbers(
            "HardConcrete::probability_closed",
            |row| Ok(hard(row)?.probability_closed()),
            |row| {
                each(row, |i| {
                    let (x, size) = closing(row, i);
                    probability(row, x, size)
                })
            },
        ),
        Law::of_numbers(
            "HardConcrete::probability_full",
            |row| Ok(hard(row)?.probability_full()),
            |row| {
                each(row, |i| {
                    let (x, size) = filling(row, i);
                    probability(row, x, size)
                })
            },
        ),
        Law::of_numbers(
            "HardConcrete::noiseless",
            |row| Ok(hard(row)?.noiseless()),
            |row| each(row, |i| (gate(row.logits[i]), 1.0)),
        ),
        Law::of_numbers(
            "HardConcrete::median",
            |row| Ok(hard(row)?.median()),
            |row| each(row, |i| (gate(row.logits[i] / row.tau), 1.0)),
        ),
        Law::of_numbers(
            "HardConcrete::sample",
            |row| Ok(hard(row)?.sample(&mut seeded(row))),
            |row| {
                let noise = logistics(row);
                each(row, |i| {
                    let x = (row.logits[i] + noise[i]) / row.tau;
                    let terms = (row.logits[i].abs() + noise[i].abs()) / row.tau;
                    (gate(x), 1.0 + sigmoid(x) * sigmoid(-x) * terms)
                })
            },
        ),
    ]
}
