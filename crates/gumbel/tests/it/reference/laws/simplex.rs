//! The distributions over categories and over the simplex.

use super::*;

fn categorical(row: &Row) -> Result<Categorical<2>, Error> {
    Categorical::new(row.tensor())
}

/// The first unmasked category.
fn first(row: &Row) -> usize {
    row.logits.iter().position(|&logit| logit > MASK).unwrap_or(0)
}

fn at_first(row: &Row) -> Tensor<2> {
    let ones: Vec<f64> = (0..row.logits.len()).map(|i| f64::from(i == first(row))).collect();
    row.of(&ones)
}

fn categorical_kl(row: &Row) -> Exact {
    let (q, p) = (log_softmax(&row.gaps()), log_softmax(&row.other()));
    let likely = q.iter().zip(&p).filter(|(q, _)| q.exp() > 0.0);
    let terms: Vec<Exact> = likely.map(|(q, p)| (q.exp() * (q - p), q.exp() * (q.abs() + p.abs()))).collect();
    let value: f64 = terms.iter().map(|term| term.0).sum();
    // What a rounding of each log-ratio changes, of the second order where they are small.
    let gaps: f64 =
        q.iter().zip(&p).filter(|(q, _)| q.exp() > 0.0).map(|(q, p)| q.exp() * (q - p).abs()).sum();
    (
        value.max(0.0),
        4.0 * gaps * gaps.min(1.0) + of_reference(row, 1.0 + 4.0 * terms.iter().map(|t| t.1).sum::<f64>()),
    )
}

/// What a rounding of the gaps changes in a logarithm of a probability.
fn of_log(row: &Row) -> f64 {
    1.0 + row.size()
}

fn exp_concrete(row: &Row) -> Result<ExpConcrete<2>, Error> {
    ExpConcrete::new(row.tensor(), row.tau)
}

fn open(row: &Row) -> impl Iterator<Item = usize> + '_ {
    (0..row.logits.len()).filter(|&i| row.logits[i] > MASK)
}

/// Rows of log-space, masked where the logits are.
fn log_points(row: &Row) -> Vec<f64> {
    let offsets = row.rounded(row.choices(10, &[-20.0, -3.0, -1.0, -0.1, 0.0]));
    (0..offsets.len()).map(|i| if row.logits[i] == MASK { MASK } else { offsets[i] }).collect()
}

/// `ln Γ(n) + (n−1) ln τ + Σ log_softmax(θ − τ y)`, and its rounding.
fn log_density(row: &Row, y: &[f64]) -> Exact {
    let n = open(row).count() as f64;
    let (gaps, tau) = (row.gaps(), row.tau);
    let tilted: Vec<f64> = open(row).map(|i| gaps[i] - tau * y[i]).collect();
    let volume = libm::lgamma(n) + (n - 1.0) * tau.ln();
    let reach = row.size() + tau * open(row).map(|i| y[i].abs()).fold(0.0, f64::max);
    let sum: f64 = log_softmax(&tilted).iter().sum();
    (volume + sum, volume.abs() + sum.abs() + n * (1.0 + reach))
}

fn logistic_normal(row: &Row) -> Result<LogisticNormal<2>, Error> {
    LogisticNormal::new(row.tensor(), row.of(&row.scales(11)))
}

/// Log-ratios near the locations.
fn ratios(row: &Row) -> Vec<f64> {
    let noise = row.choices(12, &[-3.0, -0.5, 0.0, 1.0, 2.5]);
    row.rounded((0..noise.len()).map(|i| row.logits[i] + row.scales(11)[i] * noise[i]))
}

/// `Σ ½ z² + ln σ + ½ ln 2π`, negative, of ratios that are known to this rounding.
fn normal(row: &Row, ratios: &[f64], rounding: f64) -> Exact {
    let (mut sum, mut size) = (0.0, 0.0);
    for (i, &ratio) in ratios.iter().enumerate() {
        let (scale, half_log) = (row.scales(11)[i], 0.918_938_533_204_672_7);
        let z = (ratio - row.logits[i]) / scale;
        sum -= 0.5 * z * z + scale.ln() + half_log;
        size += z * z + scale.ln().abs() + 1.0 + z.abs() * rounding / scale;
    }
    (sum, size)
}

/// A point inside the simplex of one more category.
fn simplex_point(row: &Row) -> Vec<f64> {
    let mut weights = row.uniforms(13);
    weights.push(0.5);
    let total: f64 = weights.iter().map(|w| 0.05 + w).sum();
    row.rounded(weights.iter().map(|w| (0.05 + w) / total))
}

