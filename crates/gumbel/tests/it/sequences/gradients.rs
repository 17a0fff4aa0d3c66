//! Gradients of E f from sequences without replacement, and log-probabilities with a gradient.

use super::*;
use crate::support::{double, numbers};
use gumbel::estimator::{Objective, Sample, UnorderedSet};
use gumbel::sequence::token_log_probs;

/// The prefixes of the tree; the parameters are their logits.
const PREFIXES: [&[usize]; 6] = [&[], &[0], &[1], &[0, 0], &[1, 0], &[1, 1]];
const PARAMETERS: usize = PREFIXES.len() * TOKENS;

/// ∇ ln p of a sequence.
fn score(tokens: &[usize]) -> Vec<f64> {
    let mut score = vec![0.0; PARAMETERS];
    for (at, &token) in tokens.iter().enumerate() {
        let prefix = PREFIXES.iter().position(|prefix| *prefix == &tokens[..at]).expect("a prefix");
        let slots = &mut score[prefix * TOKENS..][..TOKENS];
        slots
            .iter_mut()
            .zip(log_softmax(logits(&tokens[..at])))
            .for_each(|(slot, log_p)| *slot -= log_p.exp());
        slots[token] += 1.0;
    }
    score
}

fn exact_gradient() -> Vec<f64> {
    let terms = all().into_iter().map(|(tokens, log_prob)| (score(&tokens), log_prob.exp() * f(&tokens)));
    terms.fold(vec![0.0; PARAMETERS], |sum, (score, weight)| {
        sum.iter().zip(score).map(|(sum, score)| sum + weight * score).collect()
    })
}

pub type Loss = fn(&DistinctSequences, Tensor<2>, Tensor<2>) -> Result<Tensor<1>, gumbel::Error>;
const UNORDERED: Loss = DistinctSequences::unordered_set_loss;
const REINFORCE: Loss = DistinctSequences::reinforce_loss;
const NORMALIZED: Loss = DistinctSequences::normalized_reinforce_loss;

/// The values of an estimate, and its gradients for the parameters, row by row.
fn estimated(
    drawn: &DistinctSequences,
    loss: Loss,
    f: impl Fn(&[usize]) -> f64,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = drawn.sequences().samples();
    let shape = [drawn.sequences().rows().len(), n];
    let log_probs = double(vec![-1.0; shape[0] * n], shape).require_grad();
    let mut losses = vec![f64::NAN; shape[0] * n];
    for (row, sequences) in drawn.sequences().rows().iter().enumerate() {
        sequences.iter().enumerate().for_each(|(s, sequence)| losses[row * n + s] = f(&sequence.tokens));
    }
    let loss = loss(drawn, log_probs.clone(), double(losses, shape)).expect("a supported problem");
    let signal = numbers(log_probs.grad(&loss.clone().sum().backward()).expect("a gradient"));
    let gradient = |(sequences, signal): (&Vec<gumbel::sequence::Sequence>, &[f64])| {
        sequences.iter().zip(signal).fold(vec![0.0; PARAMETERS], |sum, (sequence, signal)| {
            sum.iter().zip(score(&sequence.tokens)).map(|(sum, score)| sum + signal * score).collect()
        })
    };
    let gradients = drawn.sequences().rows().iter().zip(signal.chunks(n)).map(gradient).collect();
    (numbers(loss), gradients)
}

/// The largest distance of value and gradient from the exact ones, in standard errors, and the total variance.
fn worst(drawn: &DistinctSequences, loss: Loss) -> (f64, f64) {
    let (values, gradients) = estimated(drawn, loss, f);
    let (mut worst, mut variance) = (z_score(&values, exact_mean()).abs(), 0.0);
    for (at, exact) in exact_gradient().into_iter().enumerate() {
        let column: Vec<f64> = gradients.iter().map(|gradient| gradient[at]).collect();
        let (mean, error) = mean_of(&column);
        // A parameter that is never used, and that of a mask, has no gradient in any row.
        let z = if error == 0.0 { mean - exact } else { (mean - exact) / error };
        worst = worst.max(z.abs());
        variance += error.powi(2) * column.len() as f64;
    }
    (worst, variance)
}

