//! What a caller can get wrong is a typed error.

use super::*;
use gumbel::sequence::{GroupScore, token_log_probs};
use gumbel::{Error, RowFault};

fn constant(logits: [f64; 2]) -> impl Fn((), &[Prefix<'_>]) -> (Tensor<2>, ()) + Copy {
    move |(), prefixes: &[Prefix<'_>]| {
        let bad =
            |prefix: &Prefix<'_>| if prefix.tokens == [0, 0] && prefix.row == 4 { logits } else { [0.0; 2] };
        let data: Vec<f64> = prefixes.iter().flat_map(bad).collect();
        (Tensor::from_data(TensorData::new(data, [prefixes.len(), 2]), &Device::flex()), ())
    }
}

#[test]
fn bad_logits_are_named_by_row_and_prefix() {
    let sampler = Sampler::new(3).expect("a length");
    for (logits, fault, words) in [
        ([f64::NAN, 0.0], RowFault::Logit, "a logit is NaN or +inf"),
        ([f64::INFINITY, 0.0], RowFault::Logit, "a logit is NaN or +inf"),
        ([f64::NEG_INFINITY; 2], RowFault::AllMasked, "leave at least one token unmasked"),
    ] {
        let expected = Error::NextToken { row: 4, prefix: vec![0, 0], fault };
        let noise = || Noise::from_seed(1);
        let distinct = sampler.distinct(0..6, 8, (), constant(logits), &mut noise()).unwrap_err();
        assert_eq!(distinct, expected);
        let independent = sampler.independent(0..6, 40, (), constant(logits), &mut noise()).unwrap_err();
        assert_eq!(independent, expected);
        let message = expected.to_string();
        assert!(message.contains("row 4 after the tokens [0, 0]") && message.contains(words), "{message}");
        let drawn = sampler.distinct(0..6, 8, (), constant([0.0; 2]), &mut noise()).expect("valid");
        let replayed = token_log_probs(drawn.sequences(), 0..6, (), constant(logits)).unwrap_err();
        assert_eq!(replayed, expected);
    }
}

#[test]
fn counts_and_tokens_out_of_range_are_refused() {
    let parameter = |error: Error| match error {
        Error::Parameter { parameter, .. } => parameter,
        other => panic!("{other}"),
    };
    let sampler = Sampler::new(3).expect("a length");
    let step = constant([0.0; 2]);
    assert_eq!(parameter(Sampler::new(0).unwrap_err()), "max_length");
    assert_eq!(parameter(sampler.with_width(0).unwrap_err()), "width");
    let noise = &mut Noise::from_seed(1);
    assert_eq!(parameter(sampler.distinct(0..1, 0, (), step, noise).unwrap_err()), "samples");
    assert_eq!(parameter(sampler.independent(0..1, 0, (), step, noise).unwrap_err()), "samples");
    assert_eq!(parameter(sampler.with_end(2).distinct(0..1, 3, (), step, noise).unwrap_err()), "end");
    let one = distinct(2, 1, 1);
    let zeros = Tensor::<2>::zeros([2, 1], &Device::flex());
    assert_eq!(parameter(one.reinforce_loss(zeros.clone(), zeros).unwrap_err()), "samples");
    let many = distinct(1, 11, 1);
    let zeros = Tensor::<2>::zeros([1, 11], &Device::flex());
    let error = many.unordered_set_loss(zeros.clone(), zeros.clone()).unwrap_err();
    assert!(error.to_string().contains("use reinforce_loss"), "{error}");
    let error = many.reinforce_loss(zeros.clone(), zeros + f32::NAN).unwrap_err();
    assert!(matches!(error, Error::Element { parameter: "losses", index: 0, .. }), "{error}");
}

#[test]
fn groups_refuse_what_has_no_estimate() {
    let device = Device::flex();
    let mask = Tensor::<3>::ones([1, 2, 2], &device).greater_elem(0.5);
    let (log_probs, rewards) = (Tensor::<3>::zeros([1, 2, 2], &device), Tensor::<2>::zeros([1, 2], &device));
    let bad = log_probs.clone() + f32::NEG_INFINITY;
    let error = GroupScore::RLOO.loss(bad.clone(), mask.clone(), rewards.clone()).unwrap_err();
    assert!(matches!(error, Error::Element { parameter: "log-probabilities", .. }), "{error}");
    let nothing = GroupScore::RLOO.loss(bad, mask.clone().bool_not(), rewards.clone());
    assert_eq!(nothing.expect("all is masked").into_scalar::<f32>(), 0.0);
    let error =
        GroupScore::GRPO.loss(log_probs.clone(), mask.clone(), rewards.clone() + f32::NAN).unwrap_err();
    assert!(matches!(error, Error::Element { parameter: "rewards", .. }), "{error}");
    let error = GroupScore::dr_grpo(0).loss(log_probs, mask, rewards.clone()).unwrap_err();
    assert!(matches!(error, Error::Parameter { parameter: "the constant length", .. }), "{error}");
    let single = rewards.narrow(1, 0, 1);
    assert!(matches!(
        GroupScore::RLOO.advantages(single),
        Err(Error::Parameter { parameter: "samples", .. })
    ));
}

#[test]
fn no_rows_are_no_sequences() {
    let empty = distinct(0, 3, 1);
    assert!(empty.sequences().rows().is_empty());
    assert_eq!(empty.sequences().tokens(&Device::flex()).dims(), [0, 3, 0]);
    let error = token_log_probs(empty.sequences(), 0..0, (), step).unwrap_err();
    assert!(matches!(error, Error::Parameter { parameter: "sequences", .. }), "{error}");
    let none = sampler().independent(0..0, 3, (), step, &mut Noise::from_seed(1)).expect("nothing is wrong");
    assert_eq!(none.length(), 0);
}
