//! Gradient estimators of `E[f(z)]`, `z ~ q(z; θ)`: one trait, one file each, one table of all.
//!
//! Every [`Estimator`] returns an [`Estimate`] whose `loss` has the estimated gradient with respect to **everything** it
//! was computed from: the logits, and the parameters inside the [`Objective`]. Nothing else happens; only
//! [`adapt`](Estimator::adapt) changes an estimator, and measuring never calls it.
//!
//! # Which estimator
//!
//! | f is | begin with |
//! | --- | --- |
//! | cheap, with few states | [`Exact`], [`LocalExpectation`] |
//! | a black box | [`Rloo`]; [`DisArm`] for binary latents; [`UnorderedSet`] for few states or a concentrated q |
//! | a black box, with one evaluation per step | [`Reinforce`], [`Nvil`] |
//! | a log-mean-exp of a black box | [`Vimco`] |
//! | differentiable at hard samples, bias allowed | [`Zgr`], [`GumbelRao`] |
//! | differentiable inside the simplex too, bias allowed | [`GumbelSoftmax`] |
//! | differentiable, no bias allowed | [`Rebar`], [`DoubleCv`] |
//!
//! [`ALL`] lists all thirty-six with formula, bias and cost, and so does the [front page](crate#which-estimator).
//! [`find`] and [`EstimatorSpec`] make one by name.
//!
//! # A training loop
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use gumbel::estimator::{EstimatorSpec, Evaluation, Objective};
//! use gumbel::{Noise, Schedule};
//!
//! // Learn the logits of two latents that minimise E f, for a black box f.
//! let f = Objective::mean(|sample| {
//!     let target = Tensor::<4>::from_floats([[[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]]], &sample.z.device());
//!     (sample.z.clone() * target).sum_dim(3).sum_dim(2).squeeze_dims::<2>(&[2, 3]).neg()
//! });
//! let mut estimator = "reinforce:samples=8".parse::<EstimatorSpec>()?.build()?;
//! let rate: Schedule = "cosine:2:0.1:200".parse()?;
//! let noise = Noise::from_seed(1);
//! let mut logits = Tensor::<3>::zeros([1, 2, 3], &Device::flex());
//! for step in 0..200 {
//!     let leaf = logits.clone().autodiff().require_grad();
//!     let estimate = estimator.estimate(leaf.clone(), &f, &mut noise.split(step), step)?;
//!     let gradient = leaf.grad(&estimate.loss.clone().mean().backward()).expect("a gradient");
//!     logits = logits - gradient * rate.at(step);
//!     estimator.adapt(&estimate);
//! }
//!
//! // Evaluate on hard samples, whatever the estimator trained with.
//! let hard = Evaluation::draw(&logits, 1000, &f, &mut Noise::from_seed(2))?.loss.into_scalar::<f32>();
//! assert!(hard < -1.9, "{hard}"); // the minimum is −2
//!
//! // Save and restore what the estimator has learned.
//! let state = estimator.state();
//! let mut restored = "reinforce:samples=8".parse::<EstimatorSpec>()?.build()?;
//! restored.restore(&state)?;
//! assert_eq!(restored.state(), state);
//! # Ok::<(), gumbel::Error>(())
//! ```
//!
//! The example program `training_loop` does the same for a network, with an optimiser and a checkpoint on disk;
//! `swap_estimators` compares several by name. Writing an estimator of one's own is shown at [`Estimator`] and
//! [`Pathwise`].

pub(crate) mod contract;

mod arm;
mod arms;
mod arsm;
mod carms;
mod catalogue;
mod coupled;
pub(crate) mod darn;
mod decoupled;
mod disarm;
mod double_cv;
mod exact;
pub(crate) mod gapped;
pub(crate) mod gumbel_rao;
mod gumbel_softmax;
mod indecater;
mod local_expectation;
mod muprop;
mod nvil;
pub(crate) mod optimal_straight_through;
pub(crate) mod parts;
mod rebar;
mod redge;
mod reinforce;
pub(crate) mod reinmax;
mod reinmax_cv;
pub(crate) mod reinmax_rao;
mod relax;
mod relax_black_box;
mod rloo;
mod rodeo;
mod self_critical;
mod spec;
pub(crate) mod straight_through;
mod straight_through_gumbel;
mod straight_through_learned;
mod sum_and_sample;
mod unordered_set;
mod vimco;
pub(crate) mod zgr;

pub use catalogue::{ALL, find};
pub use contract::{
    Computes, Entry, Estimate, Estimator, Evaluation, Evaluations, Latents, Objective, Paper, Parameter,
    Parameters, Pathwise, Properties, Reduction, Relaxed, Sample, SampleKind, State, Venue, score_cotangent,
};
pub use spec::EstimatorSpec;

pub use arm::Arm;
pub use arms::Arms;
pub use arsm::Arsm;
pub use carms::Carms;
pub use coupled::{Coupled, CouplingOrder};
pub use darn::Darn;
pub use decoupled::Decoupled;
pub use disarm::DisArm;
pub use double_cv::DoubleCv;
pub use exact::Exact;
pub use gapped::{Gapped, LogitGap};
pub use gumbel_rao::GumbelRao;
pub use gumbel_softmax::GumbelSoftmax;
pub use indecater::{FreshSamples, IndeCateR};
pub use local_expectation::LocalExpectation;
pub use muprop::MuProp;
pub use nvil::Nvil;
pub use optimal_straight_through::OptimalStraightThrough;
pub use parts::coefficient::ControlCoefficient;
pub use rebar::Rebar;
pub use redge::{ReDge, ReDgeForward};
pub use reinforce::{Reinforce, ReinforceBaseline};
pub use reinmax::ReinMax;
pub use reinmax_cv::ReinMaxCv;
pub use reinmax_rao::ReinMaxRao;
pub use relax::Relax;
pub use relax_black_box::RelaxBlackBox;
pub use rloo::Rloo;
pub use rodeo::Rodeo;
pub use self_critical::SelfCritical;
pub use straight_through::{StraightThrough, StraightThroughBackward};
pub use straight_through_gumbel::StraightThroughGumbel;
pub use straight_through_learned::StraightThroughLearned;
pub use sum_and_sample::SumAndSample;
pub use unordered_set::UnorderedSet;
pub use vimco::Vimco;
pub use zgr::Zgr;