#[test]
fn two_estimates_are_unbiased_and_the_normalized_one_is_not() {
    for samples in [1, 2, 3, 5] {
        let drawn = distinct(60_000, samples, 30 + samples as u64);
        // Nineteen comparisons each: 4.5 standard errors are 1 in 8000 for all of them.
        let (z, unordered) = worst(&drawn, UNORDERED);
        assert!(z < 4.5, "unordered set of {samples}: {z}");
        if samples > 1 {
            let (z, reinforce) = worst(&drawn, REINFORCE);
            assert!(z < 4.5, "reinforce with {samples}: {z}");
            assert!(unordered < reinforce, "{samples} samples: variances {unordered} and {reinforce}");
            let (z, _) = worst(&drawn, NORMALIZED);
            assert!(z > 6.0, "normalised, {samples} samples: {z}");
        }
    }
}

#[test]
fn all_sequences_make_every_estimate_exact() {
    // An unordered set has at most ten: of a tree of nine.
    let drawn = distinct(4, 11, 40);
    for loss in [REINFORCE, NORMALIZED] {
        let (values, gradients) = estimated(&drawn, loss, f);
        values.iter().for_each(|value| assert!((value - exact_mean()).abs() < 1e-12, "{value}"));
        for gradient in gradients {
            let error = gradient.iter().zip(exact_gradient()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-12, "{error}");
        }
    }
}

#[test]
fn a_constant_has_no_gradient_at_all() {
    for samples in [2, 4] {
        let drawn = distinct(100, samples, 41);
        for loss in [UNORDERED, REINFORCE, NORMALIZED] {
            let (_, gradients) = estimated(&drawn, loss, |_| 0.1);
            assert!(gradients.iter().flatten().all(|slope| *slope == 0.0));
        }
    }
}

#[test]
fn the_parameters_of_f_get_the_gradient_of_the_value() {
    let drawn = distinct(20, 3, 42);
    let scale = double(vec![1.0], [1, 1]).require_grad();
    let values =
        drawn.sequences().map(&Device::flex(), |sequence| f(&sequence.tokens)).cast(DType::F64).autodiff();
    let log_probs = Tensor::<2>::zeros([20, 3], (&Device::flex(), DType::F64));
    for loss in [UNORDERED, REINFORCE, NORMALIZED] {
        let loss =
            loss(&drawn, log_probs.clone(), values.clone() * scale.clone()).expect("a supported problem");
        let value: f64 = numbers(loss.clone()).iter().sum();
        let slope = numbers(scale.grad(&loss.sum().backward()).expect("a gradient"))[0];
        assert!((slope / value - 1.0).abs() < 1e-12, "{slope} for {value}");
    }
}

const LATENTS: usize = 2;
const CATEGORIES: usize = 4;

