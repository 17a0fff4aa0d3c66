//! A linear router as a module of Burn.

use super::gating::Gating;
use super::losses::balanced_bias;
use super::options::Gate;
use super::routed::Routing;
use super::scores::Scores;
use crate::checked::at_least_one;
use crate::{Error, Noise};
use burn::config::Config;
use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::{Bool, Device, Tensor, activation};

/// The smallest scale of the noise of noisy top-k, as in the authors' code: a scale of zero has no derivative.
const LEAST_NOISE: f64 = 1e-2;

/// The configuration of a [`Router`].
///
/// ```
/// use burn::config::Config;
/// use gumbel::routing::{Capacity, Gate, Gating, RouterConfig, Weighting};
/// let gating = Gating::new(Gate::TopK(Weighting::Chosen), 2).with_capacity(Capacity::Factor(1.25));
/// let config = RouterConfig::new(64, 8, gating).with_bias(true);
/// assert_eq!(config.experts, 8);
/// ```
#[derive(Config, Debug)]
pub struct RouterConfig {
    /// The width of a token, d.
    pub d_input: usize,
    /// The number of experts, E.
    pub experts: usize,
    /// The gate, the number of experts per token, and the capacity.
    pub gating: Gating,
    /// Whether a bias per expert is used for choosing, which [`Router::update_bias`] updates.
    #[config(default = false)]
    pub bias: bool,
}

impl RouterConfig {
    /// Draws a router: normal weights of variance `0.1 / d` (a tenth of the usual, Fedus et al. 2022, section 2.4); those of
    /// the noise's scale are zero, and so is the bias.
    ///
    /// # Shapes
    /// The scorer is `[d, E]`.
    ///
    /// # Errors
    /// No input; no expert; `k` out of range; a capacity or temperature that is not positive and finite; a bias together
    /// with expert choice.
    ///
    /// ```
    /// use burn::module::Module;
    /// use burn::tensor::Device;
    /// use gumbel::Noise;
    /// use gumbel::routing::{Gate, Gating, RouterConfig, Weighting};
    /// let gating = Gating::new(Gate::NoisyTopK(Weighting::Chosen), 2);
    /// let router = RouterConfig::new(16, 4, gating).init(&mut Noise::from_seed(1), &Device::flex())?;
    /// assert_eq!(router.num_params(), 2 * 16 * 4); // scores, and the scale of the noise
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn init(&self, noise: &mut Noise, device: &Device) -> Result<Router, Error> {
        let Self { d_input, experts, ref gating, bias } = *self;
        at_least_one("router", "experts", experts)?;
        at_least_one("router", "d_input", d_input)?;
        gating.check(experts)?;
        gating.check_bias(bias)?;
        let scores = noise.normal::<2>([d_input, experts], device) * (0.1 / d_input as f64).sqrt();
        let zeros = || Tensor::zeros([d_input, experts], device);
        let noisy = matches!(gating.gate, Gate::NoisyTopK(_));
        Ok(Router {
            scorer: linear(scores),
            noise_scale: noisy.then(|| linear(zeros())),
            bias: bias.then(|| Param::initialized(ParamId::new(), Tensor::zeros([experts], device))),
            gating: gating.clone(),
        })
    }
}

fn linear(weight: Tensor<2>) -> Linear {
    Linear { weight: Param::from_tensor(weight), bias: None }
}

/// A linear scorer and a gate: which experts take which token.
///
/// # Shapes
/// Tokens are rows `[T, d]`: reshape `[B, L, d]` to `[B · L, d]` first.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::routing::{Gate, Gating, RouterConfig, RouterInput, Weighting};
/// let (device, mut noise) = (Device::flex(), Noise::from_seed(1));
/// let gating = Gating::new(Gate::TopK(Weighting::Chosen), 2);
/// let mut router = RouterConfig::new(16, 4, gating).with_bias(true).init(&mut noise, &device)?;
/// let x: Tensor<2> = noise.normal([32, 16], &device);
/// let routing = router.forward_train(RouterInput::new(x.clone()), &mut noise)?;
/// let y = routing.mix(x.clone(), |expert, tokens| tokens * (expert as f32)); // any module of the expert
/// assert_eq!(y.dims(), [32, 16]);
/// assert_eq!(routing.load.iter().sum::<usize>(), 64);
/// router.update_bias(&routing.demand, 1e-3)?; // after the step of the optimiser
/// let routing = router.forward_eval(RouterInput::new(x))?;
/// assert_eq!(routing.indices.dims(), [32, 2]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Router {
    /// The weights `[d, E]` of the logits.
    pub scorer: Linear,
    /// The weights `[d, E]` of the scale of the noise, `softplus(x W) + 0.01`, of noisy top-k.
    pub noise_scale: Option<Linear>,
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    gating: Gating,
}

