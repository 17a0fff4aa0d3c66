//! A batch that is estimated in parts teaches an estimator what the whole would.

use burn::tensor::{Device, Tensor};
use gumbel::estimator::{ALL, Estimate, Estimator, EstimatorSpec, Objective, Sample};
use gumbel::{Error, Noise, Unsupported};

/// Rows of the parts; their noise ends where that of the next begins.
const PARTS: [usize; 3] = [16, 32, 16];

fn logits() -> Tensor<3> {
    Noise::from_seed(5).logistic([64, 2, 2], &Device::flex().autodiff())
}

/// A loss that differs from row to row: part of it is the row's own target.
fn losses(first: usize) -> impl Fn(&Sample) -> Tensor<2> {
    move |sample| {
        let [_, rows, ..] = sample.z.dims();
        let targets = logits().detach().narrow(0, first, rows).unsqueeze::<4>();
        (sample.z.clone() - targets).square().sum_dim(3).sum_dim(2).squeeze_dims(&[2, 3])
    }
}

fn estimates(estimator: &dyn Estimator, parts: &[usize], step: u64) -> Result<Vec<Estimate>, Error> {
    let (mut noise, mut first) = (Noise::from_seed(9).split(step), 0);
    let part = |&rows: &usize| {
        let objective = losses(first);
        let part = logits().narrow(0, first, rows);
        first += rows;
        estimator.estimate(part, &Objective::mean(objective), &mut noise, step)
    };
    parts.iter().map(part).collect()
}

/// Everything that both have learned after three steps, one number after the other.
fn learned(spec: &str, parts: &[usize]) -> Vec<f64> {
    let mut estimator = spec.parse::<EstimatorSpec>().unwrap().build().unwrap();
    for step in 0..3 {
        let parts = estimates(estimator.as_ref(), parts, step).unwrap();
        let whole = estimator.join(&parts).unwrap();
        estimator.adapt(&whole);
    }
    let state = estimator.state();
    state.iter().flat_map(|(name, _)| state.vec(name).unwrap()).collect()
}

/// With one sample a row's noise does not depend on the rows of the batch.
#[test]
fn what_is_learned_from_parts_is_what_is_learned_from_the_whole() {
    for spec in
        ["reinforce", "nvil:samples=1", "rebar:samples=1", "relax:samples=1", "relax-black-box:samples=1"]
    {
        let (whole, parts) = (learned(spec, &[64]), learned(spec, &PARTS));
        assert!(whole.len() == parts.len() && whole.iter().any(|number| *number != 0.0), "{spec}");
        for (whole, part) in whole.iter().zip(&parts) {
            assert!((whole - part).abs() <= 2e-4 * (1.0 + whole.abs()), "{spec}: {whole} and {part}");
        }
    }
}

/// Sums of products: those of the parts add up, at the samples of the whole.
#[test]
fn the_statistics_of_parts_add_up_to_those_of_the_whole() {
    use gumbel::estimator::{ControlCoefficient, DoubleCv, Rodeo};
    let (double, rodeo) = (DoubleCv::new(2, ControlCoefficient::Learned).unwrap(), Rodeo::new(2).unwrap());
    let z: Tensor<4> =
        gumbel::sample_one_hot(logits().detach().unsqueeze::<4>().repeat_dim(0, 2), &mut Noise::from_seed(3))
            .unwrap();
    let at = |first: usize, rows: usize| {
        let (logits, z) = (logits().narrow(0, first, rows), z.clone().narrow(1, first, rows));
        let objective = losses(first);
        let objective = Objective::mean(objective);
        let bits = z.clone().narrow(3, 1, 1).squeeze_dim(3);
        [double.with_samples(logits.clone(), &objective, z), rodeo.with_samples(logits, &objective, bits)]
            .map(Result::unwrap)
    };
    let ([double_whole, rodeo_whole], [a, b]) = (at(0, 64), [at(0, 16), at(16, 48)]);
    let ([a_double, a_rodeo], [b_double, b_rodeo]) = (a, b);
    let pairs = [
        (double_whole, double.join(&[a_double, b_double]).unwrap()),
        (rodeo_whole, rodeo.join(&[a_rodeo, b_rodeo]).unwrap()),
    ];
    for (whole, joined) in pairs {
        assert!((whole.mean_loss() - joined.mean_loss()).abs() < 1e-5);
        for (whole, sum) in whole.statistics_vec().iter().zip(joined.statistics_vec()) {
            assert!((whole - sum).abs() <= 1e-4 * whole.abs(), "{whole} and {sum}");
        }
    }
}

/// Of all estimators of the table: none that learns refuses its own parts.
#[test]
fn every_estimator_joins_its_parts() {
    for entry in ALL {
        let spec: EstimatorSpec = entry.name().parse().unwrap();
        let estimator = spec.build().unwrap();
        let mean = entry.properties.supports(gumbel::estimator::Reduction::Mean);
        if !mean {
            continue;
        }
        let parts = estimates(estimator.as_ref(), &PARTS, 0).unwrap();
        assert_eq!(estimator.join(&parts).unwrap().loss.dims(), [64], "{}", entry.name());
    }
}

#[derive(Debug)]
struct Unknown;

impl Estimator for Unknown {
    fn properties(&self) -> gumbel::estimator::Properties {
        gumbel::estimator::Properties::score_function("unknown")
    }

    fn estimate(&self, logits: Tensor<3>, _: &Objective, _: &mut Noise, _: u64) -> Result<Estimate, Error> {
        let loss = logits.sum_dim(2).sum_dim(1).squeeze_dims::<1>(&[1, 2]);
        Ok(Estimate::new(loss.clone()).with_statistics(loss))
    }
}

#[test]
fn statistics_of_an_unknown_layout_are_refused() {
    let parts = estimates(&Unknown, &PARTS, 0).unwrap();
    let error = Unknown.join(&parts).unwrap_err();
    assert!(matches!(error, Error::Unsupported { problem: Unsupported::Parts, .. }), "{error}");
    assert!(error.to_string().contains("a batch in parts"), "{error}");
}
