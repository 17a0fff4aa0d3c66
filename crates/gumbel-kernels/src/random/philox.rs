//! Philox4x32-10, the counter-based generator of every random number of this crate.
//!
//! Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 3.3:
//! a keyed bijection of a 128-bit counter, so that blocks can be computed in any order.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;

/// The four random words that `key` assigns to `counter`.
#[inline(always)]
pub(super) fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        counter = round(counter, key);
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[inline(always)]
fn round([a, b, c, d]: [u32; 4], [left, right]: [u32; 2]) -> [u32; 4] {
    let first = u64::from(MULTIPLIERS[0]) * u64::from(a);
    let second = u64::from(MULTIPLIERS[1]) * u64::from(c);
    [(second >> 32) as u32 ^ b ^ left, second as u32, (first >> 32) as u32 ^ d ^ right, first as u32]
}

/// The words that `key` assigns to `N` counters (index, `id`), for the indices from `first` on. `N` is as many as
/// keep the multipliers busy while each waits for its previous round.
///
/// Equals [`philox4x32_10`], with the words in the same order in memory, two to a number of 64 bits. During the
/// rounds each word is in the lower half of such a number, which is where a vector multiplier reads it; the upper
/// half is arbitrary.
#[inline(always)]
pub(super) fn philox_many<const N: usize>(first: u64, id: u64, mut key: [u32; 2], out: &mut [[u64; 2]; N]) {
    let (mut a, mut b) = ([0; N], [0; N]);
    let (mut c, mut d) = ([id; N], [id >> 32; N]);
    for lane in 0..N {
        a[lane] = first + lane as u64;
        b[lane] = a[lane] >> 32;
    }
    for _ in 0..ROUNDS {
        for lane in 0..N {
            let left = u64::from(MULTIPLIERS[0]) * u64::from(a[lane] as u32);
            let right = u64::from(MULTIPLIERS[1]) * u64::from(c[lane] as u32);
            a[lane] = right >> 32 ^ b[lane] ^ u64::from(key[0]);
            c[lane] = left >> 32 ^ d[lane] ^ u64::from(key[1]);
            (b[lane], d[lane]) = (right, left);
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    for lane in 0..N {
        out[lane] = [pair(a[lane], b[lane]), pair(c[lane], d[lane])];
    }
}

/// The lower halves of two numbers as one number, the first half first in memory.
#[inline(always)]
fn pair(first: u64, second: u64) -> u64 {
    let pair = first & 0xffff_ffff | second << 32;
    if cfg!(target_endian = "big") { pair.rotate_left(32) } else { pair }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_counters_at_once_equal_one_by_one() {
        let (first, id, key) = (u64::from(u32::MAX) - 5, 0x0123_4567_89ab_cdef, [7, u32::MAX]);
        let mut words = [[0; 2]; 16];
        philox_many(first, id, key, &mut words);
        for (lane, words) in words.into_iter().enumerate() {
            let index = first + lane as u64;
            let counter = [index as u32, (index >> 32) as u32, id as u32, (id >> 32) as u32];
            assert_eq!(bytemuck::cast::<_, [u32; 4]>(words), philox4x32_10(counter, key));
        }
    }

    /// The `philox4x32 10` lines of Random123's `kat_vectors`.
    #[test]
    fn words_equal_the_published_known_answers() {
        let all = u32::MAX;
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([all; 4], [all; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32_10(counter, key), expected);
        }
    }
}
