//! Generated images of digits: a data set for first experiments, without files or network.
//!
//! Each image is one of several shapes of its digit as pen strokes, randomly slanted, bent and perturbed, with a
//! random pen width, then scaled and centred as in MNIST (20 pixels, centre of mass in the middle). It resembles
//! MNIST but is not MNIST: results on it are not comparable with results on any other data set.

#[rustfmt::skip] // it would give each knot a line
mod glyphs;
mod hand;
mod pen;

use super::registry::{self, Part};
use super::{Dataset, Images};
use gumbel_kernels::Stream;
use pen::PIXELS;

pub use pen::SIDE;

/// Training images of the set that [`load`](super::load()) returns.
pub const TRAIN: usize = 10_000;
/// Test images of that set.
pub const TEST: usize = 1_000;

/// Generates the data set `digits` with the given numbers of images.
pub fn dataset(seed: u64, train: usize, test: usize) -> Dataset {
    let set = registry::find("digits").expect("digits is in the registry");
    Dataset {
        name: set.name.into(),
        train: images(seed, Part::Train, train),
        valid: None,
        test: images(seed, Part::Test, test),
        source: format!("{}; seed {seed}", set.source()),
        binary: false,
        text: None,
    }
}

/// Generates labelled images of one part.
///
/// Image `i` is a function of (`seed`, `part`, `i`), so a larger set begins with the smaller one.
///
/// ```
/// # use gumbel_lab::data::{digits, registry::Part};
/// let five = digits::images(0, Part::Train, 5);
/// assert_eq!(five, digits::images(0, Part::Train, 9).take(5));
/// ```
pub fn images(seed: u64, part: Part, count: usize) -> Images {
    let stream = Stream::new(seed).split(part as u64);
    let mut pixels = Vec::with_capacity(count * PIXELS);
    let mut labels = Vec::with_capacity(count);
    for index in 0..count {
        let (label, image) = draw(stream.split(index as u64));
        pixels.extend(image);
        labels.push(label);
    }
    Images::new(pixels, SIDE, SIDE, Some(labels))
}

/// Draws a random digit: its label and its image.
fn draw(stream: Stream) -> (u8, [u8; PIXELS]) {
    let mut chance = hand::Chance::new(stream);
    let label = chance.index(glyphs::GLYPHS.len());
    let shapes = glyphs::GLYPHS[label];
    let shape = chance.index(shapes.len());
    (label as u8, pen::draw(&hand::write(shapes[shape], &mut chance)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::idx;
    use sha2::{Digest, Sha256};

    #[test]
    fn digits_are_sized_and_centred() {
        let images = images(1, Part::Test, 300);
        for index in 0..images.count {
            let (mut ink, mut rows, mut columns) = (0.0, 0.0, 0.0);
            for (place, &pixel) in images.image(index).iter().enumerate() {
                let mass = f64::from(pixel);
                ink += mass;
                rows += mass * ((place / SIDE) as f64 + 0.5);
                columns += mass * ((place % SIDE) as f64 + 0.5);
            }
            let share = ink / (255.0 * PIXELS as f64);
            assert!((0.02..0.35).contains(&share), "image {index} has {share} ink");
            assert!((rows / ink - 14.0).abs() < 2.5 && (columns / ink - 14.0).abs() < 2.5, "image {index}");
        }
    }

    #[test]
    fn labels_are_balanced_and_images_all_differ() {
        let images = images(0, Part::Train, 5000);
        let mut counts = [0; 10];
        images.labels.as_deref().unwrap().iter().for_each(|&label| counts[usize::from(label)] += 1);
        let sd = (5000.0 * 0.1 * 0.9f64).sqrt();
        assert!(counts.iter().all(|&n| (f64::from(n) - 500.0).abs() < 4.0 * sd), "{counts:?}");
        let mut distinct: Vec<&[u8]> = (0..5000).map(|index| images.image(index)).collect();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 5000);
    }

    #[test]
    fn seeds_and_parts_differ() {
        let first = images(0, Part::Train, 3);
        assert_ne!(first, images(1, Part::Train, 3));
        assert_ne!(first, images(0, Part::Test, 3));
    }

    /// Changing this number is value-breaking. Recorded from this implementation when it was first written.
    #[test]
    fn values_are_stable() {
        let digest = idx::hex(&Sha256::digest(images(0, Part::Train, 200).pixels));
        assert_eq!(digest, "9dac7dd2f70e04e459e6a52868612dd7b80900659af1d20e78e8d386f7a54ef1");
    }
}
