//! Three relaxed objectives beside the likelihoods that they are, or are not, bounds of.
//!
//! A model small enough to know everything of: one latent of three categories, even prior, three bits. Bit 1 wants more
//! than 0.3 of category 1, bit 2 of category 2, bit 3 less than 0.01 of category 3. The observed bits are all set.

use super::draw::shares;
use super::triangle::{expectation, log_space_density};
use super::{Claim, Figure, Finding, Row, Settings, Test};
use crate::report::figure::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;
use burn::tensor::{DType, Device, Tensor, TensorData, activation};
use gumbel::{Noise, kl, log_gumbel_softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "relaxed-elbo",
    title: "The relaxed ELBO with the discrete KL is no bound; with the density it is one, on the relaxed model",
    compute,
};

const TAU: f64 = 1.0;
/// Bits: how steeply each turns with its category's share, and where.
const BITS: [(f64, f64); 3] = [(10.0, 0.3), (10.0, 0.3), (-300.0, 0.01)];
/// ln α of the posterior for categories 1 and 2; 0 for the third.
const EVEN: [f64; 9] = [3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0];
/// Where the integrals are checked by samples through the library.
const CHECKED: f64 = 5.0;

/// The objectives, in nats of ln p(x).
#[derive(Clone, Copy)]
struct Objectives<T> {
    density: T,
    mass: T,
    discrete: T,
}

fn compute(settings: &Settings) -> Result<Finding> {
    let (relaxed, hard) = (relaxed_evidence(), hard_evidence());
    let curve = EVEN.map(|even| (even, objectives(even), hard_elbo(even)));
    let sampled = sampled(settings)?;
    let mut rows = bound_rows(&curve, relaxed, hard);
    rows.extend(sampled_rows(&sampled, &objectives(CHECKED)));
    let most = |of: fn(&Objectives<f64>) -> f64| {
        curve.iter().map(|(_, o, _)| of(o)).fold(f64::NEG_INFINITY, f64::max)
    };
    let said = format!(
        "Summed over its categories the discrete model gives ln p(x) = {hard:.3}; integrated over the simplex, the \
         relaxed model gives {relaxed:.3}. Over the posteriors drawn, the objective with the Concrete densities \
         reaches {:.3} and stays below the latter. With the KL of the categories it reaches {:.3}, above both, and with \
         the log-ratio at the sample {:.3}: they are bounds of neither. A posterior near the edge explains all three \
         bits, and the KL of the categories charges at most ln 3 for whatever it does there. The hard ELBO reaches \
         {:.3} and stays below {hard:.3}.",
        most(|o| o.density),
        most(|o| o.discrete),
        most(|o| o.mass),
        curve.iter().map(|point| point.2).fold(f64::NEG_INFINITY, f64::max)
    );
    Ok(Finding { said, figures: vec![figure(&curve, relaxed, hard)], rows })
}

fn logits(even: f64) -> [f64; 3] {
    [even, even, 0.0]
}

/// `ln p(x | z)` of all bits set.
fn log_likelihood(z: [f64; 3]) -> f64 {
    let log_sigmoid = |a: f64| -(-a.abs()).exp().ln_1p() + a.min(0.0);
    z.iter().zip(BITS).map(|(z, (slope, wanted))| log_sigmoid(slope * (z - wanted))).sum()
}

fn corner(k: usize) -> [f64; 3] {
    std::array::from_fn(|i| f64::from(i == k))
}

fn hard_evidence() -> f64 {
    ((0..3).map(|k| log_likelihood(corner(k)).exp()).sum::<f64>() / 3.0).ln()
}

/// Under the prior Concrete(1, τ).
fn relaxed_evidence() -> f64 {
    expectation(&[0.0; 3], TAU, |log_z| log_likelihood(log_z.map(f64::exp)).exp()).ln()
}

fn hard_elbo(even: f64) -> f64 {
    let q = shares(logits(even).map(f64::exp));
    q.iter().enumerate().map(|(k, q)| q * (log_likelihood(corner(k)) - (3.0 * q).ln())).sum()
}

/// By quadrature; Maddison et al. 2017, eqs. 20 to 22.
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

