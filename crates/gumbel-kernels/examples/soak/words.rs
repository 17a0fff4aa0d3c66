//! Random words on standard output, in several orders.

use crate::options::{Options, unknown};
use gumbel_kernels::Stream;
use std::io::{ErrorKind, Write};

/// Words of a short stream.
const SHORT: u64 = 256;

/// A name, and a function that fills a group of words.
type Layout = (&'static str, fn(Stream, u64, &mut [u32]));

/// Each fills a group of [`SHORT`] words, by its number.
const LAYOUTS: [Layout; 6] = [
    ("stream", |from, group, out| from.skip(group * SHORT).words(out)),
    ("streams", |from, group, out| Stream::from_parts(from.parts().0, group, 0).words(out)),
    ("seeds", |from, group, out| Stream::new(from.parts().0.wrapping_add(group)).words(out)),
    ("splits", |from, group, out| from.split(group).words(out)),
    ("forks", |from, group, out| from.skip(group).fork().words(out)),
    ("skips", |from, group, out| {
        // One word in 2^20: those of the same place in far blocks.
        let at = |i: usize| from.word((group * SHORT + i as u64) << 20);
        out.iter_mut().enumerate().for_each(|(i, word)| *word = at(i));
    }),
];

/// Writes `count` words, or fewer if the reader closes the pipe.
pub fn write(options: &Options) -> Result<(), String> {
    let names = LAYOUTS.map(|(name, _)| name);
    let found = LAYOUTS.iter().find(|(name, _)| *name == options.layout);
    let (_, fill) = found.ok_or_else(|| unknown("--layout", &options.layout, &names))?;
    let (mut out, from) = (std::io::stdout().lock(), Stream::new(options.seed));
    let mut buffer = vec![0; (64 * SHORT) as usize];
    // In whole buffers.
    for start in (0..options.count.div_ceil(SHORT)).step_by(64) {
        for (group, words) in (start..).zip(buffer.chunks_mut(SHORT as usize)) {
            fill(from, group, words);
        }
        let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_le_bytes()).collect();
        match out.write_all(&bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(|error| format!("cannot write the words: {error}"))?,
        }
    }
    Ok(())
}
