//! Evaluation on images that were not trained on: the codes of each, and the bound at them.

use super::{Book, Part, Results, VqvaeExperiment};
use crate::experiment::bound::{HeldOut, numbers, spread};
use crate::support::interrupt::Stop;
use anyhow::Result;
use gumbel::quantize::CodeUsage;

/// Images evaluated at once, which bounds the memory.
const AT_ONCE: usize = 500;

impl VqvaeExperiment {
    /// Both parts of the bound over `count` images spread over the set, and the use of the codes.
    pub(super) fn measured(&self, images: &HeldOut, count: usize, stop: &Stop) -> Result<Results> {
        let (model, chosen) = (self.model(), spread(count, images.count()));
        let (codes, books) = model.books();
        let (mut parts, mut usage) = ([Vec::new(), Vec::new()], vec![CodeUsage::new(codes); books]);
        for places in chosen.chunks(AT_ONCE) {
            stop.check()?;
            let batch = images.batch(places);
            let indices = model.indices(batch.clone())?;
            for (book, usage) in usage.iter_mut().enumerate() {
                usage.add(indices.clone().narrow(2, book, 1))?;
            }
            let found = model.bound(batch, indices)?.map(numbers);
            parts.iter_mut().zip(found).for_each(|(part, found)| part.extend(found));
        }
        let [distortion, rate] = parts;
        let bound: Vec<f64> =
            distortion.iter().zip(&rate).map(|(distortion, rate)| distortion + rate).collect();
        Ok(Results {
            bound: Part::of(&bound),
            distortion: Part::of(&distortion),
            rate: Part::of(&rate),
            bits: (self.config.model.bits * self.config.model.latents) as f64,
            images: bound.len(),
            books: usage.iter().map(Book::of).collect(),
        })
    }
}
