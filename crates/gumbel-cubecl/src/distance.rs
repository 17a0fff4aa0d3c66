//! Words as uniform numbers, given by their distance to the nearer end of (0, 1), negative if that end is one. The bits
//! are those of [`gumbel_kernels::noise`].

use crate::philox::{Block, StreamHalves, Wide, plus, refinement, words_of_block};
use cubecl::prelude::*;

/// Below 2^23 a folded word has fewer than 24 significant bits.
const FEW_BITS: u32 = 1 << 23;
/// The distance of such a word is below 2^-9.
const FEW_BITS_DISTANCE: f32 = 1.0 / 512.0;
/// 2^-32, the weight of the last bit of a word.
const WORD_ULP: f32 = 1.0 / 4_294_967_296.0;

/// The distances of the four numbers from `start` on, which is a multiple of four.
#[cube]
pub(crate) fn four_distances(stream: &StreamHalves, start: &Wide) -> Array<f32> {
    distances_of_words(stream, start, &words_of_block(stream, start))
}

/// The distances of the words of the block at `start`.
#[cube]
pub(crate) fn distances_of_words(stream: &StreamHalves, start: &Wide, words: &Block) -> Array<f32> {
    let mut distances = Array::<f32>::new(4usize);
    distances[0] = coarse_distance(words.a);
    distances[1] = coarse_distance(words.b);
    distances[2] = coarse_distance(words.c);
    distances[3] = coarse_distance(words.d);
    let first = min(distances[0].abs(), distances[1].abs());
    let last = min(distances[2].abs(), distances[3].abs());
    if min(first, last) < FEW_BITS_DISTANCE {
        refine(stream, start, words, &mut distances);
    }
    distances
}

/// One number in 256 has too few bits. A loop makes the generator stand in the kernel once, not four times.
#[cube]
fn refine(stream: &StreamHalves, start: &Wide, words: &Block, distances: &mut Array<f32>) {
    for lane in 0..4u32 {
        let first = select(lane == 0u32, words.a, words.b);
        let last = select(lane == 2u32, words.c, words.d);
        let word = select(lane < 2u32, first, last);
        if has_few_bits(word) {
            let distance = refined_distance(stream, &plus(start, lane), word);
            #[unroll]
            for at in 0..4u32 {
                distances[at as usize] = select(lane == at, distance, distances[at as usize]);
            }
        }
    }
}

/// Whether a word needs further bits.
#[cube]
fn has_few_bits(word: u32) -> bool {
    word + FEW_BITS < 2 * FEW_BITS
}

/// The distance without further bits.
#[cube]
fn coarse_distance(word: u32) -> f32 {
    // Of the upper half as a signed number, -1 is the last word, whose distance is 0.
    let signed = i32::reinterpret(word);
    f32::cast_from(signed - (signed >> 31)) * WORD_ULP
}

/// The distance from all 96 bits and the half below them, rounded to nearest even in integers.
#[cube]
fn refined_distance(stream: &StreamHalves, place: &Wide, word: u32) -> f32 {
    let upper = word >= 0x8000_0000u32;
    let flip = select(upper, 0xffff_ffffu32, 0u32);
    let more = refinement(stream, place);
    let (high, middle, low) = (word ^ flip, more.a ^ flip, more.b ^ flip);
    let distance = rounded(high, middle, low);
    select(upper, -distance, distance)
}

/// `(high · 2^64 + middle · 2^32 + low + ½) · 2^-96` as the nearest float.
#[cube]
fn rounded(high: u32, middle: u32, low: u32) -> f32 {
    // Words are moved up until the first is not 0: the last one is the half, so there is always one.
    let half = 0x8000_0000u32;
    let one = high == 0u32;
    let (a, b, c) = (select(one, middle, high), select(one, low, middle), select(one, half, low));
    let two = one && a == 0u32;
    let (a, b) = (select(two, b, a), select(two, c, b));
    let three = two && a == 0u32;
    let (a, b) = (select(three, half, a), select(three, 0u32, b));
    let moved = u32::cast_from(one) + u32::cast_from(two) + u32::cast_from(three);
    let zeros = a.leading_zeros();
    // A shift by 32 is not defined, hence in two steps.
    let top = (a << zeros) | ((b >> 1) >> (31u32 - zeros));
    let places = 32u32 * moved + zeros;
    // Of 25 bits the last decides. Some bit below it is set, but if it is itself the half: then it is a tie.
    let bits = top >> 7;
    let up = (bits + 1u32) >> 1;
    let mantissa = select(places == 72u32, up & !1u32, up);
    // The mantissa has 24 bits, so its last has the weight 2^-(24 + places).
    f32::cast_from(mantissa) * f32::reinterpret((103u32 - places) << 23)
}