/// By samples, through the library's samples and divergences.
fn sampled(settings: &Settings) -> Result<Objectives<Mean>> {
    let rows = settings.fewer();
    let mut noise = Noise::from_seed(u64::from(settings.stream.word(0)));
    let theta = TensorData::new(logits(CHECKED).repeat(rows), [rows, 3]);
    let theta = Tensor::<2>::from_data(theta, (&Device::flex(), DType::F32));
    let log_z = log_gumbel_softmax(theta.clone(), TAU, &mut noise)?;
    let [slopes, wanted] = [BITS.map(|bit| bit.0), BITS.map(|bit| bit.1)];
    let row = |numbers: [f64; 3]| Tensor::<2>::from_data([numbers], (&Device::flex(), DType::F32));
    let explained = activation::log_sigmoid((log_z.clone().exp() - row(wanted)) * row(slopes)).sum_dim(1);
    let prior = theta.zeros_like();
    let less = |kl: Tensor<2>| Mean::of((explained.clone() - kl).into_data().iter::<f64>());
    Ok(Objectives {
        density: less(kl::density_at_sample((theta.clone(), TAU), (prior.clone(), TAU), log_z.clone())?),
        mass: less(kl::mass_at_sample(theta.clone(), prior.clone(), log_z.exp())),
        discrete: less(kl::categorical(theta, prior)),
    })
}

type Point = (f64, Objectives<f64>, f64);

fn bound_rows(curve: &[Point], relaxed: f64, hard: f64) -> Vec<Row> {
    let greatest = |name: &str, value: fn(&Point) -> f64| {
        let value = curve.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
        Row::exact(name, format!("over the posteriors drawn, τ = {TAU}"), value)
    };
    let discrete = || greatest("greatest ELBO, discrete KL", |p| p.1.discrete);
    vec![
        greatest("greatest ELBO, Concrete densities", |p| p.1.density).expect(
            Test::AtMost,
            relaxed,
            "relaxed ln p(x), integral",
        ),
        greatest("greatest hard ELBO", |p| p.2).expect(Test::AtMost, hard, "discrete ln p(x), sum"),
        discrete().expect(Test::AtLeast, relaxed + 0.1, "relaxed ln p(x) + 0.1: no bound"),
        discrete().expect(Test::AtLeast, hard + 0.1, "discrete ln p(x) + 0.1: no bound"),
        greatest("greatest ELBO, log-ratio at the sample", |p| p.1.mass).expect(
            Test::AtLeast,
            hard + 0.1,
            "discrete ln p(x) + 0.1: no bound",
        ),
    ]
}

fn sampled_rows(sampled: &Objectives<Mean>, exact: &Objectives<f64>) -> [Row; 3] {
    let row = |name: &str, mean, exact| {
        let setting = format!("α = (e⁵, e⁵, 1), τ = {TAU}, by samples");
        Row::mean(format!("ELBO, {name}"), setting, mean).expect(Test::Equal, exact, "quadrature")
    };
    [
        row("Concrete densities", sampled.density, exact.density),
        row("log-ratio at the sample", sampled.mass, exact.mass),
        row("discrete KL", sampled.discrete, exact.discrete),
    ]
}

fn figure(curve: &[Point], relaxed: f64, hard: f64) -> Figure {
    let series = |name: &str, value: fn(&Point) -> f64| Series {
        name: name.into(),
        points: curve.iter().map(|p| (p.0, value(p))).collect(),
        dashed: false,
    };
    let level = |name: &str, value| Series {
        name: name.into(),
        points: vec![(EVEN[0], value), (EVEN[EVEN.len() - 1], value)],
        dashed: true,
    };
    let chart = LineChart {
        title: "Relaxed and hard ELBO against the posterior, and the two likelihoods".into(),
        x_label: "ln α of categories 1 and 2 in the posterior".into(),
        y_label: "nats".into(),
        series: vec![
            series("discrete KL", |p| p.1.discrete),
            series("log-ratio at the sample", |p| p.1.mass),
            series("Concrete densities", |p| p.1.density),
            series("hard ELBO", |p| p.2),
            level("relaxed ln p(x)", relaxed),
            level("discrete ln p(x)", hard),
        ],
        ..LineChart::default()
    };
    let caption =
        "Dashed, the likelihoods. Only the curve with the densities stays below that of the relaxed model.";
    Figure::chart("relaxed-elbo", caption, &chart)
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
    fn the_discrete_divergence_for_the_density_is_caught() {
        let sampled = sampled(&Settings { stream: Stream::new(1), samples: 1_000_000 }).unwrap();
        let exact = objectives(CHECKED);
        assert!(sampled_rows(&sampled, &exact).iter().all(Row::holds));
        let mixed = Objectives { density: exact.discrete, ..exact };
        assert!(!sampled_rows(&sampled, &mixed).iter().all(Row::holds));
    }
}
