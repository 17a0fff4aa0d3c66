//! Streams: positions in reproducible sequences of random numbers.

use super::philox::{philox_many, philox4x32_10};
use crate::parallel::level::{self, Kernel, Level};

/// The use of a Philox block. It is in the top bits of the block's index, so that no two uses share a block.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Words = 0,
    Refinement = 1,
    Fork = 2,
}

/// A position in the sequence of random numbers that (seed, id) identifies.
///
/// Word `i` is a pure function of (seed, id, `i`): two threads, two batches or two machines that read the same `i`
/// get the same bits. A copy of a stream has the same position, so it reads the same numbers: use
/// [`skip`](Self::skip) to advance and [`split`](Self::split) for independent numbers. Positions must stay below
/// 2^62.
///
/// The words are those of Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, section 3.3).
///
/// ```
/// use gumbel_kernels::Stream;
/// let stream = Stream::new(7);
/// assert_eq!(stream.skip(3).word(0), stream.word(3));
/// assert_ne!(stream.split(1).word(0), stream.split(2).word(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    seed: u64,
    id: u64,
    position: u64,
}

impl Stream {
    /// The start of stream 0 of `seed`.
    ///
    /// ```
    /// use gumbel_kernels::Stream;
    /// assert_eq!(Stream::new(7).parts(), (7, 0, 0));
    /// assert_eq!(Stream::new(0).word(0), 0x6627_e8d5); // Random123's first known answer
    /// ```
    pub const fn new(seed: u64) -> Self {
        Self::from_parts(seed, 0, 0)
    }

    /// The stream with the given [`parts`](Self::parts).
    pub const fn from_parts(seed: u64, id: u64, position: u64) -> Self {
        Self { seed, id, position }
    }

    /// (seed, id, position): the full state, to save and restore.
    pub const fn parts(self) -> (u64, u64, u64) {
        (self.seed, self.id, self.position)
    }

    /// The same stream, advanced by `count` numbers.
    pub const fn skip(self, count: u64) -> Self {
        Self::from_parts(self.seed, self.id, self.position + count)
    }

    /// The independent stream with a label, the same from every position.
    pub fn split(self, label: u64) -> Self {
        // No other use has this key, unless the seed of another stream differs from this one by exactly the tag;
        // then they share 2^-64 of the counters.
        const TAG: u64 = 0x73_706c_6974; // "split"
        Self::from_block(philox4x32_10(counter(label, self.id), halves(self.seed ^ TAG)))
    }

    /// An independent stream that depends on the position, which advances by one.
    pub fn fork(&mut self) -> Self {
        let child = Self::from_block(self.block(Purpose::Fork, self.position));
        self.position += 1;
        child
    }

    /// The random word `index` places after the position.
    pub fn word(self, index: u64) -> u32 {
        let at = self.position + index;
        self.block(Purpose::Words, at / 4)[(at % 4) as usize]
    }

    /// Fills a slice with the words from the position on.
    ///
    /// # Shapes
    /// `out` `[len]`; `len` numbers of the stream are used.
    ///
    /// ```
    /// let mut words = [0; 3];
    /// gumbel_kernels::Stream::new(0).words(&mut words);
    /// assert_eq!(words, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c]);
    /// ```
    pub fn words(self, out: &mut [u32]) {
        let mut buffer = new_word_buffer();
        for (index, out) in out.chunks_mut(WORDS).enumerate() {
            let words = self.skip((index * WORDS) as u64).read(out.len(), &mut buffer);
            out.copy_from_slice(&words[..out.len()]);
        }
    }

    /// Reads `count` words, at most [`WORDS`], into a buffer. Arbitrary words follow them there.
    pub(crate) fn read(self, count: usize, buffer: &mut WordBuffer) -> &[u32] {
        let count = (self.skipped() + count).div_ceil(4).next_multiple_of(SMALL);
        let first = (Purpose::Words as u64) << 62 | (self.position / 4);
        level::run(Blocks { seed: self.seed, id: self.id, first, blocks: &mut buffer.0[..count] });
        &bytemuck::cast_slice(buffer.0.as_flattened())[self.skipped()..]
    }

    /// Words before the position in its block.
    fn skipped(self) -> usize {
        (self.position % 4) as usize
    }

