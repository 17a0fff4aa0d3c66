use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Reduction, State, Venue,
    boxed, prepared,
};
use super::parts::network::{self, Learner};
use crate::tensor::tracked_as;
use crate::{Error, Noise};
use burn::tensor::{DType, Tensor, activation};

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
    moments: [f64; 3],
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
        Ok(Self { samples, normalize, moments: [0.0; 3], network })
    }

    /// c.
    fn average(&self) -> f64 {
        let [weight, sum, _] = self.moments;
        if weight > 0.0 { sum / weight } else { 0.0 }
    }

    /// The divisor of the signal.
    fn scale(&self) -> f64 {
        let [weight, _, squares] = self.moments;
        if self.normalize && weight > 0.0 { (squares / weight).sqrt().max(1.0) } else { 1.0 }
    }

    /// The prediction of the network `[B]`, and the statistics to learn from, given the losses of the rows `[B]`.
    fn predict(&self, theta: Tensor<3>, value: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
        let [rows, latents, categories] = theta.dims();
        let (inputs, device) = (latents * categories, theta.device());
        let features = activation::softmax(theta, 2).reshape([rows, inputs]).inner().autodiff();
        let leaves = self.network.at(inputs).leaves(&device);
        let predicted = leaves.forward(features.cast(DType::F32));
        let rest = value.clone().cast(DType::F32).autodiff() - self.average() - predicted.clone();
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
            let baseline = (predicted + self.average()) * share;
            let signal = (each - baseline.unsqueeze::<2>()) / self.scale();
            Ok(drawn.score(logits, signal).with_statistics(statistics))
        })
    }

    fn adapt(&mut self, last: &Estimate) {
        let statistics = last.statistics_vec();
        let [mean, square, slopes @ ..] = &statistics[..] else { return };
        if !(mean.is_finite() && square.is_finite()) {
            return;
        }
        for (moment, new) in self.moments.iter_mut().zip([1.0, *mean, *square]) {
            *moment = DECAY * *moment + (1.0 - DECAY) * new;
        }
        self.network.learn(slopes);
    }

    fn state(&self) -> State {
        self.network.save(State::new().with(MOMENTS, self.moments.to_vec()))
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[&[MOMENTS], network::NAMES.as_slice()].concat())?;
        (self.moments, self.network) = (state.numbers(MOMENTS)?, self.network.load(state)?);
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
