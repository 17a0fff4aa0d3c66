//! The results of a finished adversarial game.

use super::page::{Adversarial, Ending};
use super::{Config, Evaluated, GanExperiment, HELD_OUT, Metrics, Results, Setup, Start, nats, strings};
use crate::data::text::{Alphabet, Corpus, Quality, grammar, law_nats, measure};
use crate::model::{Gan, gan::Generator};
use crate::page::Rendered;
use crate::run::{
    Course, DeviceName, Generated, Outcome, RunConfig, RunFolder, SummaryOf, Use, checkpoint, config_of,
    noise,
};
use crate::support::interrupt::{Stop, Watch};
use crate::support::text::on_one_line;
use anyhow::{Result, ensure};
use burn::module::Module;
use gumbel::Noise;
use serde::{Deserialize, Serialize};

/// The metadata key of [`Written`].
const KEY: &str = "strings";
/// Strings of each kind in the report.
const SHOWN: usize = 30;

/// The form of the strings of a saved generator.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    /// The symbols of its codes.
    alphabet: Alphabet,
    /// Symbols of a string.
    length: usize,
}

impl Outcome for GanExperiment {
    const ABOUT: &'static str =
        "A generator of short strings against a discriminator, with a maximum-likelihood baseline";
    const EXAMPLES: &'static str = "Examples:
  gumbel train gan                                          arithmetic expressions, two minutes
  gumbel train gan --generator score-function               the score function instead, as in SeqGAN
  gumbel train gan --loss original                          the loss that collapses
  gumbel train gan --data names --data-dir DIR              DIR/names/names.txt, one name per line
  gumbel train gan --data book.txt --length 16              running text by character
  gumbel train gan --resume runs/gan-1                      resume a stopped run";
    type Setup = Setup;
    type Results = Results;

    fn data_name(&self) -> &str {
        &self.corpus.name
    }

    fn describe(&self) -> String {
        let (corpus, gan) = (&self.corpus, self.learner.model());
        format!(
            "{} strings of {} symbols from an alphabet of {}, generator and discriminator with {} and {} parameters",
            corpus.count(),
            corpus.length,
            corpus.alphabet.len(),
            gan.generator.num_params(),
            gan.discriminator.num_params()
        )
    }

    fn parameters(&self) -> usize {
        let gan = self.learner.model();
        gan.generator.num_params() + gan.discriminator.num_params()
    }

    fn setup(&self, steps: u64) -> Setup {
        let Config { generator, loss, baseline_steps, .. } = self.config;
        let penalty = self.config.penalty_weight();
        Setup { generator, loss, penalty, baseline_steps: baseline_steps.min(steps) }
    }

    fn saved(&self) -> Result<Vec<u8>> {
        let written = Written { alphabet: self.corpus.alphabet.clone(), length: self.corpus.length };
        checkpoint::described(&self.gan(), KEY, &written)
    }

    fn load_saved(&mut self, run: &RunFolder) -> Result<()> {
        let weights = run.trained(Config::NAME)?;
        let Written { alphabet, length } = checkpoint::description(&weights, KEY)?;
        ensure!(
            (&alphabet, length) == (&self.corpus.alphabet, self.corpus.length),
            "the strings of {} have {} symbols of {} kinds, expected {length} of the same {} as in {}; use such strings",
            self.corpus.name,
            self.corpus.length,
            self.corpus.alphabet.len(),
            alphabet.len(),
            run.path().display()
        );
        self.learner.load(&weights)
    }

    fn test(&self, stop: &Stop) -> Result<Results> {
        let (config, corpus, gan) = (&self.config, &self.corpus, self.gan());
        let watch = Watch { stop: stop.clone(), ..Watch::nothing() };
        let (generator, baseline) = self.evaluate_strings(&watch)?;
        let draws = noise(config.common.seed, Use::Evaluation);
        let evaluated = |quality, generator: &Generator, start| {
            let cost = nats(generator, start, corpus, &mut draws.split(3), &watch)?;
            anyhow::Ok(Evaluated { quality, nats: cost.value, nats_standard_error: cost.standard_error })
        };
        let start = config.networks.start;
        Ok(Results {
            generator: evaluated(generator, &gan.average, Start::Noise(start))?,
            maximum_likelihood: evaluated(baseline, &gan.baseline, Start::Zeros(start))?,
            truth: truth(corpus, config),
            truth_nats: law_nats(&corpus.test.iter().take(HELD_OUT).collect::<Vec<_>>())
                .filter(|_| corpus.arithmetic()),
            held_out: corpus.test.len().min(HELD_OUT),
        })
    }

