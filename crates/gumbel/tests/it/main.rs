//! The integration tests, as one program: each program of tests links Burn anew.

mod antithetic;
mod conformance;
mod couplings;
mod darn;
mod distributions;
mod examples_gates;
mod examples_permutations;
mod examples_subsets;
mod examples_vq;
mod layers;
mod limits;
mod nvil;
mod permutations;
mod perturbed;
mod rebar;
mod relax;
mod relaxations;
mod sets;
mod sparse;
mod stein;
mod straight_through;
mod subsets;
mod support;
mod trees;
mod tuples;
mod two_layers;
