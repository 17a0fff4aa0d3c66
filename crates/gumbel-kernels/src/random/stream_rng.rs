//! Streams as generators for the `rand` crates.

use super::stream::{Purpose, Stream};
use core::convert::Infallible;
use rand_core::{SeedableRng, TryRng};

/// A random number generator of the `rand` crates that reads a [`Stream`].
///
/// ```
/// use gumbel_kernels::{Stream, StreamRng};
/// use rand_core::Rng;
/// let mut rng = StreamRng::new(Stream::new(7));
/// assert_eq!(rng.next_u32(), Stream::new(7).word(0));
/// assert_eq!(rng.stream(), Stream::new(7).skip(1)); // the position of the next word
/// ```
#[derive(Clone, Debug)]
pub struct StreamRng {
    stream: Stream,
    /// The block of the current position; unread if the position is at a block's start.
    block: [u32; 4],
}

impl StreamRng {
    /// A generator that starts at the stream's position. To seek, create a new one.
    pub fn new(stream: Stream) -> Self {
        let block = stream.block(Purpose::Words, stream.parts().2 / 4);
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
        let (_, _, position) = self.stream.parts();
        let lane = (position % 4) as usize;
        if lane == 0 {
            self.block = self.stream.block(Purpose::Words, position / 4);
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
    /// The seed and the id of the stream, little-endian.
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
}