fn simplex_log_prob(row: &Row, location: impl Fn(f64) -> f64, shrink: f64) -> Vec<Exact> {
    let x = simplex_point(row);
    let last = x[x.len() - 1].ln();
    let ratios: Vec<f64> = x[..x.len() - 1].iter().map(|x| x.ln() - last).collect();
    let moved = Row {
        logits: row.logits.iter().map(|&mean| location(mean)).collect(),
        tau: row.tau,
        dtype: row.dtype,
        seed: row.seed,
    };
    let (mut sum, mut size) = (0.0, 0.0);
    for (i, &ratio) in ratios.iter().enumerate() {
        let scale = row.scales(11)[i] / shrink;
        let z = (ratio - moved.logits[i]) / scale;
        sum -= 0.5 * z * z + scale.ln() + 0.918_938_533_204_672_7 + x[i].ln();
        let terms = ratio.abs() + moved.logits[i].abs() + last.abs() + 1.0;
        size += z * z + scale.ln().abs() + x[i].ln().abs() + 1.0 + z.abs() * terms / scale;
    }
    vec![(sum - last, size + last.abs())]
}

fn normal_kl(row: &Row) -> Vec<Exact> {
    let (mut sum, mut size) = (0.0, 0.0);
    for i in 0..row.logits.len() {
        let (a, b) = (row.scales(11)[i], row.scales(14)[i]);
        let (shift, ratio) = ((row.logits[i] - row.other()[i]) / b, a / b);
        sum += 0.5 * (ratio * ratio - 1.0 - 2.0 * ratio.ln() + shift * shift);
        size += ratio * ratio + 1.0 + 2.0 * ratio.ln().abs();
    }
    vec![(sum.max(0.0), of_reference(row, size))]
}

/// The order that the largest two unmasked logits have in the samples: the second before the first.
fn order(row: &Row) -> Vec<usize> {
    open(row).take(2).collect::<Vec<_>>().into_iter().rev().collect()
}

fn conditioned(row: &Row) -> Result<ConditionedGumbels<2>, Error> {
    let places: Vec<i64> = order(row).iter().map(|&place| place as i64).collect();
    let places = if places.is_empty() { vec![0] } else { places };
    let device = row.tensor().device();
    let order = Tensor::<1, Int>::from_ints(places.as_slice(), &device).unsqueeze::<2>();
    ConditionedGumbels::given_top_k(row.tensor(), order)
}

fn order_log_prob(row: &Row) -> Exact {
    let (mut left, mut total) = (row.gaps(), 0.0);
    for place in order(row) {
        total += log_softmax(&left)[place];
        left[place] = MASK;
    }
    (total, 4.0 * (total.abs() + of_log(row)))
}

/// Keys in the order, the rest below them; masked where the logits are.
fn keys(row: &Row) -> Vec<f64> {
    let top = row.logits.iter().copied().fold(MASK, f64::max);
    let order = order(row);
    let mut keys = row.rounded((0..row.logits.len()).map(|i| {
        let place = order.iter().position(|&place| place == i).unwrap_or(2 + i);
        top - 0.75 * place as f64
    }));
    let masked = |(key, &logit): (&mut f64, &f64)| {
        if logit == MASK {
            *key = MASK
        }
    };
    keys.iter_mut().zip(&row.logits).for_each(masked);
    keys
}

fn key_density(row: &Row) -> Exact {
    let (order, size) = order_log_prob(row);
    open(row).fold((-order, size), |(sum, size), i| {
        let z = keys(row)[i] - row.logits[i];
        (sum - z - (-z).exp(), size + z.abs() + (-z).exp() * (1.0 + z.abs()))
    })
}

pub(super) fn laws() -> Vec<Law> {
    categoricals().into_iter().chain(concretes()).chain(normals()).collect()
}

fn categoricals() -> Vec<Law> {
    vec![
        Law::of_categories(
            "Categorical::log_prob",
            |row| Ok(categorical(row)?.log_prob(at_first(row))),
            |row| vec![(log_softmax(&row.gaps())[first(row)], of_log(row))],
        ),
        Law::of_categories(
            "Categorical::log_probabilities",
            |row| Ok(categorical(row)?.log_probabilities()),
            |row| log_softmax(&row.gaps()).into_iter().map(|log| (log, of_log(row))).collect(),
        ),
        Law::of_categories(
            "Categorical::mean",
            |row| Ok(categorical(row)?.mean()),
            |row| {
                let logs = log_softmax(&row.gaps());
                logs.into_iter()
                    .map(|log| (log.exp(), if log > -200.0 { log.exp() * log.abs() } else { 0.0 }))
                    .collect()
            },
        ),
        Law::of_categories(
            "Categorical::mode",
            |row| Ok(categorical(row)?.mode()),
            |row| {
                let gaps = row.gaps();
                let first = gaps.iter().position(|&gap| gap == 0.0);
                (0..gaps.len()).map(|i| (f64::from(Some(i) == first), 0.0)).collect()
            },
        ),
        Law::of_categories(
            "Categorical::entropy",
            |row| Ok(categorical(row)?.entropy()),
            |row| {
                let logs = log_softmax(&row.gaps());
                let term = |log: &f64| if *log > -700.0 { -log * log.exp() } else { 0.0 };
                vec![(logs.iter().map(term).sum(), 1.0)]
            },
        ),
        Law::of_categories(
            "Categorical::kl",
            |row| Ok(categorical(row)?.kl(&Categorical::new(row.of(&row.other()))?)),
            |row| vec![categorical_kl(row)],
        ),
        Law::of_categories(
            "ConditionedGumbels::order_log_prob",
            |row| Ok(conditioned(row)?.order_log_prob()),
            |row| vec![order_log_prob(row)],
        ),
        Law::of_categories(
            "ConditionedGumbels::log_prob",
            |row| Ok(conditioned(row)?.log_prob(row.of(&keys(row)))),
            |row| {
                let (keys, order) = (keys(row), order(row));
                // Keys that a rounding makes equal are in any order.
                let tied = order.iter().any(|&i| open(row).any(|j| j != i && keys[i] == keys[j]));
                if tied { vec![(0.0, f64::INFINITY)] } else { vec![key_density(row)] }
            },
        ),
    ]
}

