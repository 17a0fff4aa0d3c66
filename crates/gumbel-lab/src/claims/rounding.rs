//! Rounding a relaxed sample gives an exact categorical sample at every temperature; its mean is biased.

use super::draw::{Draws, bar, furthest, gumbel, one_hot, shares};
use super::{Claim, ClaimRow, Differs, Equal, Figure, Finding, Relation, Sampling, Within, count};
use crate::page::Bars;
use crate::support::stats::Mean;
use anyhow::Result;
use gumbel_kernels::perturbed_softmax;

pub(super) const CLAIM: Claim = Claim {
    name: "rounding",
    title: "A rounded relaxed sample is an exact categorical sample at every temperature",
    compute,
};

const WEIGHTS: [f64; 4] = [2.0, 4.0, 1.0, 8.0];
const TAUS: [f64; 4] = [0.1, 0.5, 1.0, 5.0];
const RULE: &str = "αₖ/Σα (Maddison et al. 2017, prop. 1b)";

/// Measurements at one temperature.
struct At {
    tau: f64,
    rounded: [Mean; 4],
    mean: [Mean; 4],
}

fn compute(sampling: &Sampling) -> Result<Finding> {
    let measured = TAUS.iter().zip(0..).map(|(&tau, label)| At::measure(sampling, tau, label));
    let measured = measured.collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<ClaimRow> = measured.iter().flat_map(At::rows).collect();
    rows.push(mean_of_reference(&measured[2]));
    let rescaled = rescaled(sampling)?;
    rows.push(rescaled);
    let tests = rows.iter().filter(|row| row.test == Equal).filter_map(ClaimRow::z);
    let worst = tests.map(f64::abs).fold(0.0, f64::max);
    let text = format!(
        "Category k has the largest entry of softmax((ln α + g)/τ) with probability αₖ/Σα for every τ: at {} \
         temperatures and for 4 categories, no frequency over {} samples is more than {worst:.1} standard errors from it. \
         Only the rounded sample is exact. The mean of the relaxed sample tends to equal shares as τ grows: for the least \
         probable category it is {:.3} at τ = 1 and {:.3} at τ = 5 instead of {:.3}. Weights c·α give the same samples as \
         α.",
        TAUS.len(),
        count(sampling.samples),
        measured[2].mean[2].value,
        measured[3].mean[2].value,
        shares(WEIGHTS)[2]
    );
    Ok(Finding { text, figures: figures(&measured), rows })
}

impl At {
    fn measure(sampling: &Sampling, tau: f64, label: u64) -> Result<Self> {
        let (logits, stream) = (WEIGHTS.map(f64::ln), sampling.stream.split(label));
        let draws = Draws { logits: &logits, tau, count: sampling.samples, stream };
        let both = |x: &[f64]| {
            let rounded: [f64; 4] = one_hot(x);
            std::array::from_fn::<f64, 8, _>(|i| if i < 4 { rounded[i] } else { x[i - 4] })
        };
        let means = draws.tally(both)?.means();
        Ok(Self {
            tau,
            rounded: std::array::from_fn(|k| means[k]),
            mean: std::array::from_fn(|k| means[4 + k]),
        })
    }

    fn rows(&self) -> Vec<ClaimRow> {
        let shares = shares(WEIGHTS);
        let setting = |k: usize| format!("category {} at τ = {}", k + 1, self.tau);
        let rounded = |k: usize| {
            ClaimRow::mean("frequency of the largest entry", setting(k), self.rounded[k])
                .expect(Equal, shares[k], RULE)
        };
        // At a low temperature the difference of the two means is within chance.
        let test = if self.tau < 0.5 { Relation::None } else { Differs };
        let mean = |k: usize| {
            ClaimRow::mean("mean of the sample", setting(k), self.mean[k]).expect(test, shares[k], "αₖ/Σα")
        };
        (0..4).map(rounded).chain([2, 3].map(mean)).collect()
    }
}

/// The mean at a setting where it is known to three digits: the tolerance is half a unit of the last.
fn mean_of_reference(at: &At) -> ClaimRow {
    let row = ClaimRow::exact("mean of the sample, three digits", "category 3 at τ = 1", at.mean[2].value);
    row.expect(Within(0.0005 + 4.0 * at.mean[2].standard_error), 0.103, "independent simulation")
}

/// The largest effect of a factor common to all weights, for the same noise.
fn rescaled(sampling: &Sampling) -> Result<ClaimRow> {
    const ROWS: usize = 1000;
    let noise = gumbel(sampling.stream.split(9), 4 * ROWS);
    let sample = |factor: f64| -> Result<Vec<f64>> {
        let mut out = vec![0.0; 4 * ROWS];
        perturbed_softmax(&WEIGHTS.map(|w| (factor * w).ln()).repeat(ROWS), &noise, 4, 0.5, &mut out)?;
        Ok(out)
    };
    let (plain, scaled) = (sample(1.0)?, sample(1000.0)?);
    let row =
        ClaimRow::exact("largest change of a sample", "α to 1000 α, same noise", furthest(&plain, &scaled));
    Ok(row.expect(Within(1e-12), 0.0, "softmax of a shift"))
}

fn figures(measured: &[At]) -> Vec<Figure> {
    let bars = |of: fn(&At) -> [Mean; 4]| {
        (0..4).map(|k| measured.iter().map(|at| bar(of(at)[k])).collect()).collect()
    };
    let chart = |title: &str, y_label: &str, bars| Bars {
        title: title.into(),
        y_label: y_label.into(),
        series: TAUS.iter().map(|tau| format!("τ = {tau}")).collect(),
        groups: WEIGHTS.iter().map(|w| format!("α = {w}")).collect(),
        bars,
        marks: shares(WEIGHTS).to_vec(),
        mark: "α/Σα".into(),
    };
    let name = "Frequency of the largest entry";
    let rounded = chart(name, "frequency of the largest entry", bars(|at| at.rounded));
    let mean = chart("Mean of the relaxed sample", "mean of the sample", bars(|at| at.mean));
    let equal = "Frequency with which each category has the largest entry: the same at every temperature.";
    let biased = "The mean of the relaxed sample: equal to the probability only in the limit τ → 0.";
    vec![Figure::new("rounding", equal, &rounded), Figure::new("rounding-mean", biased, &mean)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn frequencies_of_other_categories_are_detected() {
        let sampling = Sampling { stream: Stream::new(1), samples: 100_000 };
        let at = At::measure(&sampling, 0.5, 0).unwrap();
        assert!(at.rows().iter().all(ClaimRow::holds), "{:?}", at.rows());
        let wrong = At { rounded: [at.rounded[1], at.rounded[0], at.rounded[2], at.rounded[3]], ..at };
        assert!(!wrong.rows().iter().all(ClaimRow::holds));
    }
}
