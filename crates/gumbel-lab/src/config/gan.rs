//! The options of `gumbel train gan`.

use super::{Typed, Widths, whole};
use crate::adversarial::{Loss, Way};
use crate::data::text::Corpus;
use crate::model::gan::Shape;
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::Schedule;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that decides an adversarial run.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct GanConfig {
    /// grammar (generated), names (names.txt of the data folder), or a text file: a string a line
    #[arg(long, default_value = "grammar", value_name = "NAME|FILE", help_heading = "Data")]
    pub data: String,
    /// Where names.txt is looked for [default: $GUMBEL_DATA, then the platform's cache]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Take the file as running text, cut into windows of so many characters
    #[arg(long, value_parser = whole::<usize>, value_name = "N", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,

    /// How the generator learns through its samples
    #[arg(long, default_value_t = Way::Relaxed, value_enum, value_name = "WAY", help_heading = "Game")]
    pub generator: Way,
    /// What the two play for
    #[arg(long, default_value_t = Loss::Relativistic, value_enum, value_name = "LOSS", help_heading = "Game")]
    pub loss: Loss,
    /// Weight γ of the gradient penalty γ/2 ‖∇ₓ D(x)‖² at true sequences [default: 1, and 0 with --loss original]
    #[arg(long, value_name = "X", help_heading = "Game")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub penalty: Option<f64>,
    /// Temperature of the samples: VALUE, exp:START:RATE:FLOOR:EVERY, linear:START:END:STEPS or
    /// cosine:START:END:STEPS; hard samples of a score function have none
    #[arg(long, default_value_t = TAU, value_name = "SCHEDULE", help_heading = "Game")]
    pub tau: Schedule,

    /// Width of the generator's recurrent state
    #[arg(long, default_value_t = 64, value_parser = whole::<usize>, value_name = "N", help_heading = "Model")]
    pub hidden: usize,
    /// Numbers of noise that a sequence starts from
    #[arg(long, default_value_t = 16, value_parser = whole::<usize>, value_name = "N", help_heading = "Model")]
    pub start: usize,
    /// Widths of the discriminator's hidden layers, or none
    #[arg(long, default_value = "256,256", value_name = "WIDTHS", help_heading = "Model")]
    pub discriminator: Widths,

    /// Steps, each one of the discriminator and one of the generator
    #[arg(long, default_value_t = 4000, value_parser = whole::<u64>, value_name = "N", help_heading = "Training")]
    pub steps: u64,
    /// Sequences per step
    #[arg(long, default_value_t = 200, value_parser = whole::<usize>, value_name = "N", help_heading = "Training")]
    pub batch: usize,
    /// Learning rate of the generator
    #[arg(long, default_value_t = 1e-3, value_name = "X", help_heading = "Training")]
    pub lr: f64,
    /// Learning rate of the discriminator
    #[arg(long, default_value_t = 1e-3, value_name = "X", help_heading = "Training")]
    pub discriminator_lr: f64,
    /// Decay of the average of the generator's parameters, which is judged and kept; 0 for the last ones
    #[arg(long, default_value_t = 0.995, value_name = "X", help_heading = "Training")]
    pub average: f64,
    /// Steps of the generator that is trained beside by maximum likelihood
    #[arg(long, default_value_t = 1500, value_parser = whole::<u64>, value_name = "N", help_heading = "Training")]
    pub baseline_steps: u64,
    /// Its learning rate
    #[arg(long, default_value_t = 3e-3, value_name = "X", help_heading = "Training")]
    pub baseline_lr: f64,
    /// Decides every random number
    #[arg(long, default_value_t = 0, value_parser = whole::<u64>, value_name = "N", help_heading = "Training")]
    pub seed: u64,
    /// Threads, 0 for one per core; the result does not depend on it
    #[arg(long, default_value_t = 0, value_parser = whole::<usize>, value_name = "N", help_heading = "Training")]
    pub threads: usize,

    /// Steps between evaluations, and between checkpoints
    #[arg(long, default_value_t = 250, value_parser = whole::<u64>, value_name = "N", help_heading = "Evaluation")]
    pub evaluate_every: u64,
    /// Hard samples that an evaluation judges
    #[arg(long, default_value_t = 5000, value_parser = whole::<usize>, value_name = "N", help_heading = "Evaluation")]
    pub strings: usize,
}

/// The temperature unless chosen.
const TAU: Schedule = Schedule::Linear { start: 1.0, end: 0.3, steps: 3000 };
/// The most numbers in a batch of sequences, or in the states of one.
const LARGEST: u64 = 1 << 26;

impl Typed for GanConfig {
    const MODEL: &'static str = "gan";
}

impl GanConfig {
    /// The weight of the gradient penalty.
    pub fn penalty_weight(&self) -> f64 {
        self.penalty.unwrap_or(if self.loss == Loss::Original { 0.0 } else { 1.0 })
    }

    /// The temperature at a step, if there is one.
    pub fn tau_at(&self, step: u64) -> Option<f64> {
        (self.generator != Way::ScoreFunction).then(|| self.tau.at(step))
    }

    /// The model for a corpus.
    pub fn shape(&self, corpus: &Corpus) -> Shape {
        Shape {
            length: corpus.length,
            symbols: corpus.alphabet.len(),
            seed: self.start,
            hidden: self.hidden,
            discriminator: self.discriminator.as_slice().to_vec(),
        }
    }

