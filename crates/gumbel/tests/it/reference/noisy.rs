//! Samples of single and half precision are those of the same logits and the same noise in double precision: hard ones but
//! where a rounding decides, soft ones up to what a rounding of the keys changes.

use super::{MASK, Row, row, tensor};
use crate::support::numbers;
use burn::tensor::{DType, Tensor};
use gumbel::{Error, Noise, permutation, sparse, subset, tree};

type Draw = fn(Tensor<2>, f64, &mut Noise) -> Result<Vec<f64>, Error>;

/// Name, the fewest numbers of a row and how many more, and whether samples are hard.
type Sampler = (&'static str, [usize; 2], bool, Draw);

fn of<const D: usize>(result: Result<Tensor<D>, Error>) -> Result<Vec<f64>, Error> {
    result.map(numbers)
}

fn square(logits: Tensor<2>) -> Tensor<3> {
    logits.reshape([1, 3, 3])
}

fn graph() -> tree::Graph {
    tree::Graph::complete(4).expect("a graph of four nodes")
}

const SAMPLERS: [Sampler; 17] = [
    ("gumbel_max", [1, 7], true, |l, _, noise| of(Ok(gumbel::gumbel_max(l, noise)?.float()))),
    ("sample_one_hot", [1, 7], true, |l, _, noise| of(gumbel::sample_one_hot(l, noise))),
    ("subset::gumbel_top_k", [2, 6], true, |l, _, noise| of(Ok(subset::gumbel_top_k(l, 2, noise)?.float()))),
    ("subset::top_k_hot", [2, 6], true, |l, _, noise| of(subset::top_k_hot(l, 2, noise))),
    ("subset::k_hot", [2, 6], true, |l, _, noise| of(subset::k_hot(l, 2, noise))),
    ("subset::implicit_mle", [2, 6], true, |l, tau, noise| of(subset::implicit_mle(l, 2, tau, 1.0, noise))),
    ("tree::gumbel_tree", [6, 0], true, |l, _, noise| of(tree::gumbel_tree(&graph(), l, noise))),
    ("tree::max_spanning_tree", [6, 0], true, |l, _, _| of(tree::max_spanning_tree(&graph(), l))),
    ("permutation::gumbel_matching", [9, 0], true, |l, _, noise| {
        of(permutation::gumbel_matching(square(l), noise))
    }),
    ("gumbel_softmax", [1, 7], false, |l, tau, noise| of(gumbel::gumbel_softmax(l, tau, noise))),
    ("log_gumbel_softmax", [1, 7], false, |l, tau, noise| {
        of(gumbel::log_gumbel_softmax(l, tau, noise).map(Tensor::exp))
    }),
    ("sparse::gumbel_sparsemax", [1, 7], false, |l, tau, noise| of(sparse::gumbel_sparsemax(l, tau, noise))),
    ("sparse::gumbel_entmax", [1, 7], false, |l, tau, noise| of(sparse::gumbel_entmax(l, 1.5, tau, noise))),
    ("subset::relaxed_top_k", [2, 6], false, |l, tau, noise| of(subset::relaxed_top_k(l, 2, tau, noise))),
    ("tree::relaxed_tree", [6, 0], false, |l, tau, noise| of(tree::relaxed_tree(&graph(), l, tau, noise))),
    ("permutation::sinkhorn", [9, 0], false, |l, tau, _| of(permutation::sinkhorn(square(l), tau, 10, 0.0))),
    ("permutation::gumbel_sinkhorn", [9, 0], false, |l, tau, noise| {
        of(permutation::gumbel_sinkhorn(square(l), tau, 10, 0.0, noise))
    }),
];

fn draw(row: &Row, dtype: DType, sampler: Draw) -> Result<Vec<f64>, Error> {
    sampler(tensor(&row.logits, dtype), row.tau, &mut Noise::from_seed(row.seed))
}

/// What is wrong with a sampler at a row, if anything is.
fn fault((name, _, hard, sampler): Sampler, row: &Row, undecided: &mut usize) -> Option<String> {
    let case = format!("{name} of {:?}, tau {}, {:?}, seed {}", row.logits, row.tau, row.dtype, row.seed);
    let (found, exact) = match (draw(row, row.dtype, sampler), draw(row, DType::F64, sampler)) {
        (Ok(found), Ok(exact)) => (found, exact),
        (Err(_), Err(_)) => return None,
        (found, exact) => return Some(format!("{case}: {found:?}, but {exact:?} in double precision")),
    };
    let [step, rounded] = row.steps();
    // The keys are known to a rounding of the largest gap that matters, and they are divided by tau.
    let keys = 64.0 * step * (30.0 + row.size()) / row.tau;
    let far = found.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    if hard && far > 0.0 {
        *undecided += 1;
        return None;
    }
    let tolerance = keys + 8.0 * rounded;
    (far > tolerance).then(|| format!("{case}: {found:?}, not {exact:?} by {tolerance}"))
}

#[test]
fn samples_are_those_of_the_same_noise_in_double_precision() {
    let (mut faults, mut undecided) = (Vec::new(), 0);
    for sampler in SAMPLERS {
        let [least, more] = sampler.1;
        faults.extend((0..1000).find_map(|seed| fault(sampler, &row(seed, least, more), &mut undecided)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(undecided < 20, "{undecided} of 9000 samples differ");
}

#[test]
fn perturbed_scores_are_the_gaps_and_the_noise() {
    for seed in 0..1000 {
        let row = row(seed, 1, 7);
        let found = permutation::perturb(row.tensor(), &mut Noise::from_seed(seed)).map(numbers);
        assert_eq!(found.is_ok(), row.valid(1), "{:?}", row.logits);
        let Ok(found) = found else { continue };
        let mut noise = vec![0.0; found.len()];
        gumbel_kernels::noise::gumbel(Noise::from_seed(seed).stream(), &mut noise);
        // The largest score is at its place or taken out: what matters are the differences.
        let first = row.logits.iter().position(|&score| score > MASK).unwrap();
        for (i, &found_key) in found.iter().enumerate().filter(|(i, _)| row.logits[*i] > MASK) {
            let exact = row.logits[i] - row.logits[first] + noise[i] - noise[first];
            let size = row.size() + found_key.abs() + found[first].abs() + 30.0;
            let tolerance = 8.0 * row.steps()[1] * size;
            assert!((found_key - found[first] - exact).abs() <= tolerance, "{:?}, seed {seed}", row.logits);
        }
    }
}
