//! Three relaxed objectives, and the likelihoods that they bound or do not bound.
//!
//! A model small enough to integrate exactly: one latent of three categories, uniform prior, three bits. Bit 1 is likely
//! for more than 0.3 of category 1, bit 2 for more than 0.3 of category 2, bit 3 for less than 0.01 of category 3. All
//! observed bits are set.

use super::draw::shares;
use super::triangle::{expectation, log_space_density};
use super::{AtLeast, AtMost, Claim, ClaimRow, Equal, Figure, Finding, Sampling};
use crate::page::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;
use burn::tensor::{DType, Device, Tensor, TensorData, activation};
use gumbel::{Noise, kl, log_gumbel_softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "relaxed-elbo",
    title: "The relaxed ELBO with the discrete KL is not a bound; with the density it is a bound for the relaxed model",
    compute,
};

const TAU: f64 = 1.0;
/// Slope and threshold of each bit in the share of its category.
const BITS: [(f64, f64); 3] = [(10.0, 0.3), (10.0, 0.3), (-300.0, 0.01)];
/// Values of ln α of the posterior for categories 1 and 2; it is 0 for the third.
const EVEN: [f64; 9] = [3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0];
/// The value of ln α at which the integrals are checked by samples.
const CHECKED: f64 = 5.0;

/// The objectives, in nats of ln p(x).
#[derive(Clone, Copy)]
struct Objectives<T> {
    density: T,
    mass: T,
    discrete: T,
}

fn compute(sampling: &Sampling) -> Result<Finding> {
    let (relaxed, hard) = (relaxed_evidence(), hard_evidence());
    let curve = EVEN.map(|even| (even, objectives(even), hard_elbo(even)));
    let sampled = sampled(sampling)?;
    let mut rows = bound_rows(&curve, relaxed, hard);
    rows.extend(sampled_rows(&sampled, &objectives(CHECKED)));
    let most = |of: fn(&Objectives<f64>) -> f64| {
        curve.iter().map(|(_, o, _)| of(o)).fold(f64::NEG_INFINITY, f64::max)
    };
    let text = format!(
        "Summed over its categories, the discrete model has ln p(x) = {hard:.3}; integrated over the simplex, the relaxed \
         model has {relaxed:.3}. Over the posteriors in the figure, the objective with the Concrete densities reaches \
         {:.3} and stays below the latter. With the KL of the categories it reaches {:.3}, above both likelihoods, and \
         with the log-ratio at the sample {:.3}: these objectives bound neither. A posterior near the edge explains all \
         three bits, while the KL of the categories is at most ln 3, whatever the posterior does there. The hard ELBO \
         reaches {:.3} and stays below {hard:.3}.",
        most(|o| o.density),
        most(|o| o.discrete),
        most(|o| o.mass),
        curve.iter().map(|point| point.2).fold(f64::NEG_INFINITY, f64::max)
    );
    Ok(Finding { text, figures: vec![figure(&curve, relaxed, hard)], rows })
}

fn logits(even: f64) -> [f64; 3] {
    [even, even, 0.0]
}

/// `ln p(x | z)` with all bits set.
fn log_likelihood(z: [f64; 3]) -> f64 {
    let log_sigmoid = |a: f64| -(-a.abs()).exp().ln_1p() + a.min(0.0);
    z.iter().zip(BITS).map(|(z, (slope, threshold))| log_sigmoid(slope * (z - threshold))).sum()
}

fn corner(k: usize) -> [f64; 3] {
    std::array::from_fn(|i| f64::from(i == k))
}

fn hard_evidence() -> f64 {
    ((0..3).map(|k| log_likelihood(corner(k)).exp()).sum::<f64>() / 3.0).ln()
}

/// `ln p(x)` of the relaxed model, with the prior Concrete(1, τ).
fn relaxed_evidence() -> f64 {
    expectation(&[0.0; 3], TAU, |log_z| log_likelihood(log_z.map(f64::exp)).exp()).ln()
}

fn hard_elbo(even: f64) -> f64 {
    let q = shares(logits(even).map(f64::exp));
    q.iter().enumerate().map(|(k, q)| q * (log_likelihood(corner(k)) - (3.0 * q).ln())).sum()
}

/// The objectives by quadrature; Maddison et al. 2017, eqs. 20 to 22.
fn objectives(even: f64) -> Objectives<f64> {
    let theta = logits(even);
    let q = shares(theta.map(f64::exp));
    let mean = |f: &dyn Fn(&[f64; 3]) -> f64| expectation(&theta, TAU, f);
    let explained = mean(&|log_z| log_likelihood(log_z.map(f64::exp)));
    let ratio =
        |log_z: &[f64; 3]| log_space_density(log_z, &theta, TAU) - log_space_density(log_z, &[0.0; 3], TAU);
    let mass = |log_z: &[f64; 3]| (0..3).map(|k| log_z[k].exp() * (3.0 * q[k]).ln()).sum();
    Objectives {
        density: explained - mean(&ratio),
        mass: explained - mean(&mass),
        discrete: explained - q.iter().map(|q| q * (3.0 * q).ln()).sum::<f64>(),
    }
}