/// Sequences of independent latents are the states of the estimator: the same set has the same estimate.
#[test]
fn independent_tokens_give_the_estimate_of_the_unordered_set() {
    let (rows, samples) = (30, 3);
    let values: Vec<f64> = (0..rows * LATENTS * CATEGORIES).map(|at| (at as f64 * 1.7).sin()).collect();
    let theta = || double(values.clone(), [rows, LATENTS, CATEGORIES]).require_grad();
    let (left, right) = (theta(), theta());
    let step = |(), prefixes: &[Prefix<'_>]| {
        let at: Vec<i64> = prefixes.iter().map(|p| (p.row * LATENTS + p.tokens.len()) as i64).collect();
        let at = Tensor::from_data(TensorData::new(at, [prefixes.len()]), &left.device());
        (left.clone().reshape([rows * LATENTS, CATEGORIES]).select(0, at), ())
    };
    let sampler = Sampler::new(LATENTS).expect("a length");
    let drawn = sampler.distinct(0..rows, samples, (), step, &mut Noise::from_seed(43)).expect("valid");
    let log_probs = token_log_probs(drawn.sequences(), 0..rows, (), step).expect("valid");
    let weights = double(vec![1.0, -0.5, 0.2, 0.9, -1.0, 0.7, 0.4, 0.1], [1, 1, LATENTS, CATEGORIES]);
    let loss_of = |z: Tensor<4>| {
        let [samples, rows, ..] = z.dims();
        (z * weights.clone()).sum_dim(3).sum_dim(2).reshape([samples, rows]).exp()
    };
    let z: Tensor<4> = drawn.sequences().tokens(&Device::flex()).one_hot::<4>(CATEGORIES).float();
    let z = z.cast(DType::F64).swap_dims(0, 1).autodiff();
    let log_probs = log_probs.sum_dim(2).squeeze_dim(2);
    let loss =
        drawn.unordered_set_loss(log_probs, loss_of(z.clone()).swap_dims(0, 1)).expect("a supported problem");
    let objective = Objective::mean(|sample: &Sample| loss_of(sample.z.clone()));
    let set = UnorderedSet::new(samples).expect("samples").with_samples(right.clone(), &objective, z);
    let set = set.expect("a supported problem").loss;
    numbers(loss.clone()).iter().zip(numbers(set.clone())).for_each(|(a, b)| assert!((a - b).abs() < 1e-12));
    let slopes = numbers(left.grad(&loss.sum().backward()).expect("a gradient"));
    let expected = numbers(right.grad(&set.sum().backward()).expect("a gradient"));
    assert!(expected.iter().any(|slope| slope.abs() > 0.1));
    slopes.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} and {b}"));
}

/// The log-probabilities are those of the sampler, and their gradient is the score; masked tokens have none.
#[test]
fn read_again_sequences_have_their_log_probabilities_and_scores() {
    let table: Vec<f64> = PREFIXES.iter().flat_map(|prefix| logits(prefix)).collect();
    let theta = double(table, [PREFIXES.len(), TOKENS]).require_grad();
    let step = |(), prefixes: &[Prefix<'_>]| {
        let place =
            |prefix: &Prefix<'_>| PREFIXES.iter().position(|known| *known == prefix.tokens).expect("known");
        let at: Vec<i64> = prefixes.iter().map(|prefix| place(prefix) as i64).collect();
        (
            theta
                .clone()
                .select(0, Tensor::from_data(TensorData::new(at, [prefixes.len()]), &theta.device())),
            (),
        )
    };
    let drawn = sampler().distinct(7..9, 13, (), step, &mut Noise::from_seed(44)).expect("valid");
    let log_probs = token_log_probs(drawn.sequences(), 7..9, (), step).expect("valid");
    assert_eq!(log_probs.dims(), [2, 13, LENGTH]);
    let sums = numbers(log_probs.clone().sum_dim(2));
    let expected = numbers(drawn.sequences().log_probs(&Device::flex()));
    sums.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} and {b}"));
    assert_eq!(sums[11..13], [0.0; 2], "there is no twelfth");
    let mask = numbers(drawn.sequences().mask(&Device::flex()).float());
    let outside = numbers(log_probs.clone()).into_iter().zip(mask).filter(|(_, mask)| *mask == 0.0);
    assert!(outside.map(|(log_prob, _)| log_prob).all(|log_prob| log_prob == 0.0));
    // Each sequence weighed by another number.
    let weights: Vec<f64> = (0..26).map(|at| (at as f64).cos()).collect();
    let loss = (log_probs * double(weights.clone(), [2, 13, 1])).sum();
    let slopes = numbers(theta.grad(&loss.backward()).expect("a gradient"));
    let mut expected = vec![0.0; PARAMETERS];
    for (row, sequences) in drawn.sequences().rows().iter().enumerate() {
        for (s, sequence) in sequences.iter().enumerate() {
            let score = score(&sequence.tokens);
            expected.iter_mut().zip(score).for_each(|(sum, score)| *sum += weights[row * 13 + s] * score);
        }
    }
    slopes.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} and {b}"));
    assert_eq!(slopes[TOKENS + 1], 0.0, "the mask after 0");
}
