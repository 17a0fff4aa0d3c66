//! `metrics.csv` of an adversarial run.

use crate::data::text::Quality;
use crate::run::RunFolder;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One line of `metrics.csv`. What is judged on hard samples stands at evaluations only; `baseline` is the generator
/// trained by maximum likelihood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Steps done.
    pub step: u64,
    /// Temperature of the step, if its samples have one.
    pub tau: Option<f64>,
    /// The generator's loss on its batch, in nats.
    pub generator_loss: f64,
    /// The discriminator's, without its penalty.
    pub discriminator_loss: f64,
    /// The mean of ‖∇ₓ D(x)‖² over true sequences.
    pub squared_slope: f64,
    /// −ln p(x) of the baseline on its batch, in nats per sequence; none once it has all its steps.
    pub baseline_loss: Option<f64>,
    /// Share valid.
    pub valid: Option<f64>,
    /// Different (valid) strings.
    pub distinct: Option<usize>,
    /// Distance of the lengths.
    pub length_distance: Option<f64>,
    /// Distance of the symbols.
    pub symbol_distance: Option<f64>,
    /// Share of generated trigrams that no held-out string has.
    pub made_up: Option<f64>,
    /// Share of held-out trigrams that no generated string has.
    pub missed: Option<f64>,
    /// The same of the baseline.
    pub baseline_valid: Option<f64>,
    /// The same of the baseline.
    pub baseline_distinct: Option<usize>,
    /// The same of the baseline.
    pub baseline_length_distance: Option<f64>,
    /// The same of the baseline.
    pub baseline_symbol_distance: Option<f64>,
    /// The same of the baseline.
    pub baseline_made_up: Option<f64>,
    /// The same of the baseline.
    pub baseline_missed: Option<f64>,
    /// Seconds of training, the baseline's included, evaluations left out.
    pub seconds: f64,
}

impl Line {
    /// Adds what was judged.
    #[must_use]
    pub fn judged(self, generator: &Quality, baseline: &Quality) -> Self {
        Self {
            valid: generator.valid,
            distinct: Some(generator.distinct),
            length_distance: Some(generator.length_distance),
            symbol_distance: Some(generator.symbol_distance),
            made_up: Some(generator.runs[1].made_up),
            missed: Some(generator.runs[1].missed),
            baseline_valid: baseline.valid,
            baseline_distinct: Some(baseline.distinct),
            baseline_length_distance: Some(baseline.length_distance),
            baseline_symbol_distance: Some(baseline.symbol_distance),
            baseline_made_up: Some(baseline.runs[1].made_up),
            baseline_missed: Some(baseline.runs[1].missed),
            ..self
        }
    }
}

const FILE: &str = "metrics.csv";

/// Writes all lines. Before a checkpoint and never after it, so that none of its steps is missing.
///
/// # Errors
/// A full disk.
pub fn write_lines(run: &RunFolder, lines: &[Line]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    lines.iter().try_for_each(|line| writer.serialize(line))?;
    run.write(FILE, writer.into_inner().context("a buffer in memory takes all")?)
}

/// The lines up to a step: what follows is of a run that stopped between them and its checkpoint.
///
/// # Errors
/// A file that cannot be read or that is not one of ours.
pub fn read_lines(run: &RunFolder, step: u64) -> Result<Vec<Line>> {
    let path = run.file(FILE);
    if step == 0 || !path.exists() {
        return Ok(Vec::new());
    }
    let mut reader =
        csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = reader.deserialize().collect::<Result<Vec<Line>, csv::Error>>();
    let lines = lines.with_context(|| format!("{} is not the metrics of a run", path.display()))?;
    Ok(lines.into_iter().take_while(|line| line.step <= step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::text::{Corpus, measure};

    #[test]
    fn lines_are_read_as_written_and_cut_at_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(Some(&folder.path().join("run")), "x").unwrap();
        let quality = measure(&Corpus::grammar(), &["x".to_string(), "x+".to_string()]);
        let plain = |step| Line { step, generator_loss: 0.1 + 0.2, seconds: 1.0 / 3.0, ..Line::default() };
        let lines = [plain(10), plain(20).judged(&quality, &quality), plain(30)];
        write_lines(&run, &lines).unwrap();
        assert_eq!(read_lines(&run, 30).unwrap(), lines);
        assert_eq!(read_lines(&run, 20).unwrap(), lines[..2]);
        assert_eq!((lines[1].valid, lines[1].distinct), (Some(0.5), Some(1)));
        run.write(FILE, "step,valid\n1,x\n").unwrap();
        let error = format!("{:#}", read_lines(&run, 30).unwrap_err());
        assert!(error.contains("metrics.csv is not the metrics of a run"), "{error}");
    }
}