/// The objectives by the samples and divergences of the library.
fn sampled(sampling: &Sampling) -> Result<Objectives<Mean>> {
    let rows = sampling.fewer();
    let mut noise = Noise::from_seed(u64::from(sampling.stream.word(0)));
    let theta = TensorData::new(logits(CHECKED).repeat(rows), [rows, 3]);
    let theta = Tensor::<2>::from_data(theta, (&Device::flex(), DType::F32));
    let log_z = log_gumbel_softmax(theta.clone(), TAU, &mut noise)?;
    let [slopes, thresholds] = [BITS.map(|bit| bit.0), BITS.map(|bit| bit.1)];
    let row = |numbers: [f64; 3]| Tensor::<2>::from_data([numbers], (&Device::flex(), DType::F32));
    let explained = activation::log_sigmoid((log_z.clone().exp() - row(thresholds)) * row(slopes)).sum_dim(1);
    let prior = theta.zeros_like();
    let less = |kl: Tensor<2>| Mean::of((explained.clone() - kl).into_data().iter::<f64>());
    Ok(Objectives {
        density: less(kl::density_at_sample((theta.clone(), TAU), (prior.clone(), TAU), log_z.clone())?),
        mass: less(kl::mass_at_sample(theta.clone(), prior.clone(), log_z.exp())?),
        discrete: less(kl::categorical(theta, prior)?),
    })
}

type Point = (f64, Objectives<f64>, f64);

fn bound_rows(curve: &[Point], relaxed: f64, hard: f64) -> Vec<ClaimRow> {
    let maximum = |name: &str, value: fn(&Point) -> f64| {
        let value = curve.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
        ClaimRow::exact(name, format!("over the posteriors of the figure, τ = {TAU}"), value)
    };
    let discrete = || maximum("maximum ELBO, discrete KL", |p| p.1.discrete);
    let density = maximum("maximum ELBO, Concrete densities", |p| p.1.density);
    let mass = maximum("maximum ELBO, log-ratio at the sample", |p| p.1.mass);
    vec![
        density.expect(AtMost, relaxed, "relaxed ln p(x), integral"),
        maximum("maximum hard ELBO", |p| p.2).expect(AtMost, hard, "discrete ln p(x), sum"),
        discrete().expect(AtLeast, relaxed + 0.1, "relaxed ln p(x) + 0.1: not a bound"),
        discrete().expect(AtLeast, hard + 0.1, "discrete ln p(x) + 0.1: not a bound"),
        mass.expect(AtLeast, hard + 0.1, "discrete ln p(x) + 0.1: not a bound"),
    ]
}

fn sampled_rows(sampled: &Objectives<Mean>, exact: &Objectives<f64>) -> [ClaimRow; 3] {
    let row = |name: &str, mean, exact| {
        let setting = format!("α = (e⁵, e⁵, 1), τ = {TAU}, by samples");
        ClaimRow::mean(format!("ELBO, {name}"), setting, mean).expect(Equal, exact, "quadrature")
    };
    [
        row("Concrete densities", sampled.density, exact.density),
        row("log-ratio at the sample", sampled.mass, exact.mass),
        row("discrete KL", sampled.discrete, exact.discrete),
    ]
}

fn figure(curve: &[Point], relaxed: f64, hard: f64) -> Figure {
    let series =
        |name: &str, value: fn(&Point) -> f64| Series::new(name, curve.iter().map(|p| (p.0, value(p))));
    let level =
        |name: &str, value| Series::new(name, vec![(EVEN[0], value), (EVEN[EVEN.len() - 1], value)]).dashed();
    let title = "Relaxed and hard ELBO against the posterior, and both likelihoods";
    let series = [
        series("discrete KL", |p| p.1.discrete),
        series("log-ratio at the sample", |p| p.1.mass),
        series("Concrete densities", |p| p.1.density),
        series("hard ELBO", |p| p.2),
        level("relaxed ln p(x)", relaxed),
        level("discrete ln p(x)", hard),
    ];
    let chart = LineChart::new(title, "ln α of categories 1 and 2 in the posterior", "nats", series);
    let caption = "Dashed: the likelihoods. Of the relaxed objectives, only that with the densities stays below the likelihood of the relaxed model.";
    Figure::new("relaxed-elbo", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn at_the_exact_posterior_the_hard_elbo_is_the_evidence() {
        let joint: Vec<f64> = (0..3).map(|k| log_likelihood(corner(k)).exp()).collect();
        let even = (joint[0] / joint[2]).ln();
        assert!((hard_elbo(even) - hard_evidence()).abs() < 1e-12 && hard_elbo(4.0) < hard_evidence() - 0.1);
    }

    #[test]
    fn the_discrete_divergence_instead_of_the_density_is_detected() {
        let sampled = sampled(&Sampling { stream: Stream::new(1), samples: 1_000_000 }).unwrap();
        let exact = objectives(CHECKED);
        assert!(sampled_rows(&sampled, &exact).iter().all(ClaimRow::holds));
        let mixed = Objectives { density: exact.discrete, ..exact };
        assert!(!sampled_rows(&sampled, &mixed).iter().all(ClaimRow::holds));
    }
}
