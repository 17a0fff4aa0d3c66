//! A place in an endless, reproducible sequence of random numbers.

use crate::level::{self, Kernel, Level};
use crate::philox::{philox4x32_10, several};
use core::convert::Infallible;
use rand_core::{SeedableRng, TryRng};

/// What a Philox block is for: the top bits of its index, so that no two uses share a block.
#[derive(Clone, Copy)]
enum Purpose {
    Words = 0,
    Refinement = 1,
    Fork = 2,
}

/// A position in the random sequence named by (seed, id).
///
/// Word `i` is a pure function of (seed, id, `i`): two threads, two batches or two machines that ask for the
/// same `i` get the same bits. Copying a stream copies the position too, so both copies read the same
/// numbers; use [`skip`](Self::skip) to move on and [`split`](Self::split) for independent numbers.
/// Positions must stay below 2^62.
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
    pub const fn new(seed: u64) -> Self {
        Self::from_parts(seed, 0, 0)
    }

    /// The stream with the given [`parts`](Self::parts).
    pub const fn from_parts(seed: u64, id: u64, position: u64) -> Self {
        Self { seed, id, position }
    }

    /// (seed, id, position): all there is to save and restore.
    pub const fn parts(self) -> (u64, u64, u64) {
        (self.seed, self.id, self.position)
    }

    /// The same stream, `count` numbers further on.
    pub const fn skip(self, count: u64) -> Self {
        Self::from_parts(self.seed, self.id, self.position + count)
    }

    /// The independent stream that `label` names; the position does not matter.
    pub fn split(self, label: u64) -> Self {
        // Drawing numbers never uses this key unless a user's seed differs from another by just this tag,
        // and then meets it in 2^-64 of the counters.
        const TAG: u64 = 0x73_706c_6974; // "split"
        Self::from_block(philox4x32_10(counter(label, self.id), halves(self.seed ^ TAG)))
    }

    /// An independent stream taken at this position, which moves on by one.
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

    /// Fills `out` with the words from the position on.
    pub fn words(self, out: &mut [u32]) {
        let mut buffer = new_word_buffer();
        for (index, out) in out.chunks_mut(WORDS).enumerate() {
            let words = self.skip((index * WORDS) as u64).read(out.len(), &mut buffer);
            out.copy_from_slice(&words[..out.len()]);
        }
    }

    /// Reads `count` words, at most [`WORDS`], into a buffer; what follows them there is garbage.
    pub(crate) fn read(self, count: usize, buffer: &mut WordBuffer) -> &[u32] {
        level::run(Blocks { stream: self, count: (self.skipped() + count).div_ceil(4), buffer });
        &bytemuck::cast_slice(buffer.as_flattened())[self.skipped()..]
    }

    /// Computes blocks from number `first` on in groups of `N`, and of [`SMALL`] where fewer are left.
    #[inline(always)]
    fn compute<const N: usize>(self, first: u64, blocks: &mut [[u64; 2]]) {
        let (large, rest) = blocks.as_chunks_mut::<N>();
        let mut index = first;
        for group in large {
            several(index, self.id, halves(self.seed), group);
            index += N as u64;
        }
        for group in rest.as_chunks_mut::<SMALL>().0 {
            several(index, self.id, halves(self.seed), group);
            index += SMALL as u64;
        }
    }

    /// Words of the position's block before it.
    fn skipped(self) -> usize {
        (self.position % 4) as usize
    }

    /// Sixty-four further bits for the number `index` places after the position.
    pub(crate) fn refinement(self, index: u64) -> u64 {
        let [high, low, ..] = self.block(Purpose::Refinement, self.position + index);
        u64::from(high) << 32 | u64::from(low)
    }

    #[inline(always)]
    fn block(self, purpose: Purpose, index: u64) -> [u32; 4] {
        philox4x32_10(counter((purpose as u64) << 62 | index, self.id), halves(self.seed))
    }

    fn from_block([a, b, c, d]: [u32; 4]) -> Self {
        let join = |low, high| u64::from(low) | u64::from(high) << 32;
        Self::from_parts(join(a, b), join(c, d), 0)
    }
}

