//! A widely copied sampler, line by line:
//!
//! ```text
//! noise = rand;  noise = −log(noise + 1e-9);  noise = −log(noise + 1e-9)
//! x = (input + noise) / tau + temperature;  softmax(x.view(B, −1))
//! ```

use super::draw::{Draws, bar, furthest, gumbel, one_hot};
use super::{Claim, ClaimRow, Differs, Equal, Figure, Finding, Sampling, Within};
use crate::page::Bars;
use crate::support::stats::Mean;
use anyhow::Result;
use gumbel_kernels::{Stream, perturbed_softmax, softmax};

pub(super) const CLAIM: Claim =
    Claim { name: "snippet", title: "Errors of a widely copied sampler", compute };

const ROWS: usize = 1000;
const GUARD: f32 = 1e-9;
const PROBABILITIES: [f64; 4] = [0.05, 0.15, 0.3, 0.5];

fn compute(sampling: &Sampling) -> Result<Finding> {
    let mut rows = Vec::from(constant_rows(sampling.stream.split(0))?);
    rows.extend(axis_rows(sampling.stream.split(1))?);
    rows.extend(guard_rows());
    let [as_logits, as_logs] = frequencies(sampling)?;
    rows.extend(input_rows(&as_logits, &as_logs));
    let text = format!(
        "In softmax((input + noise)/tau + temperature) the constant added after the division cancels, so one of the two \
         parameters has no effect. A softmax over all axes except the batch turns 3 latents of 4 categories into one of \
         12: the entries of a latent sum to {:.3} on average, not 1. The guards of 1e-9 truncate the noise to \
         [{:.2}, {:.2}] in single precision, and a uniform number equal to 1 gives {:.2}. The input must be logits: with \
         probabilities as the input, a category with probability {} is drawn with frequency {:.3}.",
        rows[2].measured,
        rows[4].measured,
        rows[5].measured,
        rows[6].measured,
        PROBABILITIES[3],
        as_logits[3].value
    );
    Ok(Finding { text, figures: vec![figure(&as_logits, &as_logs)], rows })
}

/// The effects of the constant and of the temperature.
fn constant_rows(stream: Stream) -> Result<[ClaimRow; 2]> {
    let noise = gumbel(stream, 4 * ROWS);
    let logits = PROBABILITIES.map(f64::ln).repeat(ROWS);
    let sample = |tau: f64, constant: f64| -> Result<Vec<f64>> {
        let keys: Vec<f64> = logits.iter().zip(&noise).map(|(l, g)| (l + g) / tau + constant).collect();
        let mut out = vec![0.0; keys.len()];
        softmax(&keys, 4, &mut out)?;
        Ok(out)
    };
    let (plain, added, halved) = (sample(1.0, 0.0)?, sample(1.0, 0.5)?, sample(0.5, 0.0)?);
    let mut library = vec![0.0; plain.len()];
    perturbed_softmax(&logits, &noise, 4, 0.5, &mut library)?;
    let row = |quantity: &str, setting: &str, value, source: &str| {
        ClaimRow::exact(quantity, setting, value).expect(Within(1e-12), 0.0, source)
    };
    let (change, other) =
        ("largest change of a sample", "softmax((logits + g)/τ) minus the library’s sample");
    Ok([
        row(
            change,
            "temperature 0.5 added after the division",
            furthest(&plain, &added),
            "softmax of a shift",
        ),
        row(other, "τ = 0.5", furthest(&library, &halved), "same noise"),
    ])
}

/// The mean sum of the entries of a latent with one softmax over all latents, and with one per latent.
fn axis_rows(stream: Stream) -> Result<[ClaimRow; 2]> {
    let keys = gumbel(stream, ROWS * 12);
    let share = |k: usize| -> Result<Vec<f64>> {
        let mut out = vec![0.0; keys.len()];
        softmax(&keys, k, &mut out)?;
        Ok(out.chunks_exact(4).map(|latent| latent.iter().sum()).collect())
    };
    let (all, each) = (Mean::of(share(12)?), share(4)?);
    let furthest = each.iter().map(|share| (share - 1.0).abs()).fold(0.0, f64::max);
    let setting = |over: &str| format!("[{ROWS}, 3, 4], softmax over {over}");
    let mean = ClaimRow::mean("mean sum of a latent’s entries", setting("all axes except the batch"), all);
    let distance =
        ClaimRow::exact("largest distance of a latent’s sum from 1", setting("the last axis"), furthest);
    Ok([
        mean.expect(Within(1e-9), 1.0 / 3.0, "three latents share one softmax"),
        distance.expect(Within(1e-12), 0.0, "each latent is a point of the simplex"),
    ])
}

