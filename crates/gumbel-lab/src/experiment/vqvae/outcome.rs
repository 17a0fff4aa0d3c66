//! The results of a finished vector-quantised autoencoder.

use super::page::{Ending, VqvaePage};
use super::{Config, Metrics, Results, Setup, VqvaeExperiment};
use crate::data::ImageSize;
use crate::experiment::image_size::check_size;
use crate::model::{Vqvae, grey};
use crate::page::number::{grouped, percent};
use crate::page::{Images, Rendered};
use crate::run::{
    Course, DeviceName, Generated, Outcome, RunConfig, RunFolder, SummaryOf, Use, checkpoint, config_of,
    noise,
};
use crate::support::interrupt::Stop;
use anyhow::{Result, ensure};
use burn::module::Module;
use gumbel::Noise;

/// The metadata key of the size of the images.
const KEY: &str = "image_size";
/// Pictures of each kind in the report: full rows of twelve.
const RECONSTRUCTIONS: usize = 24;
const SAMPLES: usize = 96;

impl Outcome for VqvaeExperiment {
    const ABOUT: &'static str =
        "A vector-quantized autoencoder of binary images, with a learned prior of its codes";
    const EXAMPLES: &'static str = "Examples:
  gumbel train vqvae                                        the built-in digits, one minute
  gumbel train vqvae --quantizer fsq                        finite scalar quantization instead
  gumbel train vqvae --quantizer rotation --bits 8          the rotation trick, 256 codes
  gumbel train vqvae --data mnist --latents 32              32 codes per image
  gumbel compare --quantizers vq,rotation,fsq train vqvae   one report with all curves
  gumbel train vqvae --resume runs/vqvae-1                  resume a stopped run";
    type Setup = Setup;
    type Results = Results;

    fn data_name(&self) -> &str {
        &self.data.name
    }

    fn describe(&self) -> String {
        let model = &self.config.model;
        format!(
            "{} vectors of {} bits by {} on {} ({} training images), {} parameters",
            model.latents,
            model.bits,
            model.quantizer.name(),
            self.data.name,
            self.data.train.count,
            self.parameters()
        )
    }

    fn parameters(&self) -> usize {
        self.learner.model().num_params()
    }

    fn setup(&self, _steps: u64) -> Setup {
        Setup { quantizer: self.config.model.quantizer }
    }

    fn saved(&self) -> Result<Vec<u8>> {
        checkpoint::described(&self.model(), KEY, &ImageSize::of(&self.data.train))
    }

    fn load_saved(&mut self, run: &RunFolder) -> Result<()> {
        let weights = run.trained(Config::NAME)?;
        let size: ImageSize = checkpoint::description(&weights, KEY)?;
        check_size("image", &self.data, size, run)?;
        self.learner.load(&weights)
    }

    fn test(&self, stop: &Stop) -> Result<Results> {
        let test = self.held_out(&self.data.test);
        self.measured(&test, test.count(), stop)
    }

    fn check(results: &Results) -> Result<()> {
        let bound = results.bound.nats;
        ensure!(
            bound.is_finite(),
            "the bound of the test images is {bound}: training has diverged; start a new run with a lower --lr"
        );
        Ok(())
    }

    fn announce(results: &Results) -> String {
        let line = |name: &str, part: &super::Part| {
            let images = results.images;
            format!("{name:<45} {:8.2} ± {:.2} nats ({images} test images)\n", part.nats, part.standard_error)
        };
        let use_of = format!(
            "{:<45} {:>8} of the codes, perplexity {:.1}; {} bits per image\n",
            "in use",
            percent(results.usage()),
            results.perplexity(),
            grouped(results.bits)
        );
        line("distortion, -ln p(x|codes)", &results.distortion)
            + &line("rate, -ln p(codes)", &results.rate)
            + &line("bound on -ln p(x), their sum", &results.bound)
            + &use_of
    }

    fn pictures(&self) -> Result<Vec<(&'static str, Images)>> {
        let [_, means, samples] = self.images()?;
        Ok(vec![("reconstructions", means), ("samples", samples)])
    }

    fn report(&self, course: &Course<Metrics>, summary: Option<&SummaryOf<Self>>) -> Result<Rendered> {
        let ending = summary.map(|summary| {
            let (results, facts) = (summary.test.clone(), summary.facts(&self.data.source));
            anyhow::Ok(Ending { results, facts, images: self.images()? })
        });
        let (config, name, parameters) = (&self.config, self.data.name.as_str(), self.parameters());
        Ok(VqvaePage { config, name, parameters, course, ending: ending.transpose()? }.render()?)
    }

    fn generate(
        run: &RunFolder,
        device: Option<DeviceName>,
        count: usize,
        noise: &mut Noise,
    ) -> Result<Generated> {
        let (config, weights) =
            (config_of::<Config>(&run.file(RunFolder::CONFIG))?, run.trained(Config::NAME)?);
        let size: ImageSize = checkpoint::description(&weights, KEY)?;
        config.check_sizes(size)?;
        let device = device.unwrap_or(config.common.device).for_evaluation()?;
        let (mean, start) = (vec![0.5; size.pixels()], &mut Noise::from_seed(0));
        let blank = Vqvae::init(&config.model, config.temperature(), size, &mean, start, &device)?;
        let pixels = checkpoint::load_model(&weights, blank)?.generate(count, noise)?;
        Ok(Generated::Images(Images { pixels, height: size.height, width: size.width }))
    }
}

impl VqvaeExperiment {
    /// Test images, their reconstructions, and images drawn from the prior.
    fn images(&self) -> Result<[Images; 3]> {
        let (model, ImageSize { height, width }) = (self.model(), ImageSize::of(&self.data.test));
        let images = self.held_out(&self.data.test).sample(RECONSTRUCTIONS);
        let means = model.means(model.indices(images.clone())?)?;
        let samples = model.generate(SAMPLES, &mut noise(self.config.common.seed, Use::Pictures))?;
        Ok([grey(images), means, samples].map(|pixels| Images { pixels, height, width }))
    }
}
