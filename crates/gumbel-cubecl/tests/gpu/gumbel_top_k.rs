use crate::support::{CASES, device, logits, read_words, same_floats, upload};
use gumbel_cubecl::{Device, FaultKind, Precision, gumbel_top_k};
use gumbel_kernels::{self as cpu, Error, Stream, noise};

const MASK: f32 = f32::NEG_INFINITY;

fn sample(
    device: &Device,
    logits: &[f32],
    k: usize,
    padding: usize,
    count: usize,
    stream: Stream,
) -> Vec<u32> {
    let logits = upload(device, logits, k, padding);
    let sample = gumbel_top_k(device, &logits, count, stream).unwrap();
    assert_eq!(sample.dims(), [logits.dims()[0], count]);
    read_words(device, &sample)
}

/// The keys of rows of logits.
fn keys(logits: &[f32], k: usize, stream: Stream) -> Vec<f32> {
    let mut keys = vec![0.0; logits.len()];
    noise::gumbel(stream, &mut keys);
    for (keys, logits) in keys.chunks_mut(k).zip(logits.chunks(k)) {
        let largest = logits.iter().copied().fold(MASK, f32::max);
        keys.iter_mut().zip(logits).for_each(|(key, logit)| *key += logit - largest);
    }
    keys
}

/// A row has the CPU's indices, or distinct ones whose keys are within rounding.
fn assert_row(exact: bool, there: &[u32], here: &[u32], keys: &[f32], case: &str) {
    if exact {
        return assert_eq!(there, here, "{case}");
    }
    for (place, (&there, &here)) in there.iter().zip(here).enumerate() {
        let (there, here) = (keys[there as usize], keys[here as usize]);
        let near = (there - here).abs() <= 4e-6 * here.abs().max(1.0);
        assert!(near, "{case}, place {place}: the key {there} instead of {here}");
    }
    let mut distinct = there.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), there.len(), "{case}: a category was chosen twice");
}

fn assert_samples(device: &Device, logits: &[f32], k: usize, padding: usize, count: usize, stream: Stream) {
    let mut here = vec![0; logits.len() / k * count];
    cpu::gumbel_top_k(logits, k, count, stream, &mut here).unwrap();
    let (there, keys) = (sample(device, logits, k, padding, count, stream), keys(logits, k, stream));
    let rows = there.chunks(count).zip(here.chunks(count)).zip(keys.chunks(k));
    for (row, ((there, here), keys)) in rows.enumerate() {
        assert_row(same_floats(device), there, here, keys, &format!("k = {k}, count = {count}, row {row}"));
    }
}

#[test]
fn samples_are_those_of_the_cpu() {
    let device = device(Precision::Exact);
    for at in [0, 2, 4, 5, 8, 10, 11, 13, 14] {
        let (k, position, padding, masks, _) = CASES[at];
        let (rows, stream) = ((4000 / k).clamp(3, 50), Stream::from_parts(1, at as u64, position));
        let logits = logits(rows, k, masks);
        let unmasked = |row: &[f32]| row.iter().filter(|&&logit| logit > MASK).count();
        let most = logits.chunks(k).map(unmasked).min().unwrap().min(300);
        for count in [1, most / 2, most] {
            if count > 0 {
                assert_samples(&device, &logits, k, padding, count, stream);
            }
        }
    }
    assert_eq!(device.take_fault(), None);
}

/// More candidates than a piece has, and pieces without any.
#[test]
fn long_rows_may_be_mostly_masked() {
    let device = device(Precision::Exact);
    let k = 40_000;
    let mut logits = vec![MASK; 2 * k];
    logits[100..140].fill(0.5);
    logits[k - 3..k + 30].fill(0.0);
    assert_samples(&device, &logits, k, 0, 30, Stream::new(5));
    let all = sample(&device, &logits, k, 0, 31, Stream::new(5));
    assert!(all[31..].iter().all(|&index| index == k as u32));
    let fault = device.take_fault().expect("a fault was noted");
    assert_eq!((fault.row, fault.kind), (1, FaultKind::TooFew));
}

/// Noise is below the rounding of such gaps, so keys are equal and the first index comes first.
#[test]
fn the_first_of_equal_keys_comes_first() {
    let device = device(Precision::Exact);
    for k in [300, 40_000] {
        let logits: Vec<f32> =
            (0..k).map(|at| if at == 7 { 0.0 } else { -1e20 * (1 + at % 2) as f32 }).collect();
        let there = sample(&device, &logits, k, 0, 100, Stream::new(1));
        let mut here = vec![0; 100];
        cpu::gumbel_top_k(&logits, k, 100, Stream::new(1), &mut here).unwrap();
        assert_eq!(there, here, "k = {k}");
    }
}

#[test]
fn a_row_without_such_a_sample_is_named() {
    let device = device(Precision::Exact);
    for k in [300, 40_000] {
        let few: Vec<f32> = (0..k).map(|at| if at < 2 { 0.0 } else { MASK }).collect();
        let cases = [
            (vec![f32::NAN], FaultKind::Logit),
            (vec![f32::INFINITY], FaultKind::Logit),
            (vec![MASK; k], FaultKind::AllMasked),
            (few, FaultKind::TooFew),
        ];
        for (unfit, kind) in cases {
            let mut logits = vec![0.0; 3 * k];
            logits[2 * k - unfit.len()..][..unfit.len()].copy_from_slice(&unfit);
            let there = sample(&device, &logits, k, 0, 3, Stream::new(0));
            for (row, there) in there.chunks(3).enumerate() {
                assert!(there.iter().all(|&index| (index == k as u32) == (row == 1)), "{kind:?}, row {row}");
            }
            let fault = device.take_fault().expect("a fault was noted");
            assert_eq!((fault.operation, fault.row, fault.kind), (Some("gumbel_top_k"), 1, kind));
        }
    }
}

#[test]
fn counts_at_the_limits() {
    let device = device(Precision::Exact);
    let logits = upload(&device, &[0.0; 6], 3, 0);
    assert_eq!(gumbel_top_k(&device, &logits, 0, Stream::new(0)).unwrap().dims(), [2, 0]);
    let error = gumbel_top_k(&device, &logits, 4, Stream::new(0)).unwrap_err();
    assert_eq!(error, Error::TooFew { row: 0, requested: 4, available: 3 });
    let unfit = upload(&device, &[0.0, f32::NAN], 2, 0);
    gumbel_top_k(&device, &unfit, 0, Stream::new(0)).unwrap();
    assert_eq!(device.take_fault().map(|fault| fault.kind), Some(FaultKind::Logit));
}
