//! What is drawn, and that only the noise decides it.

use super::*;
use gumbel::distribution::TruncatedGumbel;
use gumbel::sequence::States;

const ROWS: usize = 200_000;

fn counted(cells: usize, drawn: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts = vec![0; cells];
    drawn.for_each(|cell| counts[cell] += 1);
    counts
}

#[test]
fn the_tree_has_the_sequences_that_it_should() {
    assert_eq!(all().len(), 11);
    assert!((probabilities().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    for row in distinct(1, 20, 1).sequences().rows() {
        assert_eq!(row.len(), 11, "all of them, and no error");
    }
}

#[test]
fn independent_sequences_and_the_first_distinct_one_have_the_models_law() {
    let independent =
        sampler().independent(0..ROWS / 2, 2, (), step, &mut Noise::from_seed(1)).expect("valid");
    let known = all();
    let place =
        |tokens: &Vec<usize>| known.iter().position(|(known, _)| known == tokens).expect("a sequence");
    let pairs = independent.rows().iter().map(|row| place(&row[0].tokens) * 11 + place(&row[1].tokens));
    let p = probabilities();
    let product: Vec<f64> = p.iter().flat_map(|a| p.iter().map(move |b| a * b)).collect();
    let deviate = chi_square_deviate(&counted(121, pairs), &product);
    assert!(deviate.abs() < 4.0, "independent: {deviate}");
    let first = drawn(&distinct(ROWS, 3, 2)).into_iter().map(|row| row[0]);
    let deviate = chi_square_deviate(&counted(11, first), &p);
    assert!(deviate.abs() < 4.0, "first of three: {deviate}");
}

#[test]
fn ordered_pairs_are_drawn_without_replacement() {
    let p = probabilities();
    let pair = |a: usize, b: usize| if a == b { 0.0 } else { p[a] * p[b] / (1.0 - p[a]) };
    let law: Vec<f64> = (0..121).map(|cell| pair(cell / 11, cell % 11)).collect();
    for width in [1, 2, 5] {
        let sampler = sampler().with_width(width).expect("a width");
        let drawn = drawn(&sampler.distinct(0..ROWS, 5, (), step, &mut Noise::from_seed(3)).expect("valid"));
        let deviate = chi_square_deviate(&counted(121, drawn.iter().map(|row| row[0] * 11 + row[1])), &law);
        assert!(deviate.abs() < 4.0, "width {width}: {deviate}");
    }
}

#[test]
fn inclusion_probabilities_are_exact() {
    let p = probabilities();
    let mut exact = p.clone();
    for (a, b) in (0..11).flat_map(|a| (0..11).map(move |b| (a, b))).filter(|(a, b)| a != b) {
        exact[b] += p[a] * p[b] / (1.0 - p[a]);
    }
    let counts = counted(11, drawn(&distinct(ROWS, 2, 4)).into_iter().flatten());
    for (at, (&count, p)) in counts.iter().zip(exact).enumerate() {
        let n = ROWS as f64;
        let z = (count as f64 - n * p) / (n * p * (1.0 - p)).sqrt();
        assert!(z.abs() < 4.0, "sequence {at}: {z:.1} standard errors");
    }
}

#[test]
fn sequences_are_distinct_ordered_and_exact() {
    let drawn = distinct(2000, 4, 5);
    for ((row, perturbed), kappa) in
        drawn.sequences().rows().iter().zip(drawn.perturbed_log_probs()).zip(drawn.kappa())
    {
        for (at, sequence) in row.iter().enumerate() {
            assert!(!row[..at].contains(sequence), "{sequence:?} twice");
            assert!((sequence.log_prob - all()[place(&sequence.tokens)].1).abs() < 1e-12);
        }
        assert!(perturbed.is_sorted_by(|a, b| a > b), "{perturbed:?}");
        assert!(perturbed.last() > Some(kappa), "{perturbed:?} and {kappa}");
    }
}

/// Given the largest, the others are Gumbel numbers below it, at the log-probabilities of their sequences: what the samples say
/// of the second key. The largest itself is a standard Gumbel number.
#[test]
fn perturbed_log_probabilities_are_gumbel_numbers_given_the_larger_ones() {
    let drawn_rows = distinct(100_000, 3, 6);
    let host = |values: Vec<f64>| {
        let data = TensorData::new(values, [100_000]);
        Tensor::<1>::from_data(data, (&Device::flex(), DType::F64))
    };
    let keys =
        |at: usize| drawn_rows.perturbed_log_probs().iter().map(move |keys| keys[at]).collect::<Vec<f64>>();
    let left = |count: usize| {
        let log_rest = drawn_rows.sequences().rows().iter().map(move |row| {
            (-row[..count].iter().map(|sequence| sequence.log_prob.exp()).sum::<f64>()).ln_1p()
        });
        log_rest.collect::<Vec<f64>>()
    };
    let first: Vec<f64> = keys(0).iter().map(|key| (-(-key).exp()).exp()).collect();
    // After the first two, the key of all others together: κ is below the third.
    let second = TruncatedGumbel::new(host(left(1)), host(keys(0))).expect("finite").log_cdf(host(keys(1)));
    let third = TruncatedGumbel::new(host(left(2)), host(keys(1))).expect("finite").log_cdf(host(keys(2)));
    let kappa = TruncatedGumbel::new(host(drawn_rows.log_rest().to_vec()), host(keys(2))).expect("finite");
    let kappa = kappa.log_cdf(host(drawn_rows.kappa().to_vec()));
    let ranks = |log_cdf: Tensor<1>| log_cdf.exp().into_data().iter::<f64>().collect::<Vec<f64>>();
    for (name, ranks) in
        [("first", first), ("second", ranks(second)), ("third", ranks(third)), ("κ", ranks(kappa))]
    {
        let cells = counted(50, ranks.iter().map(|rank| ((rank * 50.0) as usize).min(49)));
        let deviate = chi_square_deviate(&cells, &[0.02; 50]);
        assert!(deviate.abs() < 4.0, "{name}: {deviate}");
    }
}

/// The first key is the root's, and each parent's key is that of one child: nothing is lost on the way, not even a bit.
#[test]
fn the_largest_key_is_the_roots_bit_for_bit() {
    let mut noise = Noise::from_seed(12);
    let drawn = sampler().distinct(0..200, 3, (), step, &mut noise.clone()).expect("valid");
    let stream = noise.fork().stream();
    for (row, keys) in drawn.perturbed_log_probs().iter().enumerate() {
        let mut root = [0.0f64];
        gumbel_kernels::noise::gumbel(stream.split(row as u64), &mut root);
        assert_eq!(keys[0], root[0]);
    }
}

#[test]
fn neither_width_nor_number_nor_division_changes_a_sequence() {
    let whole = distinct(50, 6, 7);
    for width in [1, 2, 3, 50] {
        let sampler = sampler().with_width(width).expect("a width");
        let other = sampler.distinct(0..50, 6, (), step, &mut Noise::from_seed(7)).expect("valid");
        assert_eq!(other.sequences(), whole.sequences(), "width {width}");
        assert_eq!(other.kappa(), whole.kappa(), "width {width}");
        let error =
            other.log_rest().iter().zip(whole.log_rest()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-12, "width {width}: {error}");
        let fewer = if width == 1 {
            other.prefixes() < whole.prefixes()
        } else {
            other.prefixes() <= whole.prefixes()
        };
        assert!(fewer && other.calls() >= whole.calls(), "width {width}: {} prefixes", other.prefixes());
    }
    let fewer = distinct(50, 4, 7);
    for (few, many) in fewer.sequences().rows().iter().zip(whole.sequences().rows()) {
        assert_eq!(few, &many[..4]);
    }
    let kappa = whole.perturbed_log_probs().iter().map(|keys| keys[4]);
    assert!(fewer.kappa().iter().zip(kappa).all(|(a, b)| *a == b), "κ is the next key");
    let part = sampler().distinct(20..50, 6, (), step, &mut Noise::from_seed(7)).expect("valid");
    assert_eq!(part.sequences().rows(), &whole.sequences().rows()[20..]);
    let independent =
        |rows| sampler().independent(rows, 3, (), step, &mut Noise::from_seed(7)).expect("valid");
    assert_eq!(independent(20..50).rows(), &independent(0..50).rows()[20..]);
}

/// A model that keeps what it has read: the states of many prefixes, which are selected and joined, are those of these.
#[test]
fn states_follow_their_prefixes() {
    let reading = |states: (Vec<Vec<usize>>, Tensor<2>), prefixes: &[Prefix<'_>]| {
        let read = |(mut state, prefix): (Vec<usize>, &Prefix<'_>)| {
            state.extend(prefix.last());
            assert_eq!(state, prefix.tokens);
            state
        };
        let sums = states.1.clone().into_data().iter::<f64>().collect::<Vec<_>>();
        for (sum, prefix) in sums.iter().zip(prefixes) {
            let before = &prefix.tokens[..prefix.tokens.len().saturating_sub(1)];
            assert_eq!(*sum, prefix.row as f64 * 100.0 + before.iter().sum::<usize>() as f64);
        }
        let last: Vec<f64> = prefixes.iter().map(|prefix| prefix.last().unwrap_or(0) as f64).collect();
        let last =
            Tensor::from_data(TensorData::new(last, [prefixes.len(), 1]), (&Device::flex(), DType::F64));
        let after = states.0.into_iter().zip(prefixes).map(read).collect();
        (step((), prefixes).0, (after, states.1 + last))
    };
    let start = |rows: std::ops::Range<usize>| {
        let sums: Vec<f64> = rows.clone().map(|row| row as f64 * 100.0).collect();
        let sums = Tensor::from_data(TensorData::new(sums, [rows.len(), 1]), (&Device::flex(), DType::F64));
        (vec![Vec::new(); rows.len()], sums)
    };
    for width in [1, 2, 7] {
        let sampler = sampler().with_width(width).expect("a width");
        let drawn =
            sampler.distinct(3..23, 7, start(3..23), reading, &mut Noise::from_seed(8)).expect("valid");
        let plain = sampler.distinct(3..23, 7, (), step, &mut Noise::from_seed(8)).expect("valid");
        assert_eq!(drawn.sequences(), plain.sequences());
        assert_eq!(drawn.calls() == LENGTH, width == 7);
    }
    let drawn =
        sampler().independent(3..23, 4, start(3..23), reading, &mut Noise::from_seed(8)).expect("valid");
    let plain = sampler().independent(3..23, 4, (), step, &mut Noise::from_seed(8)).expect("valid");
    assert_eq!(drawn, plain);
    assert_eq!(vec![1, 2].join(vec![3]), [1, 2, 3]);
}

/// Far below double precision's range of probabilities, all is finite and in order.
#[test]
fn improbable_sequences_have_finite_keys_and_weights() {
    let far = |_: (), prefixes: &[Prefix<'_>]| {
        let logits: Vec<f64> = prefixes.iter().flat_map(|_| [0.0, -600.0, MASK]).collect();
        let data = TensorData::new(logits, [prefixes.len(), TOKENS]);
        (Tensor::from_data(data, (&Device::flex(), DType::F64)), ())
    };
    let sampler = Sampler::new(4).expect("a length");
    for samples in [1, 5, 15, 16] {
        let drawn = sampler.distinct(0..50, samples, (), far, &mut Noise::from_seed(9)).expect("valid");
        let weights = drawn.weights(&Device::flex()).into_data();
        assert!(weights.iter::<f64>().all(|weight| weight.is_finite() && weight >= 0.0), "{weights}");
        for (row, keys) in drawn.sequences().rows().iter().zip(drawn.perturbed_log_probs()) {
            assert_eq!(row[0].tokens, [0; 4]);
            assert!(row.iter().all(|sequence| !sequence.tokens.contains(&2)), "a masked token");
            assert!(keys.is_sorted_by(|a, b| a >= b) && keys.iter().all(|key| key.is_finite()), "{keys:?}");
        }
        let rest = if samples == 16 { MASK } else { drawn.log_rest()[0] };
        assert_eq!(drawn.log_rest()[0], rest);
        assert_eq!(drawn.kappa()[0] == MASK, samples == 16);
    }
}
