//! The device under test, and numbers to and from it.

use cubecl::ir::{ElemType, FloatKind};
use gumbel_cubecl::{Device, Matrix, Precision};
use gumbel_kernels::{Stream, noise};

pub const F32: ElemType = ElemType::Float(FloatKind::F32);

pub fn device(precision: Precision) -> Device {
    Device::new(cubecl::Device::default().client(), precision)
}

/// Whether the device computes the floats of the CPU.
pub fn same_floats(device: &Device) -> bool {
    device.client().name().starts_with("cuda")
}

/// Rows of `k` numbers with `padding` numbers after each.
pub fn upload(device: &Device, numbers: &[f32], k: usize, padding: usize) -> Matrix {
    let rows = numbers.len() / k;
    let padded: Vec<f32> =
        numbers.chunks(k).flat_map(|row| row.iter().copied().chain((0..padding).map(|_| f32::NAN))).collect();
    let bytes: Vec<u8> = padded.iter().flat_map(|x| x.to_le_bytes()).collect();
    Matrix::new(device.client().create_from_slice(&bytes), rows, k, k + padding, F32)
}

/// The numbers of a matrix without padding.
pub fn read(device: &Device, matrix: &Matrix) -> Vec<f32> {
    read_words(device, matrix).into_iter().map(f32::from_bits).collect()
}

/// The words of a matrix without padding.
pub fn read_words(device: &Device, matrix: &Matrix) -> Vec<u32> {
    let bytes = device.client().read_one(matrix.handle().clone()).expect("the kernel ran");
    let [rows, k] = matrix.dims();
    bytes.chunks_exact(4).take(rows * k).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// Logits with standard deviation 3, of which every seventh is a mask, but the first of each row.
pub fn logits(rows: usize, k: usize, masks: bool) -> Vec<f32> {
    let mut logits = vec![0.0; rows * k];
    noise::normal(Stream::new(11), &mut logits);
    for (at, logit) in logits.iter_mut().enumerate() {
        *logit = if masks && at % 7 == 3 && at % k > 0 { f32::NEG_INFINITY } else { *logit * 3.0 };
    }
    logits
}

/// Rows: their length, the position of the first in the stream, the padding after each, whether some logits are masks,
/// and the temperature. Around every edge of a plan, and beyond the registers of a cube.
#[rustfmt::skip]
pub const CASES: [(usize, u64, usize, bool, f64); 15] = [
    (1, 0, 0, false, 1.0), (2, 1, 0, false, 0.5), (3, 0, 1, true, 1.0), (4, 0, 0, true, 0.5), (10, 0, 0, true, 1.0),
    (10, 2, 6, true, 0.7), (33, 3, 1, true, 2.0), (128, 0, 4, false, 0.5), (129, 2, 0, true, 1.0), (256, 4, 4, true, 1.0),
    (1000, 0, 24, true, 0.5), (1001, 1, 0, true, 1.0), (4096, 8, 0, false, 2.0), (40_000, 0, 0, true, 1.0),
    (40_003, 3, 1, true, 0.5),
];

/// A few of them, for variants that share the way of a row through the registers.
pub const FEW: [(usize, u64, usize, bool, f64); 4] = [CASES[2], CASES[5], CASES[10], CASES[14]];

/// The largest difference of probabilities, in units in the last place.
pub fn largest_ulps(device: &[f32], cpu: &[f32]) -> f32 {
    largest(device, cpu, |device, cpu| {
        (device - cpu).abs() / (cpu.abs().next_up() - cpu.abs()).max(f32::MIN_POSITIVE)
    })
}

/// The largest difference, relative to a number or to `least`, whichever is larger.
pub fn largest_difference(device: &[f32], cpu: &[f32], least: f32) -> f32 {
    largest(device, cpu, |device, cpu| (device - cpu).abs() / cpu.abs().max(least))
}

fn largest(device: &[f32], cpu: &[f32], distance: impl Fn(f32, f32) -> f32) -> f32 {
    assert_eq!(device.len(), cpu.len());
    device.iter().zip(cpu).fold(0.0, |worst, (&device, &cpu)| {
        let equal = device == cpu || device.is_nan() && cpu.is_nan();
        let here = if equal { 0.0 } else { distance(device, cpu) };
        if here > worst || here.is_nan() { here } else { worst }
    })
}

/// The types of half precision that the device has. WGSL has no `bf16`.
pub fn halves(device: &Device) -> &'static [FloatKind] {
    let all = &[FloatKind::F16, FloatKind::BF16];
    if same_floats(device) { all } else { &all[..1] }
}

/// Rows in half precision, with the numbers that they hold: those given, rounded towards zero.
pub fn upload_half(
    device: &Device,
    numbers: &[f32],
    k: usize,
    padding: usize,
    kind: FloatKind,
) -> (Matrix, Vec<f32>) {
    let halves: Vec<u16> = numbers.iter().map(|&x| narrow(x, kind)).collect();
    let row = |row: &[u16]| row.iter().copied().chain((0..padding).map(|_| u16::MAX)).collect::<Vec<u16>>();
    let bytes: Vec<u8> = halves.chunks(k).flat_map(row).flat_map(u16::to_le_bytes).collect();
    let handle = device.client().create_from_slice(&bytes);
    let matrix = Matrix::new(handle, numbers.len() / k, k, k + padding, ElemType::Float(kind));
    (matrix, halves.into_iter().map(|half| widen(half, kind)).collect())
}

/// The numbers of a matrix in half precision.
pub fn read_half(device: &Device, matrix: &Matrix) -> Vec<f32> {
    let ElemType::Float(kind) = matrix.dtype() else { panic!("the matrix has numbers of another kind") };
    let bytes = device.client().read_one(matrix.handle().clone()).expect("the kernel ran");
    let [rows, k] = matrix.dims();
    let halves = bytes.chunks_exact(2).take(rows * k).map(|b| u16::from_le_bytes(b.try_into().unwrap()));
    halves.map(|half| widen(half, kind)).collect()
}

/// Numbers below the normal ones become 0.
fn narrow(x: f32, kind: FloatKind) -> u16 {
    let high = (x.to_bits() >> 16) as u16;
    match kind {
        FloatKind::F16 if x.is_finite() => {
            let rest = (x.abs().to_bits() >> 13).saturating_sub(112 << 10);
            (high & 0x8000) | if rest >= 1 << 10 { rest as u16 } else { 0 }
        }
        FloatKind::F16 => (high & 0x8000) | 0x7c00,
        _ => high,
    }
}

fn widen(half: u16, kind: FloatKind) -> f32 {
    let bits = u32::from(half);
    match kind {
        FloatKind::F16 if bits & 0x7c00 == 0x7c00 => {
            f32::from_bits((bits & 0x8000) << 16 | 0x7f80_0000 | (bits & 0x3ff) << 13)
        }
        // The exponent is that of a number 2^112 times as large.
        FloatKind::F16 => f32::from_bits((bits & 0x8000) << 16 | (bits & 0x7fff) << 13) * 2f32.powi(112),
        _ => f32::from_bits(bits << 16),
    }
}
