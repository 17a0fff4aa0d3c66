//! Routers for mixtures of experts: gates, balancing, capacity, and dispatch to experts and back.
//!
//! A [`Router`] is a module of Burn: a linear scorer and a [`Gate`]. [`Gating`] is the gate alone, for logits of any other
//! scorer. Both return a [`Routing`], whose [`mix`](Routing::mix) sends each expert its tokens.
//!
//! | gate | noise | choice | weights | gradient of an objective in the logits |
//! | --- | --- | --- | --- | --- |
//! | [`TopK`](Gate::TopK) | none | largest logits | softmax or sigmoid | of the weights, for a fixed choice |
//! | [`NoisyTopK`](Gate::NoisyTopK) | normal, learned scale | largest noisy logits | of the noisy logits | of the weights; biased |
//! | [`GumbelTopK`](Gate::GumbelTopK) | Gumbel | without replacement | softmax or sigmoid | of the weights; unbiased with [`log_prob`](Routing::log_prob) |
//! | [`Simple`](Gate::Simple) | yes | exponential family | 1/k | of the inclusion probabilities: exact for a linear objective with [`mix_dense`](Routing::mix_dense); unbiased for any with `log_prob` alone |
//! | [`StraightThrough`](Gate::StraightThrough) | Gumbel | without replacement | 1/k | of the relaxed sample; biased |
//! | [`ExpertChoice`](Gate::ExpertChoice) | none | experts choose tokens | softmax | of the weights, for a fixed choice |
//!
//! The **dense** gradient, [`mix_dense`](Routing::mix_dense), belongs to every gate: forward sparse, backward as if all experts
//! were used.
//!
//! The load is balanced by a loss ([`Routing::switch_loss`], [`Routing::importance_loss`], [`Routing::load_loss`]), by a bias
//! without a loss ([`Router::update_bias`]), or by construction (expert choice). [`Routing::z_loss`] keeps logits small.
//!
//! Masked experts are never chosen, and their gradient is zero. Of equal logits, the expert with the lowest index comes
//! first. Experts are chosen on the host, from one copy of the `T · E` logits per call; weights and losses are computed
//! where the logits are, in single precision at least.
//!
//! Shazeer et al. 2017 (noisy top-k, importance and load); Fedus, Zoph and Shazeer 2022 (Switch Transformer); Zoph et al.
//! 2022 (ST-MoE); Zhou et al. 2022 (expert choice); Wang et al. 2024 and DeepSeek-V3 (balancing without a loss); Ahmed et
//! al. 2023 (SIMPLE); Yao et al. 2025 (DenseMixer).

mod capacity;
mod choice;
mod gating;
mod losses;
mod mix;
mod noisy;
mod options;
mod routed;
mod router;
mod scores;
mod weights;

pub use gating::Gating;
pub use losses::{balanced_bias, cv_squared, switch_loss, z_loss};
pub use options::{Capacity, Gate, Priority, Weighting};
pub use routed::Routing;
pub use router::{Router, RouterConfig, RouterInput};
pub use scores::Scores;
