use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Reduction, State, Venue,
    boxed, prepared,
};
use super::parts::memory::{Memory, all_finite, beside, learnable, ratio};
use super::parts::network::{self, Learner};
use crate::tensor::tracked_as;
use crate::{Error, Noise};
use burn::tensor::{DType, Device, Tensor, activation};

/// Memory of the moving moments: about 100 steps.
const DECAY: f64 = 0.99;
/// The tensor of the moments in a state.
const MOMENTS: &str = "moments";

/// NVIL: REINFORCE with a learned baseline that depends on the input.
///
/// ```text
/// ĝ = (1/S) Σ_s (f(z_s) − c − C_ψ(x)) / max(1, σ) ∇ log q(z_s),   c the moving average of f,
/// C_ψ a network fitted to f − c by least squares, σ the moving standard deviation of the residual
/// ```
///
/// - **Bias**: none (up to the scale max(1, σ) with `normalize=true`).
/// - **Cost**: S evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: losses that differ from input to input, and S = 1.
/// - **Avoid when**: S > 1, where rloo needs no network.
/// - **Choices**: the network sees the probabilities of q(z|x), not x, which an estimator does not know; any function of
///   them is independent of z. The scale is off by default: it acts as a learning rate, and Adam undoes it. Everything
///   is learned from earlier steps.
/// - **Source**: Mnih and Gregor 2014, section 2.3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Nvil, Objective};
/// use gumbel::{Noise, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = Nvil::new(1, 10, 0.001, false)?;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured = measure(&mut estimator, fair, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.25).abs() < 0.001); // p (1 − p)
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Nvil {
    samples: usize,
    normalize: bool,
    /// Decayed weight, sum of f, and sum of squared residuals.
    moments: Memory,
    network: Learner,
}

impl Nvil {
    /// With `samples` samples per row and a network of `hidden` units that learns at `rate`; `normalize` divides the
    /// signal by its moving standard deviation.
    ///
    /// # Errors
    /// No samples; no hidden units; a rate that is not positive and finite.
    pub fn new(samples: usize, hidden: usize, rate: f64, normalize: bool) -> Result<Self, Error> {
        let network = Learner::new(ENTRY.name(), hidden, rate)?;
        let samples = ENTRY.properties.at_least(1, samples)?;
        Ok(Self { samples, normalize, moments: Memory::new(vec![0.0; 3]), network })
    }

    /// A moving mean `[1]`: that of f, c, is 1, that of the squared residuals is 2.
    fn mean(&self, moment: usize, device: &Device) -> Tensor<1> {
        let moments = self.moments.on(device);
        ratio(moments.clone().narrow(0, moment, 1), moments.narrow(0, 0, 1))
    }

    /// c, to be subtracted from losses.
    fn average<const D: usize>(&self, losses: &Tensor<D>) -> Tensor<D> {
        beside(self.mean(1, &losses.device()), losses)
    }

    /// A signal divided by the standard deviation of the residuals, where that is above 1 and it is to be.
    fn scaled(&self, signal: Tensor<2>) -> Tensor<2> {
        if !self.normalize {
            return signal;
        }
        let scale = self.mean(2, &signal.device()).sqrt().clamp_min(1.0);
        signal.clone() / beside(scale, &signal)
    }

    /// The prediction of the network `[B]`, and the statistics to learn from, given the losses of the rows `[B]`.
    fn predict(&self, theta: Tensor<3>, value: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
        let [rows, latents, categories] = theta.dims();
        let (inputs, device) = (latents * categories, theta.device());
        let features = activation::softmax(theta, 2).reshape([rows, inputs]).inner().autodiff();
        let leaves = self.network.at(inputs).leaves(&device);
        let predicted = leaves.forward(features.cast(DType::F32));
        let single = value.clone().cast(DType::F32);
        let rest = (single.clone() - self.average(&single)).autodiff() - predicted.clone();
        let moments =
            Tensor::cat(vec![value.mean().cast(DType::F32), rest.clone().inner().square().mean()], 0);
        let slopes = leaves.gradient(rest.square().mean());
        (predicted.inner(), Tensor::cat(vec![moments.autodiff(), slopes], 0))
    }
}

impl Estimator for Nvil {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(self.samples)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let drawn = Evaluation::draw(&logits, self.samples, objective, noise)?;
            let (losses, loss) = (drawn.losses.clone(), drawn.loss.clone());
            let (predicted, statistics) =
                self.predict(logits.clone().detach(), loss.clone().detach().inner());
            let predicted = tracked_as(predicted.cast(losses.dtype()), &losses);
            let (each, share) = match objective.reduction() {
                Reduction::Mean => (losses.detach() / self.samples as f64, 1.0 / self.samples as f64),
                Reduction::LogMeanExp => (loss.detach().unsqueeze::<2>().repeat_dim(0, self.samples), 1.0),
            };
            let average = self.average(&predicted);
            let baseline = (predicted + average) * share;
            let signal = self.scaled(each - baseline.unsqueeze::<2>());
            Ok(drawn.score(logits, signal).with_statistics(statistics))
        })
    }

    fn join(&self, parts: &[Estimate]) -> Result<Estimate, Error> {
        Ok(Estimate::joined(parts, 0))
    }

    fn adapt(&mut self, last: &Estimate) {
        let Some(statistics) = last.statistics.clone().map(learnable) else { return };
        let (new, slopes) = (statistics.clone().narrow(0, 0, 2), statistics.dims()[0] - 2);
        let slopes = statistics.narrow(0, 2, slopes);
        // Where the loss overflowed, nothing is learned.
        let overflowed = all_finite(&new).narrow(0, 0, 1).bool_not().expand(slopes.shape());
        self.moments.decay(DECAY, Tensor::cat(vec![new.clone().narrow(0, 0, 1).ones_like(), new], 0));
        self.network.learn(slopes.mask_fill(overflowed, f32::NAN));
    }

    fn state(&self) -> State {
        self.network.save(State::new().with(MOMENTS, self.moments.numbers()))
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[&[MOMENTS], network::NAMES.as_slice()].concat())?;
        (self.moments, self.network) = (Memory::load(state, MOMENTS, 3)?, self.network.load(state)?);
        Ok(())
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("nvil").reducing(Reduction::ALL),
    title: "score function with a learned, input-dependent baseline",
    papers: &[MNIH],
    place: "section 2.3",
    parameters: &[
        Parameter::SAMPLES,
        Parameter::HIDDEN,
        Parameter::RATE,
        Parameter { name: "normalize", default: "false", range: "true or false" },
    ],
    source: include_str!("nvil.rs"),
    make: |given| {
        boxed(Nvil::new(
            given.read("samples")?,
            given.read("hidden")?,
            given.read("rate")?,
            given.read("normalize")?,
        ))
    },
};

const MNIH: Paper = Paper {
    key: "mnih2014neural",
    authors: "Andriy Mnih and Karol Gregor",
    title: "Neural Variational Inference and Learning in Belief Networks",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2014,
};
