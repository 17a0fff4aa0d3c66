//! Bits, and their relaxations.

use super::*;

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

fn logistics(row: &Row) -> Vec<f64> {
    noise_of(row, |zeros, noise| BinaryConcrete::new(zeros, 1.0).unwrap().sample(noise))
}

pub(super) fn laws() -> Vec<Law> {
    binaries().into_iter().chain(bernoullis()).chain(gated()).collect()
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