/// How many words are drawn at a time: some buffers of as many `f32` fit into the first-level cache.
pub(crate) const WORDS: usize = 512;

/// Blocks that are computed at a time: as many as hide the latency of a multiplication, and as registers hold.
const LARGE: usize = 64;
const MIDDLE: usize = 32;
const SMALL: usize = 16;

/// In whole groups, with one block more, since the first may begin before the position.
pub(crate) type WordBuffer = [[u64; 2]; (WORDS / 4 + 1).next_multiple_of(SMALL)];

pub(crate) fn new_word_buffer() -> WordBuffer {
    [[0; 2]; _]
}

/// Fills the buffer with at least `count` blocks from that of the position on.
struct Blocks<'a> {
    stream: Stream,
    count: usize,
    buffer: &'a mut WordBuffer,
}

impl Kernel for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let blocks = &mut self.buffer[..self.count.next_multiple_of(SMALL)];
        let first = (Purpose::Words as u64) << 62 | (self.stream.position / 4);
        if Level::current() == Level::Avx512 {
            self.stream.compute::<LARGE>(first, blocks);
        } else {
            self.stream.compute::<MIDDLE>(first, blocks);
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

/// A [`Stream`] as a generator for the crates of the `rand` family.
///
/// ```
/// use gumbel_kernels::{Stream, StreamRng};
/// use rand_core::Rng;
/// let mut rng = StreamRng::new(Stream::new(7));
/// assert_eq!(rng.next_u32(), Stream::new(7).word(0));
/// assert_eq!(rng.stream(), Stream::new(7).skip(1)); // where the next word comes from
/// ```
#[derive(Clone, Debug)]
pub struct StreamRng {
    stream: Stream,
    /// The block of the current position, valid unless the position is at a block's start.
    block: [u32; 4],
}

impl StreamRng {
    /// A generator that starts at the stream's position. To seek, make a new one.
    pub fn new(stream: Stream) -> Self {
        let block = stream.block(Purpose::Words, stream.position / 4);
        Self { stream, block }
    }

    /// The stream at the position of the next word.
    pub fn stream(&self) -> Stream {
        self.stream
    }
}

impl TryRng for StreamRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let lane = (self.stream.position % 4) as usize;
        if lane == 0 {
            self.block = self.stream.block(Purpose::Words, self.stream.position / 4);
        }
        self.stream = self.stream.skip(1);
        Ok(self.block[lane])
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_u64_via_u32(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        rand_core::utils::fill_bytes_via_next_word(bytes, || self.try_next_u32())
    }
}

impl SeedableRng for StreamRng {
    /// Seed and stream id, little-endian.
    type Seed = [u8; 16];

    fn from_seed(seed: Self::Seed) -> Self {
        let words: [u64; 2] = rand_core::utils::read_words(&seed);
        Self::new(Stream::from_parts(words[0], words[1], 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng;

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

    #[test]
    fn generator_and_stream_agree_from_any_position() {
        for start in 0..6 {
            let stream = Stream::new(11).skip(start);
            let mut rng = StreamRng::new(stream);
            let drawn: Vec<u32> = (0..9).map(|_| rng.next_u32()).collect();
            assert_eq!(drawn, (0..9).map(|i| stream.word(i)).collect::<Vec<_>>());
            assert_eq!(StreamRng::new(rng.stream()).next_u32(), rng.next_u32());
        }
    }

    #[test]
    fn seeding_reads_seed_and_id() {
        let mut bytes = [0; 16];
        bytes[0] = 9;
        bytes[8] = 4;
        assert_eq!(StreamRng::from_seed(bytes).stream(), Stream::from_parts(9, 4, 0));
    }

    /// The promise of value stability: changing any of these numbers is value-breaking.
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

    // From Philox4x32-10 in Python integers, which gave Random123's known answer, on the counters and keys
    // that the comments and code above describe.
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
