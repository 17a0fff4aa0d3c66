//! Group-relative score functions, without Monte Carlo: their mean over all groups of sequences of the tree.

use super::*;
use crate::support::{double, numbers};
use burn::tensor::Bool;
use gumbel::sequence::{Advantage, GroupScore, LengthNormalization};

/// The score of a token, for the parameter that is the logit of token 0 after any prefix, and of token 1.
fn score(prefix: &[usize], token: usize) -> [f64; 2] {
    let log_p = log_softmax(logits(prefix));
    [0, 1].map(|parameter| f64::from(u8::from(token == parameter)) - log_p[parameter].exp())
}

/// The reward of a sequence: like that of an answer that is right or wrong, with something for its length.
fn reward(tokens: &[usize]) -> f64 {
    f64::from(u8::from(tokens.contains(&1))) + 0.2 * tokens.len() as f64
}

/// ∇E r.
fn exact() -> [f64; 2] {
    let slope = |tokens: &[usize], parameter: usize| {
        (0..tokens.len()).map(|at| score(&tokens[..at], tokens[at])[parameter]).sum::<f64>()
    };
    let total =
        |parameter| all().iter().map(|(s, log_p)| log_p.exp() * reward(s) * slope(s, parameter)).sum();
    [0, 1].map(total)
}

/// All groups of S sequences: their places in the tree.
fn groups(samples: usize) -> Vec<Vec<usize>> {
    let count = all().len();
    let group = |at: usize| (0..samples).map(move |s| at / count.pow(s as u32) % count).collect();
    (0..count.pow(samples as u32)).map(group).collect()
}

/// Where the tokens of these groups are, `[G, S, L]`.
fn mask(groups: &[Vec<usize>]) -> Tensor<3, Bool> {
    let known = all();
    let flags = groups.iter().flatten().flat_map(|&s| (0..LENGTH).map(move |at| (s, at)));
    let flags: Vec<bool> = flags.map(|(s, at)| at < known[s].0.len()).collect();
    Tensor::from_data(TensorData::new(flags, [groups.len(), groups[0].len(), LENGTH]), &Device::flex())
}

/// The mean over all groups of the estimated ∇E r, and of the value.
fn mean(form: GroupScore, samples: usize) -> ([f64; 2], f64) {
    let (known, groups) = (all(), groups(samples));
    let shape = [groups.len(), samples, LENGTH];
    // Where there is no token stands what must not matter.
    let log_probs = double(vec![-0.7; shape.iter().product()], shape).require_grad();
    let spoiled = log_probs.clone().mask_fill(mask(&groups).bool_not(), f32::NAN);
    let rewards = groups.iter().flatten().map(|&s| reward(&known[s].0)).collect();
    let loss = form.loss(spoiled, mask(&groups), double(rewards, [groups.len(), samples])).expect("valid");
    let values = numbers(loss.clone());
    let signals = numbers(log_probs.grad(&loss.sum().backward()).expect("a gradient"));
    let mut total = ([0.0; 2], 0.0);
    for ((group, signals), value) in groups.iter().zip(signals.chunks(samples * LENGTH)).zip(values) {
        let weight = group.iter().map(|&s| known[s].1).sum::<f64>().exp();
        total.1 += weight * value;
        for (&s, signals) in group.iter().zip(signals.chunks(LENGTH)) {
            for (at, &token) in known[s].0.iter().enumerate() {
                let score = score(&known[s].0[..at], token);
                total.0.iter_mut().zip(score).for_each(|(sum, score)| *sum -= weight * signals[at] * score);
            }
        }
    }
    total
}

fn with(advantage: Advantage, length: LengthNormalization) -> GroupScore {
    GroupScore { advantage, length }
}

#[test]
fn the_mean_of_rloo_is_the_gradient_and_centred_forms_are_a_multiple() {
    for samples in [2, 3] {
        let s = samples as f64;
        let centred = with(Advantage::Centred, LengthNormalization::Sum);
        let constant = GroupScore::dr_grpo(7);
        for (form, factor) in
            [(GroupScore::RLOO, 1.0), (centred, (s - 1.0) / s), (constant, (s - 1.0) / (7.0 * s))]
        {
            let (slopes, value) = mean(form, samples);
            for (slope, exact) in slopes.into_iter().zip(exact()) {
                assert!((slope - factor * exact).abs() < 1e-12, "{form:?}: {slope} for {factor} × {exact}");
            }
            let expected: f64 = all().iter().map(|(tokens, log_prob)| log_prob.exp() * reward(tokens)).sum();
            assert!((value + expected).abs() < 1e-12, "{value}");
        }
    }
}

/// The angle, in degrees, between the mean of an estimate and the gradient: a bias that no learning rate undoes.
fn angle(form: GroupScore, samples: usize) -> f64 {
    let ([a, b], [c, d]) = (mean(form, samples).0, exact());
    (a * d - b * c).atan2(a * c + b * d).abs().to_degrees()
}