/// The guarded noise of the snippet, in single precision.
fn guarded(uniform: f32) -> f32 {
    let once = -(uniform + GUARD).ln();
    -(once + GUARD).ln()
}

fn guard_rows() -> [ClaimRow; 4] {
    let last = 1.0 - 2f32.powi(-24);
    let row = |name: &str, uniform: f32, expected: f64, source: &str| {
        let setting = format!("u = {uniform:?}, single precision");
        ClaimRow::exact(name, setting, guarded(uniform).into()).expect(Within(0.005), expected, source)
    };
    let true_last = -(-f64::from(last).ln()).ln();
    let unguarded = ClaimRow::exact("maximum noise without guards", "u = 1 − 2⁻²⁴", true_last);
    [
        row("minimum noise with guards", 0.0, -3.03, "−ln(−ln 10⁻⁹)"),
        row("maximum noise with guards", last, 16.62, "−ln(2⁻²⁴ + 10⁻⁹)"),
        row("noise with guards at u = 1", 1.0, 20.72, "−ln 10⁻⁹, from the guard alone"),
        unguarded.expect(Within(1e-6), 24.0 * 2f64.ln(), "24 ln 2"),
    ]
}

/// Frequencies of the categories with probabilities, and with their logarithms, as the input.
fn frequencies(sampling: &Sampling) -> Result<[[Mean; 4]; 2]> {
    let of = |logits: [f64; 4], label| -> Result<[Mean; 4]> {
        let (count, stream) = (sampling.samples, sampling.stream.split(label));
        let draws = Draws { logits: &logits, tau: 1.0, count, stream };
        Ok(draws.tally(one_hot)?.means())
    };
    Ok([of(PROBABILITIES, 2)?, of(PROBABILITIES.map(f64::ln), 3)?])
}

fn input_rows(as_logits: &[Mean; 4], as_logs: &[Mean; 4]) -> Vec<ClaimRow> {
    let row = |input: &str, k: usize, mean, test| {
        let setting = format!("category {} with probability {}", k + 1, PROBABILITIES[k]);
        let row = ClaimRow::mean(format!("frequency, {input} as the input"), setting, mean);
        row.expect(test, PROBABILITIES[k], "p")
    };
    let wrong = (0..4).map(|k| row("probabilities", k, as_logits[k], Differs));
    let right = (0..4).map(|k| row("log-probabilities", k, as_logs[k], Equal));
    wrong.chain(right).collect()
}

fn figure(as_logits: &[Mean; 4], as_logs: &[Mean; 4]) -> Figure {
    let bars = Bars {
        title: "Frequencies with probabilities and with logits as the input".into(),
        y_label: "frequency".into(),
        series: ["probabilities as the input", "log-probabilities"].map(String::from).into(),
        groups: PROBABILITIES.iter().map(|p| format!("p = {p}")).collect(),
        bars: (0..4).map(|k| vec![bar(as_logits[k]), bar(as_logs[k])]).collect(),
        marks: PROBABILITIES.into(),
        mark: "p".into(),
    };
    let caption = "With probabilities instead of logits as the input, the sampler draws from softmax(p).";
    Figure::new("snippet", caption, &bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_of_another_size_is_detected() {
        assert!(guard_rows().iter().all(ClaimRow::holds));
        let row = |greatest: f64| ClaimRow::exact("", "", greatest).expect(Within(0.005), 16.62, "");
        // Without a guard it is 16.64: the difference is two hundredths.
        assert!(!row(24.0 * 2f64.ln()).holds());
    }

    #[test]
    fn a_softmax_per_latent_is_not_one_over_all() {
        let rows = axis_rows(Stream::new(1)).unwrap();
        assert!(rows.iter().all(ClaimRow::holds));
        assert!(!ClaimRow { measured: 1.0, ..rows[0].clone() }.holds());
    }
}
