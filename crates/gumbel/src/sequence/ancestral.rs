//! Independent sequences, drawn token by token.

use super::next::{NextTokens, perturbed};
use super::{Prefix, Sequence, Sequences};
use crate::estimator::parts::host::argmax;
use gumbel_kernels::Stream;
use std::ops::Range;

/// S sequences for each row, as far as they are drawn.
pub(super) struct Ancestral {
    first: usize,
    samples: usize,
    drawn: Vec<Sequence>,
    /// The noise of each.
    streams: Vec<Stream>,
    /// The places of those that are not complete.
    open: Vec<usize>,
}

impl Ancestral {
    pub fn new(rows: Range<usize>, samples: usize, stream: Stream) -> Self {
        let of_row = |row: usize| {
            let row = stream.split(row as u64);
            (0..samples).map(move |sample| row.split(sample as u64))
        };
        let streams: Vec<Stream> = rows.clone().flat_map(of_row).collect();
        let drawn = vec![Sequence { tokens: Vec::new(), log_prob: 0.0 }; streams.len()];
        Self { first: rows.start, samples, open: (0..drawn.len()).collect(), drawn, streams }
    }

    /// The row of each open sequence, counted from 0.
    pub fn rows(&self) -> Vec<usize> {
        self.open.iter().map(|place| place / self.samples).collect()
    }

    /// The open sequences.
    pub fn prefixes(&self) -> Vec<Prefix<'_>> {
        let row = |place: usize| self.first + place / self.samples;
        self.open.iter().map(|&place| Prefix { row: row(place), tokens: &self.drawn[place].tokens }).collect()
    }

    /// Draws a token for each open sequence. Returns which of them stay open.
    pub fn extend(&mut self, next: &NextTokens, complete: impl Fn(usize, usize) -> bool) -> Vec<usize> {
        let mut left = Vec::new();
        for (at, (&place, log_p)) in self.open.iter().zip(next.rows()).enumerate() {
            let sequence = &mut self.drawn[place];
            let stream = self.streams[place].split(sequence.tokens.len() as u64);
            let token = argmax(perturbed(log_p, stream).into_iter());
            sequence.tokens.push(token);
            sequence.log_prob += log_p[token];
            left.extend((!complete(sequence.tokens.len(), token)).then_some(at));
        }
        self.open = left.iter().map(|&at| self.open[at]).collect();
        left
    }

    pub fn finished(self) -> Sequences {
        Sequences::new(self.drawn.chunks(self.samples).map(<[_]>::to_vec).collect(), self.samples)
    }
}
