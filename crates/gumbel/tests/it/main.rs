//! The integration tests, as one program: each program of tests links Burn anew.

mod antithetic;
mod conformance;
mod couplings;
mod darn;
mod distributions;
mod edges;
mod examples_gates;
mod examples_permutations;
mod examples_subsets;
mod examples_training;
mod examples_vq;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
mod gpu;
mod invalid;
mod layers;
mod limits;
mod nvil;
mod padding;
mod parts;
mod permutations;
mod perturbed;
mod rebar;
mod reference;
mod relax;
mod relaxations;
mod sets;
mod shifts;
mod sparse;
mod stein;
mod straight_through;
mod subsets;
mod support;
mod trees;
mod tuples;
mod two_bits;
mod two_layers;