#[test]
fn deviations_and_lengths_bias_the_direction() {
    let standardized = Advantage::Standardized { epsilon: 1e-4 };
    for (form, least) in [
        (with(standardized, LengthNormalization::Sum), 1.0),
        (with(Advantage::LeaveOneOut, LengthNormalization::SequenceMean), 1.0),
        (with(Advantage::LeaveOneOut, LengthNormalization::TokenMean), 1.0),
        (GroupScore::GRPO, 1.0),
        (GroupScore::DAPO, 1.0),
    ] {
        let found = angle(form, 3);
        println!("{form:?}: {found:.2} degrees");
        assert!(found > least, "{form:?}: {found} degrees");
    }
    assert!(angle(GroupScore::RLOO, 3) < 1e-9 && angle(GroupScore::dr_grpo(LENGTH), 3) < 1e-9);
}

/// Prompts whose answer is a bit, right with probability p: GRPO's mean is another multiple of the gradient for each p.
#[test]
fn a_deviation_weighs_prompts_that_are_nearly_always_wrong_more() {
    let slope = |form: GroupScore, p: f64| {
        let samples = 8;
        let groups: Vec<Vec<f64>> =
            (0..256).map(|bits| (0..samples).map(|s| f64::from(bits >> s & 1)).collect()).collect();
        let weight =
            |group: &Vec<f64>| group.iter().map(|bit| if *bit == 1.0 { p } else { 1.0 - p }).product::<f64>();
        let log_probs = double(vec![-1.0; 2048], [256, samples, 1]).require_grad();
        let all = Tensor::<3>::ones([256, samples, 1], &Device::flex()).greater_elem(0.5);
        let rewards = double(groups.concat(), [256, samples]);
        let loss = form.loss(log_probs.clone(), all, rewards).expect("valid");
        let signals = numbers(log_probs.grad(&loss.sum().backward()).expect("a gradient"));
        let of = |(group, signals): (&Vec<f64>, &[f64])| {
            weight(group) * group.iter().zip(signals).map(|(bit, signal)| -signal * (bit - p)).sum::<f64>()
        };
        groups.iter().zip(signals.chunks(samples)).map(of).sum::<f64>()
    };
    for p in [0.05, 0.5] {
        assert!((slope(GroupScore::RLOO, p) - p * (1.0 - p)).abs() < 1e-12);
    }
    let ratio = |p: f64| slope(GroupScore::GRPO, p) / (p * (1.0 - p));
    // From sums over binomial counts in Python.
    for (p, expected) in [(0.02, 2.406), (0.05, 2.313), (0.2, 1.970), (0.5, 1.735)] {
        assert!(
            (ratio(p) - expected).abs() < 1e-3,
            "{} times the gradient at p = {p}, not {expected}",
            ratio(p)
        );
    }
}

#[test]
fn tokens_are_weighed_by_the_named_lengths() {
    // Lengths 3 and 1, rewards 2 and 1: the advantages of RLOO are 1 and −1.
    let mask =
        Tensor::<3>::from_floats([[[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]], &Device::flex()).greater_elem(0.5);
    let rewards = double(vec![2.0, 1.0], [1, 2]);
    for (length, [long, short]) in [
        (LengthNormalization::Sum, [1.0 / 2.0; 2]),
        (LengthNormalization::SequenceMean, [1.0 / 6.0, 1.0 / 2.0]),
        (LengthNormalization::TokenMean, [1.0 / 4.0; 2]),
        (LengthNormalization::Constant(5), [1.0 / 10.0; 2]),
    ] {
        let log_probs = double(vec![-1.0; 6], [1, 2, 3]).require_grad();
        let form = with(Advantage::LeaveOneOut, length);
        let loss = form.loss(log_probs.clone(), mask.clone(), rewards.clone()).expect("valid");
        let slopes = numbers(log_probs.grad(&loss.sum().backward()).expect("a gradient"));
        let expected = [-long, -long, -long, short, 0.0, 0.0];
        slopes
            .iter()
            .zip(expected)
            .for_each(|(a, b)| assert!((a - b).abs() < 1e-15, "{length:?}: {slopes:?}"));
    }
}

#[test]
fn equal_rewards_have_no_advantage_and_small_ones_the_same() {
    let rewards = |values: [f32; 3]| Tensor::<2>::from_floats([values], &Device::flex());
    let standardized = with(Advantage::Standardized { epsilon: 0.0 }, LengthNormalization::Sum);
    for form in [GroupScore::RLOO, GroupScore::dr_grpo(3), GroupScore::GRPO, standardized] {
        let advantages = form.advantages(rewards([0.1; 3])).expect("valid");
        assert_eq!(numbers(advantages), [0.0; 3], "{form:?}");
    }
    let unit = numbers(standardized.advantages(rewards([1.0, 2.0, 4.0])).expect("valid"));
    let small = numbers(standardized.advantages(rewards([1e-30, 2e-30, 4e-30])).expect("valid"));
    unit.iter().zip(&small).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{unit:?} and {small:?}"));
}