    fn check(results: &Results) -> Result<()> {
        let (game, likelihood) = (&results.generator, &results.maximum_likelihood);
        for (name, rate, nats) in
            [("generator", "--lr", game.nats), ("baseline", "--baseline-lr", likelihood.nats)]
        {
            ensure!(
                nats.is_finite(),
                "a held-out string costs {nats} nats under the {name}: it has diverged; start a new run with a lower \
                 {rate}"
            );
        }
        Ok(())
    }

    fn announce(results: &Results) -> String {
        let Results { generator, maximum_likelihood, truth, truth_nats, .. } = results;
        line("adversarial", &generator.quality, Some(generator.nats))
            + &line("maximum likelihood", &maximum_likelihood.quality, Some(maximum_likelihood.nats))
            + &line("true strings", truth, *truth_nats)
    }

    fn report(&self, course: &Course<Metrics>, summary: Option<&SummaryOf<Self>>) -> Result<Rendered> {
        let (config, corpus, parameters) = (&self.config, &self.corpus, self.parameters());
        let ending = summary.map(|summary| self.ending(summary)).transpose()?;
        Ok(Adversarial { config, corpus, parameters, course, ending }.render())
    }

    fn generate(
        run: &RunFolder,
        device: Option<DeviceName>,
        count: usize,
        noise: &mut Noise,
    ) -> Result<Generated> {
        let (config, weights) =
            (config_of::<Config>(&run.file(RunFolder::CONFIG))?, run.trained(Config::NAME)?);
        let Written { alphabet, length } = checkpoint::description(&weights, KEY)?;
        let device = device.unwrap_or(config.common.device).for_evaluation()?;
        let shape = [length, alphabet.len()];
        let blank = config.networks.init(shape, &mut Noise::from_seed(0), &device);
        let gan: Gan = checkpoint::load_model(&weights, blank)?;
        let start = Start::Noise(config.networks.start);
        let made = strings(&gan.average, start, &alphabet, count, noise, &Watch::nothing())?;
        Ok(Generated::Strings(made))
    }
}

impl GanExperiment {
    fn ending(&self, summary: &SummaryOf<Self>) -> Result<Ending> {
        let (corpus, gan, start) = (&self.corpus, self.gan(), self.config.networks.start);
        let noise = noise(self.config.common.seed, Use::Pictures);
        let shown = |generator, start, label| {
            let (alphabet, watch) = (&corpus.alphabet, Watch::nothing());
            let made = strings(generator, start, alphabet, SHOWN, &mut noise.split(label), &watch)?;
            anyhow::Ok(made.iter().map(|string| on_one_line(string)).collect())
        };
        Ok(Ending {
            results: summary.test.clone(),
            facts: summary.facts(&corpus.source),
            strings: [
                shown(&gan.average, Start::Noise(start), 1)?,
                shown(&gan.baseline, Start::Zeros(start), 2)?,
                corpus.test.iter().take(SHOWN).map(|string| on_one_line(string)).collect(),
            ],
        })
    }
}

/// True strings: new ones of the grammar, or the same number of training strings.
fn truth(corpus: &Corpus, config: &Config) -> Quality {
    let strings = if corpus.arithmetic() {
        grammar::draw(noise(config.common.seed, Use::Evaluation).split(4).stream(), config.strings)
    } else {
        corpus.strings().into_iter().take(config.strings).collect()
    };
    measure(corpus, &strings)
}

fn line(name: &str, quality: &Quality, nats: Option<f64>) -> String {
    let valid = quality.valid.map_or(String::new(), |share| format!("{:.1} % valid, ", 100.0 * share));
    let nats = nats.map_or(String::new(), |nats| format!(", held-out strings at {nats:.3} nats"));
    let Quality { distinct, strings, length_distance, .. } = quality;
    format!(
        "{name:<20} {valid}{distinct} distinct of {strings}, length distance {length_distance:.3}{nats}\n"
    )
}
