//! Noise, and samples from logits of every precision.

use crate::message;
use crate::numbers::{
    Logits, MASK, coldest, cotangent, largest, no_nan, numbers, stream, temperature, within,
};
use arbitrary::{Result, Unstructured};
use gumbel_kernels::{
    Logit, Real, Stream, gumbel_max, gumbel_softmax, gumbel_softmax_in_place, gumbel_softmax_vjp,
    gumbel_softmax_vjp_in_place, gumbel_softmax_with_index, gumbel_top_k, log_gumbel_softmax,
    log_gumbel_softmax_in_place, log_gumbel_softmax_vjp, log_gumbel_softmax_vjp_in_place,
    log_perturbed_softmax, mask_min_p, mask_top_k, mask_top_p, noise as kernel, perturbed_softmax,
};
use half::{bf16, f16};

/// Finite noise at any position of any stream, the same for each way to read it.
pub fn noise(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let _ = every_noise::<f32>(&mut data).and_then(|()| every_noise::<f64>(&mut data));
}

/// A noise, and the range that it never leaves.
type Range<T> = (fn(Stream, &mut [T]), f64, f64);

fn every_noise<T: Real>(data: &mut Unstructured) -> Result<()> {
    let (stream, count) = (stream(data)?, data.int_in_range(0..=1200)?);
    let skipped = data.int_in_range(0..=count)?;
    let ranges: [Range<T>; 5] = [
        (kernel::uniform, f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0),
        (kernel::exponential, f64::MIN_POSITIVE, 67.3),
        (kernel::gumbel, -4.3, 67.3),
        (kernel::logistic, -67.3, 67.3),
        (kernel::normal, -11.4, 11.4),
    ];
    for (fill, least, most) in ranges {
        let mut all = vec![T::nan(); count];
        fill(stream, &mut all);
        within("noise", &all, least, most);
        let mut part = vec![T::nan(); count - skipped];
        fill(stream.skip(skipped as u64), &mut part);
        assert!(part == all[skipped..], "noise from {skipped} on");
    }
    let mut words = vec![0; count];
    stream.words(&mut words);
    assert!((0..count as u64).all(|index| stream.word(index) == words[index as usize]));
    Ok(())
}

/// Every sampler.
pub fn draws(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let _ = match data.int_in_range(0..=3u8) {
        Ok(0) => samples::<f32>(&mut data, |x| x as f32),
        Ok(1) => samples::<f64>(&mut data, |x| x),
        Ok(2) => samples::<f16>(&mut data, f16::from_f64),
        _ => samples::<bf16>(&mut data, bf16::from_f64),
    };
}

/// Samples are inside their range and off the masks; an error is an error of all samplers.
fn samples<L: Logit>(data: &mut Unstructured, of: fn(f64) -> L) -> Result<()>
where
    L::Real: Real + Logit<Real = L::Real>,
{
    let limit = if size_of::<L>() == 2 { 6e4 } else { largest::<L::Real>() };
    let logits = Logits::<L::Real>::new(data, 700, limit)?;
    let narrow: Vec<L> = logits.values.iter().map(|&value| of(value.into())).collect();
    let (stream, tau) = (stream(data)?, temperature::<L::Real>(data, coldest::<L::Real>())?);
    let mut index = vec![u32::MAX; logits.rows];
    let drawn = gumbel_max(&narrow, logits.k, stream, &mut index);
    assert_eq!(drawn.is_ok(), logits.sampleable(), "{drawn:?}");
    hard(&logits, &narrow, stream, data)?;
    truncated(&logits);
    let zero = L::Real::from_f64(0.0);
    let (mut soft, mut log, mut both) =
        (vec![zero; narrow.len()], vec![zero; narrow.len()], vec![zero; narrow.len()]);
    let done = gumbel_softmax(&narrow, logits.k, tau, stream, &mut soft);
    assert_eq!(done, drawn);
    assert_eq!(log_gumbel_softmax(&narrow, logits.k, tau, stream, &mut log), drawn);
    let mut also = vec![u32::MAX; logits.rows];
    assert_eq!(gumbel_softmax_with_index(&narrow, logits.k, tau, stream, &mut both, &mut also), drawn);
    if message::ok(drawn).is_none() {
        return Ok(());
    }
    assert_eq!((&index, &soft), (&also, &both));
    simplex(&logits, &soft, &log);
    let mask = L::Real::from_f64(MASK);
    for (row, &index) in index.iter().enumerate() {
        assert!(logits.values[row * logits.k + index as usize] > mask, "a masked index");
    }
    same_in_place(&logits.values, &narrow, logits.k, tau, stream)?;
    slopes(&soft, &log, logits.k, tau, data)?;
    given(&logits, tau, data)
}

/// Indices without replacement are different, and none is masked.
fn hard<L: Logit>(
    logits: &Logits<L::Real>,
    narrow: &[L],
    stream: Stream,
    data: &mut Unstructured,
) -> Result<()> {
    let count = data.int_in_range(1..=logits.k)?;
    let mut indices = vec![u32::MAX; logits.rows * count];
    let drawn = gumbel_top_k(narrow, logits.k, count, stream, &mut indices);
    assert_eq!(drawn.is_ok(), logits.unmasked().all(|open| open >= count), "{drawn:?}");
    let mask = L::Real::from_f64(MASK);
    if message::ok(drawn).is_some() {
        for (row, chosen) in logits.values.chunks(logits.k).zip(indices.chunks_mut(count)) {
            assert!(chosen.iter().all(|&i| row[i as usize] > mask), "{chosen:?}");
            chosen.sort_unstable();
            assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]), "{chosen:?}");
        }
    }
    Ok(())
}

