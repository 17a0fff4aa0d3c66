//! Logits are unnormalised: a constant added to a row changes nothing. Logits and constants here are multiples of a
//! quarter, so that their sums are exact, and then results are equal to the last bit, as far as the sizes of the
//! numbers allow.

use crate::support::{build, curved, numbers};
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::distribution::{Categorical, Concrete, ConditionedGumbels, ExpConcrete, Reparameterized};
use gumbel::estimator::{self, Latents, Objective, Reduction};
use gumbel::{Error, Noise, categorical, exp_concrete, kl, permutation, sparse, subset, tree};

/// A type, and a constant of which multiples of a quarter, or of one, are representable.
const TYPES: [(DType, f64, f64); 3] =
    [(DType::F32, 2097152.0, 0.25), (DType::F64, 281474976710656.0, 0.25), (DType::F16, 1024.0, 1.0)];

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&device, dtype)).require_grad()
}

/// Multiples of `unit` between −3 and 3, and a constant for each row of `k`, of either sign.
fn rows(seed: u64, len: usize, k: usize, (_, constant, unit): (DType, f64, f64)) -> [Vec<f64>; 2] {
    let u = numbers(Noise::from_seed(seed).uniform::<1>([len], &Device::flex()));
    let plain: Vec<f64> = u.iter().map(|u| ((u * 6.0 - 3.0) / unit).round() * unit).collect();
    let constants = [constant, -constant, 0.0];
    let shifted = plain.iter().enumerate().map(|(at, logit)| logit + constants[at / k % 3]).collect();
    [plain, shifted]
}

fn bits<const D: usize>(tensor: Tensor<D>) -> Vec<u64> {
    numbers(tensor).into_iter().map(f64::to_bits).collect()
}

/// The bits of a function's value and gradient.
fn value_and_slopes<const E: usize>(
    leaf: Tensor<2>,
    f: impl Fn(Tensor<2>) -> Result<Tensor<E>, Error>,
) -> Vec<u64> {
    let value = f(leaf.clone()).unwrap();
    let weights = Tensor::arange(0..value.shape().num_elements() as i64, &value.device()).float();
    let weighted = value.clone() * weights.cast(value.dtype()).reshape(value.dims());
    // A hard sample alone has no gradient to ask for.
    let tracked = weighted.sum() + (leaf.clone() - leaf.clone()).sum().cast(value.dtype());
    let slopes = bits(leaf.grad(&tracked.backward()).unwrap());
    [bits(value.inner()), slopes].concat()
}

fn unchanged<const E: usize>(name: &str, k: usize, f: impl Fn(Tensor<2>) -> Result<Tensor<E>, Error>) {
    for (seed, case) in (0..30).map(|seed| (seed, TYPES[seed as usize % TYPES.len()])) {
        let [plain, shifted] = rows(seed, 6 * k, k, case).map(|row| tensor(&row, [6, k], case.0));
        let (plain, shifted) = (value_and_slopes(plain, &f), value_and_slopes(shifted, &f));
        let shown = |bits: Vec<u64>| -> Vec<f64> { bits.into_iter().map(f64::from_bits).collect() };
        assert_eq!(shown(plain), shown(shifted), "{name} of {k}, seed {seed}, {:?}", case.0);
    }
}

fn noise() -> Noise {
    Noise::from_seed(5)
}

#[test]
fn samples_of_shifted_logits_are_the_same() {
    for k in [2, 3, 6] {
        unchanged("gumbel_max", k, |l| Ok(gumbel::gumbel_max(l, &mut noise())?.float()));
        unchanged("gumbel_softmax", k, |l| gumbel::gumbel_softmax(l, 0.7, &mut noise()));
        unchanged("log_gumbel_softmax", k, |l| gumbel::log_gumbel_softmax(l, 0.7, &mut noise()));
        let hard = |l| gumbel::straight_through_gumbel_softmax(l, 0.7, &mut noise());
        unchanged("straight_through_gumbel_softmax", k, hard);
        unchanged("entmax", k, |l| sparse::gumbel_entmax(l, 1.5, 0.7, &mut noise()));
    }
}

