//! The options of an adversarial game.

use super::{GeneratorGradient, Loss};
use crate::data::text::{Corpus, KNOWN};
use crate::model::GanConfig;
use crate::run::{Common, RunConfig, check_batch};
use crate::support::options::count;
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::Schedule;
use serde::{Deserialize, Serialize};

/// The options of an adversarial run.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Config {
    /// The options of every run.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: Common,
    /// Number of characters per window of running text, for shakespeare or a file
    #[arg(long, value_parser = count::<usize>, value_name = "N", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,

    /// Gradient of the generator through its samples
    #[arg(long, default_value_t = GeneratorGradient::Relaxed, value_enum, value_name = "GRADIENT", help_heading = "Game")]
    pub generator: GeneratorGradient,
    /// Adversarial loss
    #[arg(long, default_value_t = Loss::Relativistic, value_enum, value_name = "LOSS", help_heading = "Game")]
    pub loss: Loss,
    /// Weight of the gradient penalty γ/2 ‖∇ₓ D(x)‖² at true sequences (γ), at least 0 [default: 1; 0 with --loss original]
    #[arg(long, value_name = "X", help_heading = "Game")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub penalty: Option<f64>,
    /// Temperature of the samples: VALUE, exp:START:RATE:FLOOR:EVERY, linear:START:END:STEPS or
    /// cosine:START:END:STEPS; not used by the hard samples of a score function
    #[arg(long, default_value_t = TAU, value_name = "SCHEDULE", help_heading = "Game")]
    pub tau: Schedule,

    /// The networks of both players.
    #[command(flatten)]
    #[serde(flatten)]
    pub networks: GanConfig,

    /// Number of sequences per step, at least 2
    #[arg(long, default_value_t = 200, value_parser = count::<usize>, value_name = "N", help_heading = "Training")]
    pub batch: usize,
    /// Learning rate of the generator
    #[arg(long, default_value_t = 1e-3, value_name = "X", help_heading = "Training")]
    pub lr: f64,
    /// Learning rate of the discriminator
    #[arg(long, default_value_t = 1e-3, value_name = "X", help_heading = "Training")]
    pub discriminator_lr: f64,
    /// Decay of the average of the generator's parameters, from 0 to below 1, which is evaluated and saved; 0 keeps the last
    /// parameters
    #[arg(long, default_value_t = 0.995, value_name = "X", help_heading = "Training")]
    pub average: f64,
    /// Number of training steps of the maximum-likelihood baseline
    #[arg(long, default_value_t = 1500, value_parser = count::<u64>, value_name = "N", help_heading = "Training")]
    pub baseline_steps: u64,
    /// Learning rate of the baseline
    #[arg(long, default_value_t = 3e-3, value_name = "X", help_heading = "Training")]
    pub baseline_lr: f64,

    /// Number of hard samples per evaluation, at least 1
    #[arg(long, default_value_t = 5000, value_parser = count::<usize>, value_name = "N", help_heading = "Evaluation")]
    pub strings: usize,
}

/// The temperature unless chosen.
const TAU: Schedule = Schedule::Linear { start: 1.0, end: 0.3, steps: 3000 };
/// The most numbers in a batch of sequences, or in the states of one.
const LARGEST: u64 = 1 << 26;

impl Config {
    /// The weight of the gradient penalty.
    pub fn penalty_weight(&self) -> f64 {
        self.penalty.unwrap_or(if self.loss == Loss::Original { 0.0 } else { 1.0 })
    }

    /// The temperature at a step, if there is one.
    pub fn tau_at(&self, step: u64) -> Option<f64> {
        (self.generator != GeneratorGradient::ScoreFunction).then(|| self.tau.at(step))
    }

