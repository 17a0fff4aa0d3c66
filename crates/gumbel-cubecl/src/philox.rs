//! Philox4x32-10 in 32-bit integers: the random words of [`gumbel_kernels::Stream`] on a device.
//!
//! Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 3.3.

use cubecl::prelude::*;
use gumbel_kernels::Stream;

/// Bit 62 of a block's index, in its upper half: the blocks of refinements, not of words.
const REFINEMENT: u32 = 1 << 30;

/// A stream in halves, for devices without 64-bit integers.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct StreamHalves {
    seed_low: u32,
    seed_high: u32,
    id_low: u32,
    id_high: u32,
    position_low: u32,
    position_high: u32,
}

/// The launch argument of a stream.
pub(crate) fn stream_argument(stream: Stream) -> StreamHalvesLaunch {
    let (seed, id, position) = stream.parts();
    let [seed, id, position] = [seed, id, position].map(|x| (x as u32, (x >> 32) as u32));
    StreamHalvesLaunch::new(seed.0, seed.1, id.0, id.1, position.0, position.1)
}

/// A 64-bit number in halves.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Wide {
    pub low: u32,
    pub high: u32,
}

/// Four words of a block.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Block {
    pub a: u32,
    pub b: u32,
    pub c: u32,
    pub d: u32,
}

/// `start + row · k + column`, modulo 2^64.
#[cube]
pub(crate) fn place(stream: &StreamHalves, row: u32, k: u32, column: u32) -> Wide {
    let (low, high) = (row * k, row.mul_hi(k));
    let with_column = low + column;
    let high = high + u32::cast_from(with_column < low);
    let sum = with_column + stream.position_low;
    let carry = u32::cast_from(sum < with_column);
    Wide { low: sum, high: high + stream.position_high + carry }
}

/// The number `count` after `place`.
#[cube]
pub(crate) fn plus(place: &Wide, count: u32) -> Wide {
    let low = place.low + count;
    Wide { low, high: place.high + u32::cast_from(low < count) }
}

/// The four words of the block that contains a place.
#[cube]
pub(crate) fn words_of_block(stream: &StreamHalves, place: &Wide) -> Block {
    philox(stream, (place.low >> 2) | (place.high << 30), place.high >> 2)
}

/// The 64 further bits of the number at a place, upper half first.
#[cube]
pub(crate) fn refinement(stream: &StreamHalves, place: &Wide) -> Block {
    philox(stream, place.low, place.high | REFINEMENT)
}

#[cube]
fn philox(stream: &StreamHalves, low: u32, high: u32) -> Block {
    let (mut a, mut b, mut c, mut d) = (low, high, stream.id_low, stream.id_high);
    let (mut left, mut right) = (stream.seed_low, stream.seed_high);
    #[unroll]
    for _ in 0..10 {
        let first = 0xD251_1F53u32;
        let second = 0xCD9E_8D57u32;
        let (first_high, first_low) = (a.mul_hi(first), a * first);
        let (second_high, second_low) = (c.mul_hi(second), c * second);
        a = second_high ^ b ^ left;
        c = first_high ^ d ^ right;
        b = second_low;
        d = first_low;
        left += 0x9E37_79B9u32;
        right += 0xBB67_AE85u32;
    }
    Block { a, b, c, d }
}