impl Router {
    /// Routes tokens in training: with the noise of the gate, if it has any, and the training capacity.
    ///
    /// # Errors
    /// Those of [`Gating::train`].
    ///
    /// # Panics
    /// If tokens do not have the width d, or masks other shapes than [`RouterInput`] names.
    pub fn forward_train(&self, input: RouterInput, noise: &mut Noise) -> Result<Routing, Error> {
        self.gating.train(self.scores(input), noise)
    }

    /// Routes tokens in evaluation: without noise, with the capacity of evaluation.
    ///
    /// # Errors
    /// Those of [`Gating::evaluate`].
    ///
    /// # Panics
    /// If tokens do not have the width d, or masks other shapes than [`RouterInput`] names.
    pub fn forward_eval(&self, input: RouterInput) -> Result<Routing, Error> {
        self.gating.evaluate(self.scores(input))
    }

    /// Moves the bias against the load by [`balanced_bias`]; once per step of the optimiser. The bias is no parameter of an
    /// optimiser, and is saved with the module.
    ///
    /// # Shapes
    /// `demand` `[E]`, of [`Routing::demand`].
    ///
    /// # Errors
    /// A rate that is not positive and finite; a router without a bias.
    ///
    /// # Panics
    /// If `demand` does not have E numbers.
    pub fn update_bias(&mut self, demand: &[usize], rate: f64) -> Result<(), Error> {
        let Some(bias) = self.bias.take() else {
            return Err(Error::parameter("router", "bias", "configured before it is updated", "none")
                .with_remedy("use RouterConfig::with_bias"));
        };
        let updated = balanced_bias(bias.val(), demand, rate);
        let kept = updated.as_ref().map_or_else(|_| bias.val(), Tensor::clone);
        self.bias = Some(bias.map(|_| kept));
        updated.map(|_| ())
    }

    /// The bias `[E]`, if the router has one.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }

    /// The gate and its parameters.
    pub fn gating(&self) -> &Gating {
        &self.gating
    }

    fn scores(&self, input: RouterInput) -> Scores {
        let RouterInput { x, pad, experts } = input;
        let x = match &pad {
            // What padding holds must not reach the weights, not even multiplied by zero.
            Some(pad) if x.shape().num_elements() > 0 => {
                assert!(
                    pad.dims() == [x.dims()[0]],
                    "mask_pad has the shape {:?} for {:?}",
                    pad.dims(),
                    x.dims()
                );
                let dims = x.dims();
                x.mask_fill(pad.clone().unsqueeze_dim::<2>(1).expand(dims), 0.0)
            }
            _ => x,
        };
        let scores = Scores::new(self.scorer.forward(x.clone()));
        let scores = match &self.noise_scale {
            Some(linear) => scores.noise_scale(activation::softplus(linear.forward(x), 1.0) + LEAST_NOISE),
            None => scores,
        };
        let scores = self.bias().into_iter().fold(scores, Scores::bias);
        let scores = pad.into_iter().fold(scores, Scores::mask_pad);
        experts.into_iter().fold(scores, Scores::mask_experts)
    }
}

/// Tokens to route, with their masks.
///
/// # Shapes
/// `x` `[T, d]`; `mask_pad` `[T]`, true for padding; `mask_experts` `[T, E]` or `[1, E]`, true for an expert that must not
/// be chosen.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::routing::{Gate, Gating, RouterConfig, RouterInput, Weighting};
/// let device = Device::flex();
/// let gating = Gating::new(Gate::TopK(Weighting::Chosen), 1);
/// let router = RouterConfig::new(2, 3, gating).init(&mut Noise::from_seed(1), &device)?;
/// let input = RouterInput::new(Tensor::ones([2, 2], &device))
///     .mask_pad(Tensor::from_data([false, true], &device))
///     .mask_experts(Tensor::from_data([[true, true, false]], &device));
/// assert_eq!(router.forward_eval(input)?.load, [0, 0, 1]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RouterInput {
    x: Tensor<2>,
    pad: Option<Tensor<1, Bool>>,
    experts: Option<Tensor<2, Bool>>,
}

impl RouterInput {
    /// Tokens `[T, d]`, without masks.
    pub fn new(x: Tensor<2>) -> Self {
        Self { x, pad: None, experts: None }
    }

    /// The same with tokens `[T]` that are padding where true.
    #[must_use]
    pub fn mask_pad(self, pad: Tensor<1, Bool>) -> Self {
        Self { pad: Some(pad), ..self }
    }

    /// The same with experts `[T, E]` or `[1, E]` that are masked where true.
    #[must_use]
    pub fn mask_experts(self, experts: Tensor<2, Bool>) -> Self {
        Self { experts: Some(experts), ..self }
    }
}