/// Truncation keeps the largest logit of a row and some others, as they are; it fails for the rows for which samplers fail.
fn truncated<T: Real>(logits: &Logits<T>) {
    let (values, k) = (&logits.values, logits.k);
    let mut kept = [0; 3].map(|_| vec![T::nan(); values.len()]);
    let done = [
        mask_top_k(values, k, k.div_ceil(2), &mut kept[0]),
        mask_top_p(values, k, 0.7, &mut kept[1]),
        mask_min_p(values, k, 0.2, &mut kept[2]),
    ];
    assert!(done.iter().all(|done| done.is_ok() == logits.sampleable()), "{done:?}");
    let rows = kept.iter().flat_map(|kept| kept.chunks(k).zip(values.chunks(k)));
    for (kept, row) in rows.filter(|_| logits.sampleable()) {
        let largest = |row: &[T]| row.iter().fold(T::neg_infinity(), |max, &logit| max.max(logit));
        assert!(kept.iter().zip(row).all(|(&kept, &logit)| kept == logit || kept == T::neg_infinity()));
        assert!(largest(kept) == largest(row), "{kept:?}");
    }
}

/// Points of the simplex, and their logarithms.
fn simplex<T: Real>(logits: &Logits<T>, soft: &[T], log: &[T]) {
    within("a relaxed sample", soft, 0.0, 1.0 + 1e-6);
    within("its logarithm", log, f64::NEG_INFINITY, 1e-5);
    for row in soft.chunks(logits.k) {
        let sum: f64 = row.iter().map(|&value| value.into()).sum();
        assert!((sum - 1.0).abs() < 1e-4, "a sample that sums to {sum}: {row:?}");
    }
    for ((&logit, &soft), &log) in logits.values.iter().zip(soft).zip(log) {
        let masked = logit == T::neg_infinity();
        assert!(!masked || (soft == T::zero() && log == T::neg_infinity()), "{soft} and {log} at a mask");
    }
}

/// In place, from widened logits: the same numbers.
fn same_in_place<L: Logit>(
    wide: &[L::Real],
    narrow: &[L],
    k: usize,
    tau: L::Real,
    stream: Stream,
) -> Result<()> {
    if size_of::<L>() == size_of::<L::Real>() {
        let mut expected = wide.to_vec();
        let mut values = wide.to_vec();
        gumbel_softmax(narrow, k, tau, stream, &mut expected).expect("as before");
        gumbel_softmax_in_place(&mut values, k, tau, stream).expect("as before");
        assert!(values == expected, "{values:?} and {expected:?}");
        values.copy_from_slice(wide);
        log_gumbel_softmax(narrow, k, tau, stream, &mut expected).expect("as before");
        log_gumbel_softmax_in_place(&mut values, k, tau, stream).expect("as before");
        assert!(values == expected, "{values:?} and {expected:?}");
    }
    Ok(())
}

/// Gradients of samples.
fn slopes<T: Real>(soft: &[T], log: &[T], k: usize, tau: T, data: &mut Unstructured) -> Result<()> {
    let dy = numbers::<T>(data, soft.len(), cotangent::<T>())?;
    let mut out = vec![T::nan(); soft.len()];
    gumbel_softmax_vjp(soft, &dy, k, tau, &mut out).expect("a valid temperature");
    no_nan("gumbel_softmax_vjp", &out);
    let mut place = dy.clone();
    gumbel_softmax_vjp_in_place(soft, &mut place, k, tau).expect("a valid temperature");
    assert!(place == out);
    out.fill(T::nan());
    log_gumbel_softmax_vjp(log, &dy, k, tau, &mut out).expect("a valid temperature");
    no_nan("log_gumbel_softmax_vjp", &out);
    place.copy_from_slice(&dy);
    log_gumbel_softmax_vjp_in_place(log, &mut place, k, tau).expect("a valid temperature");
    assert!(place == out);
    Ok(())
}

/// Samples with the noise of the caller.
fn given<T: Real + Logit<Real = T>>(logits: &Logits<T>, tau: T, data: &mut Unstructured) -> Result<()> {
    let mut noise = numbers::<T>(data, logits.values.len(), 1e3)?;
    let (mut soft, mut log) = (noise.clone(), noise.clone());
    perturbed_softmax(&logits.values, &noise, logits.k, tau, &mut soft).expect("finite noise");
    log_perturbed_softmax(&logits.values, &noise, logits.k, tau, &mut log).expect("finite noise");
    simplex(logits, &soft, &log);
    // Noise at a mask has no effect.
    let open = logits.values.iter().position(|&logit| logit > T::neg_infinity());
    if let Some(place) = open {
        noise[place] = *data.choose(&[T::nan(), T::infinity(), T::neg_infinity()])?;
        let refused = perturbed_softmax(&logits.values, &noise, logits.k, tau, &mut soft);
        assert!(refused.is_err(), "noise that is not finite");
        message::ok(refused);
    }
    Ok(())
}