#[test]
fn subsets_permutations_and_trees_of_shifted_logits_are_the_same() {
    unchanged("k_hot", 6, |l| subset::k_hot(l, 2, &mut noise()));
    unchanged("straight_through_k_hot", 6, |l| subset::straight_through_k_hot(l, 2, &mut noise()));
    unchanged("marginals", 6, |l| subset::marginals(l, 2));
    unchanged("subset entropy", 6, |l| subset::entropy(l, 2));
    unchanged("relaxed_top_k", 6, |l| subset::relaxed_top_k(l, 2, 0.7, &mut noise()));
    unchanged("straight_through_top_k", 6, |l| subset::straight_through_top_k(l, 2, 0.7, &mut noise()));
    unchanged("implicit_mle", 6, |l| subset::implicit_mle(l, 2, 1.0, 1.0, &mut noise()));
    unchanged("gumbel_sinkhorn", 6, |l| permutation::gumbel_sinkhorn(l, 0.7, 20, 1e-3, &mut noise()));
    unchanged("gumbel_matching", 6, |l| permutation::gumbel_matching(l, &mut noise()));
    let graph = || tree::Graph::complete(4).unwrap();
    unchanged("tree marginals", 6, |l| tree::marginals(&graph(), l));
    unchanged("tree sample", 6, |l| tree::straight_through_tree(&graph(), l, 0.7, &mut noise()));
}

#[test]
fn densities_and_divergences_of_shifted_logits_are_the_same() {
    let point = |l: &Tensor<2>| {
        let zeros = l.zeros_like().detach();
        gumbel::gumbel_softmax(zeros, 1.0, &mut noise()).unwrap()
    };
    unchanged("entropy", 4, categorical::entropy);
    unchanged("kl", 4, |l: Tensor<2>| kl::categorical(l.clone(), l.zeros_like().detach()));
    unchanged("kl the other way", 4, |l: Tensor<2>| kl::categorical(l.zeros_like().detach(), l));
    unchanged("Categorical", 4, |l: Tensor<2>| Ok(Categorical::new(l)?.entropy()));
    unchanged("Concrete", 4, |l: Tensor<2>| Ok(Concrete::new(l.clone(), 0.7)?.log_prob(point(&l))));
    unchanged("ExpConcrete", 4, |l: Tensor<2>| {
        Ok(ExpConcrete::new(l.clone(), 0.7)?.log_prob(point(&l).log()))
    });
    unchanged("exp_concrete", 4, |l: Tensor<2>| exp_concrete::log_prob(l.clone(), 0.7, point(&l).log()));
    unchanged("order", 4, |l: Tensor<2>| {
        let order = subset::gumbel_top_k(l.zeros_like().detach(), 3, &mut noise())?;
        Ok(ConditionedGumbels::given_top_k(l, order)?.order_log_prob())
    });
}

#[test]
fn estimates_at_shifted_logits_are_the_same() {
    let mut differ = Vec::new();
    for entry in estimator::ALL {
        let [latents, k] = if entry.properties.latents == Latents::Binary { [3, 2] } else { [2, 3] };
        for case in TYPES {
            let estimate = |values: &[f64]| -> Vec<u64> {
                let logits = tensor(values, [8, latents, k], case.0);
                let objective = match entry.properties.supports(Reduction::Mean) {
                    true => Objective::mean(curved),
                    false => Objective::log_mean_exp(curved),
                };
                let estimate = build(entry).estimate(logits.clone(), &objective, &mut noise(), 0).unwrap();
                let loss = bits(estimate.loss.clone().inner());
                [loss, bits(logits.grad(&estimate.loss.sum().backward()).unwrap())].concat()
            };
            let [plain, shifted] = rows(3, 48, k, case);
            if estimate(&plain) != estimate(&shifted) {
                differ.push((entry.name(), case.0));
            }
        }
    }
    assert!(differ.is_empty(), "{differ:?}");
}
