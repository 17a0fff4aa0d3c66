use crate::support::{CASES, device, logits, read_words, same_floats, upload};
use gumbel_cubecl::{Precision, gumbel_max};
use gumbel_kernels::{self as cpu, Stream, noise};

#[test]
fn samples_are_those_of_the_cpu() {
    let device = device(Precision::Exact);
    let (mut all, mut other) = (0, 0);
    for (at, (k, position, padding, masks, _)) in CASES.into_iter().enumerate() {
        let rows = (20_000 / k).clamp(2, 500);
        let (logits, stream) = (logits(rows, k, masks), Stream::from_parts(1, at as u64, position));
        let mut here = vec![0; rows];
        cpu::gumbel_max(&logits, k, stream, &mut here).unwrap();
        let there = upload(&device, &logits, k, padding);
        let there = read_words(&device, &gumbel_max(&device, &there, stream).unwrap());
        all += rows;
        for (row, (&there, &here)) in there.iter().zip(&here).enumerate() {
            other += usize::from(there != here);
            let masked = logits[row * k + there as usize] == f32::NEG_INFINITY;
            assert!(!masked, "k = {k}, position {position}: row {row} chose a mask");
        }
    }
    // Two keys within rounding of each other change places once in some hundred thousand rows.
    let allowed = if same_floats(&device) { 0 } else { 2 };
    assert!(other <= allowed, "{other} of {all} samples differ");
    assert_eq!(device.take_fault(), None);
}

/// Equal logits are the hardest case of pruning: the bound decides alone.
#[test]
fn pruning_loses_no_sample() {
    let device = device(Precision::Exact);
    let (rows, k, stream) = (300, 1000, Stream::new(9));
    let mut noise = vec![0.0f32; rows * k];
    noise::gumbel(stream, &mut noise);
    let there = upload(&device, &vec![0.0; rows * k], k, 0);
    let there = read_words(&device, &gumbel_max(&device, &there, stream).unwrap());
    for (row, index) in noise.chunks(k).zip(there) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert!(largest - row[index as usize] < 4e-6);
    }
}