    /// Makes the data's paths absolute, so that the run can be resumed from anywhere.
    ///
    /// # Errors
    /// A working directory that is gone.
    pub fn make_absolute(&mut self) -> Result<()> {
        self.data_dir = self.data_dir.as_ref().map(std::path::absolute).transpose()?;
        if !["grammar", "names"].contains(&self.data.as_str()) && Path::new(&self.data).is_file() {
            // A path that is no text stays as it was: TOML could not hold it.
            let absolute = std::path::absolute(&self.data)?.into_os_string().into_string();
            self.data = absolute.unwrap_or(self.data.clone());
        }
        Ok(())
    }

    /// Refuses what cannot be trained, with the remedy.
    ///
    /// # Errors
    /// The first option out of its range, or two that do not go together.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [
            ("hidden", self.hidden as u64),
            ("start", self.start as u64),
            ("steps", self.steps),
            ("evaluate-every", self.evaluate_every),
            ("strings", self.strings as u64),
        ] {
            ensure!(value >= 1, "--{name} must be at least 1, got 0");
        }
        ensure!(
            self.batch >= 2,
            "--batch must be at least 2, got {}: a sequence is judged by how it does beside others",
            self.batch
        );
        let rates =
            [("lr", self.lr), ("discriminator-lr", self.discriminator_lr), ("baseline-lr", self.baseline_lr)];
        for (name, rate) in rates {
            ensure!(rate.is_finite() && rate > 0.0, "--{name} must be positive and finite, got {rate}");
        }
        let weight = self.penalty_weight();
        ensure!(
            weight.is_finite() && weight >= 0.0,
            "--penalty must be finite and not negative, got {weight}"
        );
        let decay = self.average;
        ensure!((0.0..1.0).contains(&decay), "--average must be at least 0 and below 1, got {decay}");
        super::check_threads(self.threads)
    }

    /// Refuses a model that no memory holds.
    ///
    /// # Errors
    /// The option to lower.
    pub fn check_sizes(&self, corpus: &Corpus) -> Result<()> {
        let widest = self.discriminator.as_slice().iter().copied().max().unwrap_or(0).max(4 * self.hidden);
        let widest = (widest.max(corpus.alphabet.len()).max(self.start)) as u64;
        let rows = (self.batch as u64).saturating_mul(corpus.length as u64);
        ensure!(
            widest.saturating_mul(rows.max(widest)) <= LARGEST,
            "{} sequences of {} symbols through layers of {widest} do not fit; lower --batch, --hidden, --start or \
             --discriminator",
            self.batch,
            corpus.length
        );
        ensure!(
            self.batch <= corpus.count(),
            "--batch must be at most the {} training strings of {}, got {}",
            corpus.count(),
            corpus.name,
            self.batch
        );
        Ok(())
    }

    /// Whether a run's `config.toml` is of this model.
    pub fn wrote(path: &Path) -> bool {
        let table = std::fs::read_to_string(path).ok().and_then(|text| text.parse::<toml::Table>().ok());
        table.is_some_and(|table| table.contains_key("discriminator-lr"))
    }
}

impl Default for GanConfig {
    fn default() -> Self {
        Self::defaults()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], file: Option<&str>) -> Result<GanConfig> {
        let matches = GanConfig::command_line().try_get_matches_from(arguments)?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("run.toml");
        file.map(|text| std::fs::write(&path, text)).transpose()?;
        GanConfig::read(&matches, file.map(|_| path.as_path()))
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_record_gives_the_same_run() {
        let config =
            read(&["--steps", "7"], Some("steps = 9\nloss = \"original\"\ndiscriminator = [8, 4]")).unwrap();
        assert_eq!((config.steps, config.loss, config.penalty_weight()), (7, Loss::Original, 0.0));
        assert_eq!(read(&[], Some(&toml::to_string(&config).unwrap())).unwrap(), config);
        assert_eq!(config.command(), "gumbel train gan --discriminator 8,4 --loss original --steps 7");
        assert_eq!(GanConfig::defaults().command(), "gumbel train gan");
    }

    #[test]
    fn mistakes_name_the_value_and_the_remedy() {
        let cases: &[(&[&str], Option<&str>, &str)] = &[
            (&["--batch", "1"], None, "--batch must be at least 2, got 1"),
            (&["--hidden", "0"], None, "--hidden must be at least 1, got 0"),
            (&["--discriminator-lr", "nan"], None, "--discriminator-lr must be positive and finite, got NaN"),
            (&["--penalty", "-1"], None, "--penalty must be finite and not negative, got -1"),
            (&["--average", "1"], None, "--average must be at least 0 and below 1, got 1"),
            (&["--tau", "0"], None, "must be positive and finite, got 0"),
            (&["--loss", "plain"], None, "possible values: original, relativistic"),
            (&["--threads", "5000"], None, "--threads must be at most 1024, got 5000"),
            (&[], Some("los = 1"), "line 1: no option is called los (did you mean loss"),
        ];
        for (arguments, file, part) in cases {
            let error = read(arguments, *file).and_then(|config| config.check()).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{arguments:?}: {error:#}");
        }
        let huge = read(&["--hidden", "100000"], None).unwrap().check_sizes(&Corpus::grammar()).unwrap_err();
        assert!(huge.to_string().contains("through layers of 400000 do not fit"), "{huge}");
        let many = read(&["--batch", "5001"], None).unwrap().check_sizes(&Corpus::grammar()).unwrap_err();
        assert!(
            many.to_string().contains("at most the 5000 training strings of grammar, got 5001"),
            "{many}"
        );
    }
}