fn concretes() -> Vec<Law> {
    vec![
        Law::of_categories(
            "ExpConcrete::log_prob",
            |row| Ok(exp_concrete(row)?.log_prob(row.of(&log_points(row)))),
            |row| vec![log_density(row, &log_points(row))],
        ),
        Law::of_categories(
            "ExpConcrete::mode",
            |row| Ok(exp_concrete(row)?.mode()),
            |row| {
                let tempered: Vec<f64> = row.gaps().iter().map(|gap| gap / row.tau).collect();
                let logs = log_softmax(&tempered);
                logs.into_iter().map(|log| (log, 1.0 + row.size() / row.tau)).collect()
            },
        ),
        Law::of_categories(
            "ExpConcrete::entropy",
            |row| Ok(exp_concrete(row)?.entropy()),
            |row| {
                let n = open(row).count();
                let harmonic: f64 = (1..n).map(|i| 1.0 / i as f64).sum();
                let volume = libm::lgamma(n as f64) + (n as f64 - 1.0) * row.tau.ln();
                vec![(n as f64 * harmonic - volume, n as f64 * harmonic + volume.abs())]
            },
        ),
        Law::of_categories(
            "Concrete::log_prob",
            |row| Ok(Concrete::new(row.tensor(), row.tau)?.log_prob(row.of(&row.inside()))),
            |row| {
                let logs: Vec<f64> = row.inside().iter().map(|x| x.ln()).collect();
                let (density, size) = log_density(row, &logs);
                let jacobian: f64 = open(row).map(|i| logs[i]).sum();
                vec![(density - jacobian, size + jacobian.abs())]
            },
        ),
        Law::of_categories(
            "Concrete::hard",
            |row| Ok(Concrete::new(row.tensor(), row.tau)?.hard(row.of(&row.inside()))),
            |row| {
                let x = row.inside();
                let max = x.iter().copied().fold(0.0, f64::max);
                let first = x.iter().position(|&x| x == max);
                (0..x.len()).map(|i| (f64::from(Some(i) == first), 0.0)).collect()
            },
        ),
    ]
}

fn normals() -> Vec<Law> {
    vec![
        Law::of_numbers(
            "LogisticNormal::log_density_of_log_ratios",
            |row| Ok(logistic_normal(row)?.log_density_of_log_ratios(row.of(&ratios(row)))),
            |row| vec![normal(row, &ratios(row), 0.0)],
        ),
        Law::of_numbers(
            "LogisticNormal::log_prob",
            |row| Ok(logistic_normal(row)?.log_prob(row.of(&simplex_point(row)))),
            |row| simplex_log_prob(row, |mean| mean, 1.0),
        ),
        Law::of_numbers(
            "LogisticNormal::entropy",
            |row| Ok(logistic_normal(row)?.entropy_of_log_ratios()),
            |row| {
                let terms = row.scales(11).into_iter().map(|scale| scale.ln() + 1.418_938_533_204_672_7);
                vec![terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs() + 1.0))]
            },
        ),
        Law::of_numbers(
            "LogisticNormal::kl",
            |row| {
                let other = LogisticNormal::new(row.of(&row.other()), row.of(&row.scales(14)))?;
                Ok(logistic_normal(row)?.kl(&other))
            },
            normal_kl,
        ),
        Law::of_numbers(
            "LogisticNormal::on_simplex",
            |row| Ok(logistic_normal(row)?.on_simplex(row.of(&ratios(row)))),
            |row| {
                let mut all = ratios(row);
                all.push(0.0);
                let logs = log_softmax(&all);
                logs.into_iter()
                    .map(|log| (log.exp(), if log > -200.0 { log.exp() * (1.0 + log.abs()) } else { 0.0 }))
                    .collect()
            },
        ),
        Law::of_numbers(
            "Igr::log_prob",
            |row| {
                let igr = Igr::new(row.tensor(), row.of(&row.scales(11)), row.tau, 0.5)?;
                Ok(igr.log_prob(row.of(&simplex_point(row))))
            },
            |row| simplex_log_prob(row, |mean| mean / row.tau - 0.5f64.ln(), row.tau),
        ),
    ]
}
