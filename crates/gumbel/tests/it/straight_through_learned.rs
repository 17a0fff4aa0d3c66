//! The learned temperature of straight-through Gumbel: the one of least error, as far as a table of errors can tell.

use crate::states::{
    CATEGORIES, LATENTS, LOGITS, Problem, WIDTH, estimator, mean_and_variance, problem, replicates,
};
use crate::support::double;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{Estimate, Estimator, Objective, Sample, State, StraightThroughLearned};

const ROWS: usize = 50_000;

fn objective(problem: &Problem) -> impl Fn(&Sample) -> Tensor<2> {
    move |sample| {
        let [samples, rows, ..] = sample.z.dims();
        let flat = sample.z.clone().reshape([samples * rows, LATENTS, CATEGORIES]);
        problem.value(flat).reshape([samples, rows])
    }
}

fn new(averaged: usize) -> StraightThroughLearned {
    StraightThroughLearned::new(2, averaged).expect("valid parameters")
}

fn trained(problem: &Problem, averaged: usize) -> StraightThroughLearned {
    let mut estimator = new(averaged);
    for seed in 0..20 {
        let logits = double(LOGITS.repeat(5000), [5000, LATENTS, CATEGORIES]);
        let noise = &mut Noise::from_seed(seed);
        let estimate = estimator.estimate(logits, &Objective::mean(objective(problem)), noise, seed);
        estimator.adapt(&estimate.expect("a supported problem"));
    }
    estimator
}

#[test]
fn until_it_has_learned_it_is_straight_through_gumbel_at_a_half() {
    let curved = problem(true, true);
    let plain = replicates(estimator("straight-through-gumbel:tau=0.5:samples=2").as_ref(), &curved, 200, 1);
    let learned = replicates(&new(100), &curved, 200, 1);
    for (a, b) in learned.concat().iter().zip(plain.concat()) {
        assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} for {b}");
    }
}

/// The mean square error of so many averaged estimates at a temperature, by a simulation of its own.
fn error(problem: &Problem, tau: f64, averaged: f64) -> f64 {
    let rows = replicates(estimator(&format!("decoupled:tau={tau}")).as_ref(), problem, ROWS, 7);
    let exact = problem.gradient();
    let part = |i: usize| {
        let (mean, variance) = mean_and_variance(&rows, i);
        (mean - exact[i]).powi(2) + variance / averaged
    };
    (0..WIDTH).map(part).sum()
}

#[test]
fn it_learns_the_temperature_of_least_error() {
    let curved = problem(true, true);
    let table: Vec<f64> = (0..13).map(|i| 2f64.powf((f64::from(i) - 8.0) / 2.0)).collect();
    let mut chosen = Vec::new();
    for averaged in [1, 30, 1000] {
        let tau = trained(&curved, averaged).tau();
        assert!(table.contains(&tau), "{tau}");
        let errors: Vec<f64> = table.iter().map(|&tau| error(&curved, tau, averaged as f64)).collect();
        let (found, best) =
            (error(&curved, tau, averaged as f64), errors.iter().copied().fold(f64::MAX, f64::min));
        assert!(found < 1.1 * best, "{averaged} averaged: {found} at {tau}, {best} at best, of {errors:?}");
        chosen.push(tau);
    }
    assert!(chosen[0] > chosen[1] && chosen[1] > chosen[2], "the more are averaged, the colder: {chosen:?}");
}

#[test]
fn a_saved_temperature_is_restored_and_a_foreign_state_is_not() {
    let estimator = trained(&problem(true, true), 1);
    let mut restored = new(1);
    restored.restore(&estimator.state()).expect("its own state");
    assert_eq!((restored.tau(), &restored), (estimator.tau(), &estimator));
    assert!(restored.tau() != new(1).tau());
    let short = State::new().with("average", vec![0.0; 2]).with("errors", vec![0.0; 12]);
    assert!(restored.restore(&short).is_err());
    assert_eq!(restored, estimator);
}

#[test]
fn the_statistics_of_parts_add_up_to_those_of_the_whole() {
    let (curved, estimator) = (problem(true, true), new(10));
    let logits: Tensor<3> = Noise::from_seed(1).logistic([48, LATENTS, CATEGORIES], &Device::flex());
    let gumbel: Tensor<4> = Noise::from_seed(2).gumbel([2, 48, LATENTS, CATEGORIES], &Device::flex());
    let part = |first: usize, rows: usize| -> Estimate {
        let logits = logits.clone().narrow(0, first, rows).cast(burn::tensor::DType::F64).autodiff();
        let gumbel = gumbel.clone().narrow(1, first, rows);
        estimator
            .with_gumbel(logits, &Objective::mean(objective(&curved)), gumbel)
            .expect("a supported problem")
    };
    let (whole, joined) = (part(0, 48), estimator.join(&[part(0, 16), part(16, 32)]).expect("its own parts"));
    assert!((whole.mean_loss() - joined.mean_loss()).abs() < 1e-12);
    assert_eq!(whole.statistics_vec().len(), 13);
    for (whole, joined) in whole.statistics_vec().iter().zip(joined.statistics_vec()) {
        assert!((whole - joined).abs() < 1e-9 * (1.0 + whole.abs()), "{joined} for {whole}");
    }
}