    /// 64 further bits for the number `index` places after the position.
    pub(super) fn refinement(self, index: u64) -> u64 {
        let [high, low, ..] = self.block(Purpose::Refinement, self.position + index);
        u64::from(high) << 32 | u64::from(low)
    }

    /// The Philox block number `index` for a purpose.
    #[inline(always)]
    pub(super) fn block(self, purpose: Purpose, index: u64) -> [u32; 4] {
        philox4x32_10(counter((purpose as u64) << 62 | index, self.id), halves(self.seed))
    }

    fn from_block([a, b, c, d]: [u32; 4]) -> Self {
        let join = |low, high| u64::from(low) | u64::from(high) << 32;
        Self::from_parts(join(a, b), join(c, d), 0)
    }
}

/// Words that are drawn at a time: several buffers of as many `f32` fit into the first-level cache.
pub(crate) const WORDS: usize = 512;

/// Blocks that are computed at a time: enough to hide the latency of a multiplication, and no more than the registers
/// hold.
const LARGE: usize = 64;
const MIDDLE: usize = 32;
const SMALL: usize = 16;

/// Space for full groups of blocks, with one block more, because the first may begin before the position. It begins at a
/// cache line, as blocks of numbers do.
#[repr(align(64))]
pub(crate) struct WordBuffer([[u64; 2]; (WORDS / 4 + 1).next_multiple_of(SMALL)]);

pub(crate) fn new_word_buffer() -> WordBuffer {
    WordBuffer([[0; 2]; _])
}

/// Computes consecutive Philox blocks, from number `first` on. Their number is a multiple of [`SMALL`].
struct Blocks<'a> {
    seed: u64,
    id: u64,
    first: u64,
    blocks: &'a mut [[u64; 2]],
}

impl Kernel for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        if Level::current() == Level::Avx512 {
            self.in_groups_of::<LARGE>();
        } else {
            self.in_groups_of::<MIDDLE>();
        }
    }
}

impl Blocks<'_> {
    /// In groups of `N`, then of [`SMALL`] if fewer are left.
    #[inline(always)]
    fn in_groups_of<const N: usize>(self) {
        let (large, rest) = self.blocks.as_chunks_mut::<N>();
        let mut index = self.first;
        for group in large {
            philox_many(index, self.id, halves(self.seed), group);
            index += N as u64;
        }
        for group in rest.as_chunks_mut::<SMALL>().0 {
            philox_many(index, self.id, halves(self.seed), group);
            index += SMALL as u64;
        }
    }
}

#[inline(always)]
fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

#[inline(always)]
fn counter(index: u64, id: u64) -> [u32; 4] {
    let ([a, b], [c, d]) = (halves(index), halves(id));
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_do_not_depend_on_where_reading_starts() {
        let stream = Stream::from_parts(3, 5, 0);
        for start in 0..9 {
            for length in 0..14 {
                let mut words = vec![0; length];
                stream.skip(start).words(&mut words);
                let expected: Vec<u32> = (0..length as u64).map(|i| stream.word(start + i)).collect();
                assert_eq!(words, expected, "start {start}, length {length}");
            }
        }
    }

    /// Value stability: a change of any of these numbers is value-breaking.
    #[test]
    fn values_are_stable() {
        let stream = Stream::new(42);
        let mut words = [0; 4];
        stream.words(&mut words);
        assert_eq!(words, philox4x32_10([0; 4], [42, 0]));
        let mut parent = stream;
        assert_eq!(parent.fork().parts(), GOLDEN_FORK);
        assert_eq!(parent.fork().parts().2, 0);
        assert_eq!(stream.split(1).parts(), GOLDEN_SPLIT);
        assert_eq!(parent.parts(), (42, 0, 2));
    }

    // From Philox4x32-10 in Python integers, checked against Random123's known answer, on the counters and keys
    // that the code above describes.
    const GOLDEN_FORK: (u64, u64, u64) = (4715622552460234781, 12497504909180642772, 0);
    const GOLDEN_SPLIT: (u64, u64, u64) = (9154375743017496898, 7196726667078977882, 0);

    #[test]
    fn children_differ_from_each_other_and_from_their_parent() {
        let mut parent = Stream::new(1);
        let mut firsts = vec![parent.word(0)];
        firsts.extend((0..50).map(|label| parent.split(label).word(0)));
        firsts.extend((0..50).map(|_| parent.fork().word(0)));
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 101);
    }
}
