//! Comparing quantisers.

use super::{Results, VqvaeExperiment};
use crate::model::QuantizerName;
use crate::page::number::grouped;
use crate::run::{Compared, Curve, Measure, SummaryOf, ValueOf};
use crate::support::suggest::unknown;
use anyhow::{Result, anyhow};
use clap::ValueEnum;

impl Compared for VqvaeExperiment {
    const OPTION: &'static str = "quantizer";
    const OF_ONE: &'static [&'static str] = &["tau"];

    fn in_full(value: &str) -> Result<String> {
        let known = QuantizerName::value_variants().iter().map(|one| one.name()).collect::<Vec<_>>();
        let found = QuantizerName::from_str(value, false);
        let found = found.map_err(|_| anyhow!(unknown("quantizer", value, &known)))?;
        Ok(found.name().into())
    }

    fn curves() -> Vec<(Curve, ValueOf<Self>)> {
        let curve = |column, label, caption, over_seconds| Curve {
            column,
            heading: "Training curves",
            label,
            caption,
            log_y: false,
            over_seconds,
        };
        let bound = "Distortion and rate of held-out images. Lower is better.";
        let perplexity =
            "Effective number of codes in use by held-out images. Higher is better at equal bits.";
        vec![
            (curve("held_out_bound", "held out, bound (nats)", bound, true), |row| row.held_out_bound()),
            (curve("held_out_distortion", "held out, distortion (nats)", DISTORTION, false), |row| {
                row.held_out_distortion
            }),
            (curve("perplexity", "perplexity of the codes", perplexity, false), |row| row.perplexity),
        ]
    }

    fn measures(results: &Results) -> Vec<Measure> {
        let part = |column, part: &super::Part, head: &str| {
            Measure::new(column, part.nats, head).with_error(part.standard_error)
        };
        vec![
            part("distortion", &results.distortion, "distortion, nats"),
            part("rate", &results.rate, "rate, nats"),
            part("bound", &results.bound, "bound, nats"),
            Measure::new("usage", results.usage(), "codes in use, %").in_per_cent(),
            Measure::new("perplexity", results.perplexity(), "perplexity").with_decimals(1),
        ]
    }

    fn caution(summary: &SummaryOf<Self>) -> String {
        let (test, seed) = (&summary.test, summary.seed);
        format!(
            "Nats per image over {} test images, each with {} bits of codes; lower is better. Distortion: −ln p(x|c), of the \
             image given its codes. Rate: −ln p(c), of the codes under a learned prior. Their sum is an upper bound on −ln p(x), \
             comparable with that of train vae. ± is the standard error over images. All runs are evaluated on the same images, \
             so differences between runs have smaller errors; but each run has seed {seed}, and results vary between seeds too.",
            grouped(test.images as f64),
            grouped(test.bits)
        )
    }
}

const DISTORTION: &str = "Of held-out images given their codes. Lower is better.";
