//! Who is dropped, by hand.

use super::support::{ints, top_k};
use crate::support::{double, numbers};
use burn::tensor::{Bool, Device, Tensor};
use gumbel::Noise;
use gumbel::routing::{Capacity, Gate, Gating, Priority, Scores, Weighting};

/// Four tokens, three experts, two choices each.
const LOGITS: [f64; 12] = [1.0, 0.9, -9.0, 2.0, 0.0, -9.0, 0.5, 3.0, -9.0, 4.0, -9.0, 3.5];

fn scores() -> Scores {
    Scores::new(double(LOGITS.to_vec(), [4, 3]))
}

fn gating(capacity: usize, priority: Priority) -> Gating {
    top_k(Weighting::Chosen, 2).with_eval_capacity(Capacity::Tokens(capacity)).with_priority(priority)
}

#[test]
fn first_choices_go_first_and_then_tokens_in_order() {
    let routing = gating(2, Priority::TokenOrder).evaluate(scores()).unwrap();
    assert_eq!(ints(routing.indices.clone()), [0, 1, 0, 1, 1, 0, 0, 2]);
    // Expert 0 is the first choice of tokens 0, 1 and 3, expert 1 that of 2; then token 0 is the first to choose 1 second.
    assert_eq!([0, 1, 2].map(|expert| routing.tokens_of(expert).to_vec()), [vec![0, 1], vec![0, 2], vec![3]]);
    assert_eq!((routing.demand, routing.load, routing.dropped), (vec![4, 3, 1], vec![2, 2, 1], 3));
    assert_eq!(routing.unrouted, 0);
    // What is left keeps its weight.
    let (all, left) = (top_k(Weighting::Chosen, 2).evaluate(scores()).unwrap(), numbers(routing.weights));
    let expected: Vec<f64> = numbers(all.weights)
        .into_iter()
        .zip([1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0])
        .map(|(weight, kept)| weight * kept)
        .collect();
    assert_eq!(left, expected);
}

#[test]
fn by_weight_the_largest_go_first() {
    let routing = gating(2, Priority::Weight).evaluate(scores()).unwrap();
    // Weights of expert 0: 0.52, 0.88, 0.08, 0.62; of expert 1: 0.48, 0.12, 0.92.
    assert_eq!([0, 1, 2].map(|expert| routing.tokens_of(expert).to_vec()), [vec![1, 3], vec![0, 2], vec![3]]);
    let one = gating(1, Priority::Weight).evaluate(scores()).unwrap();
    assert_eq!([0, 1, 2].map(|expert| one.tokens_of(expert).to_vec()), [vec![1], vec![2], vec![3]]);
    assert_eq!((one.dropped, one.unrouted), (5, 1));
}

#[test]
fn a_factor_counts_tokens_that_are_not_padding() {
    let pad = Tensor::<1, Bool>::from_data([true, false, false, false], &Device::flex());
    let load = |factor| {
        let gating = top_k(Weighting::Chosen, 2).with_eval_capacity(Capacity::Factor(factor));
        gating.evaluate(scores().mask_pad(pad.clone())).unwrap().load
    };
    assert_eq!(load(1.0), [2, 2, 1]); // 3 · 2 / 3
    assert_eq!(load(1.2), [3, 2, 1]); // 2.4, rounded up
    assert_eq!(load(0.01), [1, 1, 1]);
}

#[test]
fn training_and_evaluation_have_capacities_of_their_own() {
    let gating = top_k(Weighting::Chosen, 2).with_capacity(Capacity::Tokens(1));
    assert_eq!(gating.train(scores(), &mut Noise::from_seed(1)).unwrap().dropped, 5);
    assert_eq!(gating.evaluate(scores()).unwrap().dropped, 0);
    for gate in [Gate::GumbelTopK(Weighting::All), Gate::Simple, Gate::StraightThrough { tau: 1.0 }] {
        let gating = Gating::new(gate, 2).with_capacity(Capacity::Tokens(1));
        let routing = gating.train(scores(), &mut Noise::from_seed(1)).unwrap();
        assert!(routing.load.iter().all(|&load| load <= 1), "{gate:?}: {:?}", routing.load);
        assert_eq!(routing.demand.iter().sum::<usize>(), 8);
        assert_eq!(routing.dropped, 8 - routing.load.iter().sum::<usize>());
    }
}

#[test]
fn dropped_tokens_become_zero_and_have_no_gradient() {
    let logits = double(LOGITS.to_vec(), [4, 3]).require_grad();
    let routing = gating(1, Priority::Weight).evaluate(Scores::new(logits.clone())).unwrap();
    let x = Tensor::<2>::ones([4, 2], &logits.device()).cast(logits.dtype());
    let y = routing.mix(x, |_, x| x * 3.0);
    assert_eq!(numbers(y.clone())[..2], [0.0, 0.0]);
    let gradient = numbers(logits.grad(&y.sum().backward()).unwrap());
    assert_eq!(gradient[..3], [0.0; 3]);
}

#[test]
fn expert_choice_takes_a_factor_of_the_even_load() {
    let load = |gating: Gating| gating.evaluate(scores()).unwrap().load;
    let gating = Gating::new(Gate::ExpertChoice, 1);
    assert_eq!(load(gating.clone()), [2, 2, 2]); // ⌈4 / 3⌉
    assert_eq!(load(gating.clone().with_eval_capacity(Capacity::Factor(2.0))), [3, 3, 3]); // ⌈8 / 3⌉
    assert_eq!(load(gating.with_eval_capacity(Capacity::Tokens(9))), [4, 4, 4]);
}