    /// Rejects a game that does not fit in memory, or batches that are larger than the data.
    ///
    /// # Errors
    /// The option to lower.
    pub fn check_sizes(&self, corpus: &Corpus) -> Result<()> {
        let widest = self.networks.widest(corpus.alphabet.len()) as u64;
        let rows = (self.batch as u64).saturating_mul(corpus.length as u64);
        ensure!(
            widest.saturating_mul(rows.max(widest)) <= LARGEST,
            "{} sequences of {} symbols through layers of {widest} do not fit; lower --batch, --hidden, --start or \
             --discriminator",
            self.batch,
            corpus.length
        );
        check_batch(self.batch, corpus.count(), "strings", &corpus.name)
    }
}

impl RunConfig for Config {
    const NAME: &'static str = "gan";

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn adapt(command: clap::Command) -> clap::Command {
        command
            .mut_arg("data", |data| {
                data.default_value("grammar").value_name("NAME|FILE").help(
                    "Data set: grammar (generated), names (names/names.txt of the data folder), shakespeare \
                     (tiny-shakespeare/input.txt), sentences (generated), or a text file with a string per line",
                )
            })
            .mut_arg("steps", |steps| {
                steps.default_value("4000").help("Number of steps, each one of the discriminator and one of the generator")
            })
            .mut_arg("evaluate_every", |every| every.default_value("250"))
    }

    fn knows(data: &str) -> bool {
        KNOWN.contains(&data)
    }

    fn check_parts(text: &str) -> Result<(), toml::de::Error> {
        toml::from_str::<Common>(text)?;
        toml::from_str::<GanConfig>(text).map(drop)
    }

    fn check(&self) -> Result<()> {
        self.common.check()?;
        for (name, value) in
            [("hidden", self.networks.hidden), ("start", self.networks.start), ("strings", self.strings)]
        {
            ensure!(value >= 1, "--{name} must be at least 1, got 0");
        }
        ensure!(
            self.batch >= 2,
            "--batch must be at least 2, got {}: a sequence is compared with others of its batch",
            self.batch
        );
        let (shards, batch) = (self.common.shards, self.batch);
        ensure!(
            2 * shards <= batch,
            "--shards must be at most half of --batch {batch}, got {shards}: a sequence is compared with others of its shard"
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
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::defaults()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::parsed;

    fn read(arguments: &[&str], file: Option<&str>) -> Result<Config> {
        parsed(arguments, file)
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_record_gives_the_same_run() {
        let config =
            read(&["--steps", "7"], Some("steps = 9\nloss = \"original\"\ndiscriminator = [8, 4]")).unwrap();
        assert_eq!((config.common.steps, config.loss, config.penalty_weight()), (7, Loss::Original, 0.0));
        assert_eq!(read(&[], Some(&toml::to_string(&config).unwrap())).unwrap(), config);
        assert_eq!(config.command(), "gumbel train gan --discriminator 8,4 --loss original --steps 7");
        assert_eq!(Config::defaults().command(), "gumbel train gan");
    }

    #[test]
    fn mistakes_name_the_value_and_the_remedy() {
        let cases: &[(&[&str], Option<&str>, &str)] = &[
            (&["--batch", "1"], None, "--batch must be at least 2, got 1"),
            (
                &["--shards", "60", "--batch", "100"],
                None,
                "--shards must be at most half of --batch 100, got 60",
            ),
            (&["--hidden", "0"], None, "--hidden must be at least 1, got 0"),
            (&["--discriminator-lr", "nan"], None, "--discriminator-lr must be positive and finite, got NaN"),
            (&["--penalty", "-1"], None, "--penalty must be finite and not negative, got -1"),
            (&["--average", "1"], None, "--average must be at least 0 and below 1, got 1"),
            (&["--tau", "0"], None, "must be positive and finite, got 0"),
            (&["--loss", "plain"], None, "possible values: original, relativistic"),
            (&["--threads", "5000"], None, "--threads must be at most 1024, got 5000"),
            (&[], Some("los = 1"), "line 1: unknown option 'los', did you mean 'loss'?"),
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
