//! Every estimator passes the conformance suite, and the suite finds the faults that it is for.

use burn::tensor::{Device, Tensor};
use gumbel::conformance::Check;
use gumbel::estimator::{
    self, Entry, Estimate, Estimator, Evaluation, Exact, GumbelSoftmax, Objective, Parameters, Pathwise,
    Properties, Reduction, Reinforce, ReinforceBaseline, Rloo, Sample, State, Zgr,
};
use gumbel::{Error, Noise, Schedule};
use std::sync::atomic::{AtomicU32, Ordering};

const LOGITS: [f32; 6] = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2];

/// With two samples where the default is one, and a temperature that is not 1 where it may be lower.
fn build(entry: &Entry) -> Result<Box<dyn Estimator>, Error> {
    let default =
        |name: &str| entry.parameters.iter().find(|known| known.name == name).map(|known| known.default);
    let mut parameters = Parameters::default();
    if default("samples") == Some("1") && entry.name() != "exact" {
        parameters = parameters.with("samples", 2);
    }
    let cool = parameters.clone().with("tau", 0.7);
    entry.build(&cool).or_else(|_| entry.build(&parameters))
}

fn every_estimator_passes(check: Check) {
    for entry in estimator::ALL {
        check.run(&|| build(entry)).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn unbiased_estimators_agree_with_enumeration_and_biased_ones_are_found() {
    every_estimator_passes(Check::Bias);
}

#[test]
fn the_loss_is_the_exact_expectation() {
    every_estimator_passes(Check::Loss);
}

#[test]
fn the_gradient_of_the_objectives_own_parameters_is_unbiased_on_hard_samples() {
    every_estimator_passes(Check::ObjectiveParameters);
}

#[test]
fn a_constant_objective_has_no_gradient_in_the_mean() {
    every_estimator_passes(Check::Constant);
}

#[test]
fn equal_noise_gives_equal_bits_and_estimating_changes_no_state() {
    every_estimator_passes(Check::Pure);
}

#[test]
fn saved_and_restored_state_continues_identically() {
    every_estimator_passes(Check::State);
}

#[test]
fn extreme_and_masked_logits_give_finite_gradients_and_none_at_masks() {
    every_estimator_passes(Check::Finite);
}

#[test]
fn a_constant_added_to_a_latents_logits_changes_nothing() {
    every_estimator_passes(Check::Shift);
}

#[test]
fn permuted_categories_permute_the_gradient_in_distribution() {
    every_estimator_passes(Check::Permutation);
}

#[test]
fn the_objective_is_evaluated_as_often_as_declared() {
    every_estimator_passes(Check::Evaluations);
}

#[test]
fn unsupported_problems_are_typed_errors_with_a_remedy() {
    every_estimator_passes(Check::Unsupported);
    let never = Objective::log_mean_exp(|_| unreachable!("an error before any evaluation"));
    let logits = Tensor::<3>::zeros([1, 2, 3], &Device::flex());
    let error = Rloo::new(2).unwrap().estimate(logits, &never, &mut Noise::from_seed(0), 0).unwrap_err();
    let message = "rloo does not support a log-mean-exp over samples; use vimco, reinforce or gumbel-softmax";
    assert_eq!(error.to_string(), message);
}

#[test]
fn no_estimator_draws_no_samples_or_enumerates_too_many_states() {
    for entry in estimator::ALL.iter().filter(|entry| entry.parameters.iter().any(|p| p.name == "samples")) {
        let error = entry.build(&Parameters::default().with("samples", 0)).expect_err(entry.name());
        assert!(error.to_string().contains("samples must be"), "{error}");
    }
    let wide = Tensor::<3>::zeros([1, 20, 10], &Device::flex());
    let never = Objective::mean(|_| unreachable!("an error before any evaluation"));
    let error =
        Exact::new(1).unwrap().estimate(wide, &never, &mut Noise::from_seed(0), 0).unwrap_err().to_string();
    assert!(error.contains("10^20 states") && error.contains("use rloo"), "{error}");
}

#[test]
fn a_log_mean_exp_over_samples_agrees_with_enumeration_of_the_pairs() {
    every_estimator_passes(Check::LogMeanExp);
}

/// An estimator with a fault, made of RLOO.
#[derive(Debug)]
struct Faulty {
    rloo: Rloo,
    fault: Check,
    learned: f64,
    calls: AtomicU32,
}

impl Faulty {
    fn boxed(fault: Check) -> Result<Box<dyn Estimator>, Error> {
        Ok(Box::new(Self { rloo: Rloo::new(2)?, fault, learned: 0.0, calls: AtomicU32::new(0) }))
    }
}

impl Estimator for Faulty {
    fn properties(&self) -> Properties {
        let properties = self.rloo.properties();
        match self.fault {
            Check::Evaluations => properties.with_samples(3),
            Check::Unsupported => properties.binary(),
            _ => properties,
        }
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Estimate, Error> {
        let drawn = Evaluation::draw(&logits, 2, objective, &mut noise.clone())?;
        let estimate = self.rloo.estimate(logits.clone(), objective, noise, step)?;
        let theta = logits.clone().detach();
        let wrong = match self.fault {
            Check::Bias => {
                return Ok(drawn.score(logits, Tensor::ones([2, theta.dims()[0]], &theta.device())));
            }
            Check::Constant => theta.ones_like() * 0.1,
            Check::Pure => theta.ones_like() * self.calls.fetch_add(1, Ordering::Relaxed) as f32,
            Check::State => theta.ones_like() * self.learned,
            Check::Finite => theta.exp().square() * 0.0,
            Check::Shift => theta * 0.01,
            Check::Permutation => Tensor::cat(
                vec![theta.clone().narrow(2, 0, 1) * 0.0 + 0.02, theta.narrow(2, 1, 2) * 0.0 - 0.01],
                2,
            ),
            Check::Loss => return Ok(Estimate::new(estimate.loss + 0.1)),
            Check::ObjectiveParameters => return Ok(Estimate::new(estimate.loss * 1.1)),
            _ => return Ok(estimate),
        };
        Ok(Estimate::with_cotangent(estimate.loss, logits, wrong))
    }

    fn adapt(&mut self, _: &Estimate) {
        self.learned += 1.0;
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        if self.fault == Check::State { Ok(()) } else { state.expect_names(&[]) }
    }
}

#[test]
fn the_suite_finds_every_fault_that_it_checks_for() {
    for fault in Check::ALL.into_iter().filter(|check| *check != Check::LogMeanExp) {
        let failure = fault.run(&|| Faulty::boxed(fault)).expect_err(&format!("{fault:?} was not found"));
        assert_eq!((failure.check, failure.estimator), (fault, "rloo"), "{failure}");
    }
}

/// A biased estimator that claims to be unbiased.
#[derive(Debug)]
struct Overclaiming(Zgr);

impl Pathwise for Overclaiming {
    const PROPERTIES: Properties = Properties::score_function("overclaiming").reducing(Reduction::ALL);

    fn samples(&self) -> usize {
        2
    }

    fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
        self.0.sample(logits, noise, step)
    }
}

#[test]
fn a_bias_is_found_for_both_reductions() {
    for check in [Check::Bias, Check::LogMeanExp] {
        let failure = check.run(&|| Ok(Box::new(Overclaiming(Zgr::new(2)?)))).expect_err("a bias");
        assert!(failure.message.contains("standard errors from the exact gradient"), "{failure}");
    }
}

#[test]
fn an_unbiased_estimator_that_is_declared_biased_is_found() {
    #[derive(Debug)]
    struct Modest(Rloo);
    impl Estimator for Modest {
        fn properties(&self) -> Properties {
            self.0.properties().biased()
        }

        fn estimate(
            &self,
            logits: Tensor<3>,
            objective: &Objective,
            noise: &mut Noise,
            step: u64,
        ) -> Result<Estimate, Error> {
            self.0.estimate(logits, objective, noise, step)
        }
    }
    let failure = Check::Bias.run(&|| Ok(Box::new(Modest(Rloo::new(2)?)))).expect_err("no bias");
    assert!(failure.message.starts_with("declared biased, but"), "{failure}");
}

fn tiled(rows: usize) -> Tensor<3> {
    let row = Tensor::<1>::from_floats(LOGITS, &Device::flex().autodiff());
    row.reshape([1, 2, 3]).repeat_dim(0, rows).require_grad()
}

/// `exp(1.3 Σ w·z)`.
fn curved(sample: &Sample) -> Tensor<2> {
    let weights = Tensor::<1>::from_floats([1.0, -0.5, 0.2, -1.0, 0.7, 0.4], &Device::flex());
    let score = (sample.z.clone() * weights.reshape([1, 1, 2, 3])).sum_dim(3).sum_dim(2);
    (score.squeeze_dims::<2>(&[2, 3]) * 1.3).exp()
}

fn gradients(
    estimator: &dyn Estimator,
    f: &dyn Fn(&Sample) -> Tensor<2>,
    rows: usize,
    seed: u64,
) -> Vec<f64> {
    let logits = tiled(rows);
    let estimate = estimator.estimate(logits.clone(), &Objective::mean(f), &mut Noise::from_seed(seed), 0);
    let gradient = logits.grad(&estimate.unwrap().loss.sum().backward()).expect("a gradient");
    crate::support::numbers(gradient)
}

#[test]
fn enumeration_agrees_with_a_sum_written_by_hand() {
    // E f = Π_d Σ_k p_dk exp(1.3 w_dk), since f factorises over the latents.
    let weights = [[1.0f64, -0.5, 0.2], [-1.0, 0.7, 0.4]];
    let factor = |d: usize| {
        let logits = &LOGITS[d * 3..][..3];
        let total: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        (0..3).map(|k| f64::from(logits[k]).exp() / total * (1.3 * weights[d][k]).exp()).sum::<f64>()
    };
    let exact = Exact::new(1).unwrap();
    let estimate = exact.estimate(tiled(1), &Objective::mean(curved), &mut Noise::from_seed(0), 0).unwrap();
    assert!((estimate.mean_loss() - factor(0) * factor(1)).abs() < 1e-6);
    let p_0 = f64::from(LOGITS[0]).exp() / LOGITS[..3].iter().map(|&l| f64::from(l).exp()).sum::<f64>();
    let slope = p_0 * (1.3f64.exp() - factor(0)) * factor(1);
    assert!((gradients(&exact, &curved, 1, 0)[0] - slope).abs() < 1e-6);
}

#[test]
fn the_bias_of_gumbel_softmax_shrinks_with_the_temperature() {
    let expected = gradients(&Exact::new(1).unwrap(), &curved, 1, 0);
    let bias = |tau: f64| {
        let estimator = GumbelSoftmax::new(1, Schedule::Constant(tau)).expect("one sample");
        let rows = gradients(&estimator, &curved, 100_000, 2);
        let mean = |i: usize| rows.iter().skip(i).step_by(6).sum::<f64>() / 1e5;
        (0..6).map(|i| (mean(i) - expected[i]).powi(2)).sum::<f64>().sqrt()
    };
    let (warm, mild, cool) = (bias(2.0), bias(0.7), bias(0.2));
    let shrinks = warm > 1.5 * mild && mild > 1.5 * cool;
    assert!(shrinks, "bias {warm:.4}, {mild:.4}, {cool:.4} at tau 2, 0.7, 0.2");
}

#[test]
fn a_leave_one_out_baseline_gives_a_constant_no_gradient_at_all() {
    let constant = |sample: &Sample| Tensor::full([sample.z.dims()[0], 100], 3.0, &sample.z.device());
    let rows = gradients(&Rloo::new(2).unwrap(), &constant, 100, 3);
    assert!(rows.iter().all(|&gradient| gradient == 0.0));
}

#[test]
fn a_baseline_lowers_the_variance_of_an_offset_objective() {
    let offset = |sample: &Sample| curved(sample) + 100.0;
    let spread = |estimator: &Reinforce| {
        let rows = gradients(estimator, &offset, 20_000, 7);
        rows.iter().step_by(6).map(|slope| slope * slope).sum::<f64>() / 20_000.0
    };
    let new = |baseline| Reinforce::new(1, baseline).expect("one sample");
    let (mut adapted, mut plain) = (new(ReinforceBaseline::MovingAverage), new(ReinforceBaseline::None));
    let untrained = spread(&adapted);
    assert_eq!(untrained, spread(&plain));
    for seed in 0..3 {
        let (objective, noise) = (Objective::mean(offset), &mut Noise::from_seed(seed));
        let estimate = adapted.estimate(tiled(1000), &objective, noise, 0).unwrap();
        adapted.adapt(&estimate);
        plain.adapt(&estimate);
    }
    assert_eq!((plain.baseline(), spread(&plain)), (0.0, untrained));
    let exact = Exact::new(1).unwrap();
    let expected = exact.estimate(tiled(1), &Objective::mean(offset), &mut Noise::from_seed(0), 0).unwrap();
    let expected = expected.mean_loss();
    assert!((adapted.baseline() - expected).abs() < 1.0, "{} against {expected}", adapted.baseline());
    assert!(spread(&adapted) < untrained / 100.0);
}
