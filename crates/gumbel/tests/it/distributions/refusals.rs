//! What a caller can get wrong is an error that names the value and the remedy.

use super::support::*;
use burn::tensor::{DType, Device, Int, Tensor};
use gumbel::distribution::*;
use gumbel::{Error, Noise};

#[track_caller]
fn assert_refused<T>(result: Result<T, Error>, parts: &[&str]) {
    let message = result.err().expect("an error").to_string();
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn temperatures_scales_and_intervals_out_of_range_are_errors() {
    let x = || row(&[0.0, 1.0]);
    for tau in [0.0, -0.5, f64::NAN, f64::INFINITY] {
        let message: &[&str] = &[&format!("temperature must be positive and finite, got {tau}")];
        assert_refused(ExpConcrete::new(x(), tau), message);
        assert_refused(Concrete::new(x(), tau), message);
        assert_refused(BinaryConcrete::new(x(), tau), message);
        assert_refused(HardConcrete::new(x(), tau), message);
        assert_refused(Igr::new(x(), x().exp(), tau, 1.0), message);
        assert_refused(Gumbel::new(x(), tau), &["scale must be positive and finite", &tau.to_string()]);
        assert_refused(Igr::new(x(), x().exp(), 1.0, tau), &["delta must be positive", &tau.to_string()]);
    }
    for stretch in [(0.0, 1.1), (-0.1, 1.0), (f64::NAN, 2.0), (-1.0, f64::INFINITY)] {
        assert_refused(HardConcrete::stretched(x(), 0.5, stretch), &["below 0", &stretch.1.to_string()]);
    }
    assert_refused(LogisticNormal::new(x(), x()), &["deviation must be positive", "got 0 at index 0"]);
    let (q, p) = (BinaryConcrete::new(x(), 0.5).unwrap(), BinaryConcrete::new(x(), 0.7).unwrap());
    assert_refused(q.kl(&p), &["0.5 and 0.7", "monte_carlo_kl"]);
}

#[test]
fn elements_that_are_not_finite_are_errors() {
    let bad = || row(&[0.0, f64::NAN]);
    assert_refused(Categorical::new(bad()), &["row 0, column 1 is NaN"]);
    assert_refused(ExpConcrete::new(bad(), 1.0), &["row 0, column 1 is NaN"]);
    assert_refused(Categorical::new(row(&[MASK, MASK])), &["row 0", "unmasked"]);
    assert_refused(Bernoulli::new(bad()), &["index 1 are NaN"]);
    assert_refused(BinaryConcrete::new(row(&[MASK]), 1.0), &["index 0 are -inf"]);
    assert_refused(HardConcrete::new(bad(), 1.0), &["index 1 are NaN"]);
    assert_refused(Gumbel::new(bad(), 1.0), &["location must be finite, got NaN at index 1"]);
    assert_refused(
        LogisticNormal::new(bad(), row(&[1.0, 1.0])),
        &["mean must be finite, got NaN at index 1"],
    );
    assert_refused(
        TruncatedGumbel::new(bad(), row(&[0.0, 0.0])),
        &["location must be finite, got NaN at index 1"],
    );
    assert_refused(
        TruncatedGumbel::new(row(&[0.0]), row(&[MASK])),
        &["bound must be a number, or inf for none, got -inf at index 0"],
    );
}

#[test]
fn impossible_orders_and_too_few_samples_are_errors() {
    let of = |indices: &[i64]| {
        let order = Tensor::<1, Int>::from_data(indices, &Device::flex());
        ConditionedGumbels::given_top_k(row(&[0.0, 1.0, MASK]), order)
    };
    assert_refused(of(&[3]), &["index 3 in row 0", "expected 0 to 2"]);
    assert_refused(of(&[-1]), &["index -1"]);
    assert_refused(of(&[0, 2]), &["index 2", "masked"]);
    assert_refused(of(&[1, 1]), &["index 1", "twice"]);
    assert_refused(of(&[0, 1, 2, 1]), &["must be 1 to 3", "got 4"]);
    let q = Gumbel::new(row(&[0.0]), 1.0).unwrap();
    for samples in [0, 1] {
        assert_refused(
            monte_carlo_entropy(&q, samples, &mut Noise::from_seed(0)),
            &["at least 2", &samples.to_string()],
        );
    }
}

/// Half precision is computed, and answered, in single.
#[test]
fn every_float_type_is_supported() {
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        let x = || row(&[0.25, -1.0, 0.5]).cast(dtype);
        let noise = &mut Noise::from_seed(1);
        let expected = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
        let mut check = |q: &dyn Reparameterized<1>| {
            let sample = q.sample(noise);
            let density = q.log_prob(sample.clone());
            assert_eq!((sample.dtype(), density.dtype()), (expected, expected));
            assert!(numbers(density).into_iter().all(f64::is_finite));
        };
        check(&ExpConcrete::new(x(), 0.7).unwrap());
        check(&Concrete::new(x(), 0.7).unwrap());
        check(&BinaryConcrete::new(x(), 0.7).unwrap());
        check(&HardConcrete::new(x(), 0.7).unwrap());
        check(&Gumbel::new(x(), 0.7).unwrap());
        check(&TruncatedGumbel::new(x(), x() + 1.0).unwrap());
        check(&LogisticNormal::new(x(), x().exp()).unwrap());
        check(&Igr::new(x(), x().exp(), 0.7, 0.5).unwrap());
        let index = Tensor::<1, Int>::from_data([1], &Device::flex());
        check(&ConditionedGumbels::given_argmax(x(), index).unwrap());
    }
}
