//! Binarization of grey images.

use super::Images;
use crate::support::suggest::unknown;
use gumbel_kernels::Stream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How a grey pixel `p` in `0..=255` becomes 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binarization {
    /// 1 with probability `p / 255`, redrawn in every epoch (Burda et al. 2016).
    #[default]
    Dynamic,
    /// 1 with probability `p / 255`, drawn once: the same in every epoch.
    Fixed,
    /// 1 where `p > 127`.
    Threshold,
}

/// Names, in the order of [`Binarization::ALL`].
const NAMES: [&str; 3] = ["dynamic", "fixed", "threshold"];
/// The word with which a pixel is drawn as 1 if it is above 127.
const HALF: u32 = 1 << 31;
/// Images for which other threads are worth waking.
const MANY: usize = 512;
/// Bits in a number of [`Binarization::packed`].
pub const PACKED: usize = 16;

impl Binarization {
    /// All variants, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Dynamic, Self::Fixed, Self::Threshold];

    /// The images with the given `indices` as 0.0 and 1.0.
    ///
    /// An image's bits are a function of the stream, its index and, for [`Dynamic`](Self::Dynamic), the
    /// epoch: they do not depend on which images share the batch. `P(1)` is `p / 255` to within 2^-32, and
    /// exact for 0 and 255.
    ///
    /// ```
    /// # use gumbel_kernels::Stream;
    /// # use gumbel_lab::data::{Binarization, Images};
    /// let images = Images::new(vec![0, 255, 128, 127], 1, 2, None);
    /// let bits = Binarization::Threshold.batch(&images, &[1, 0], Stream::new(0), 0);
    /// assert_eq!(bits, [1.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Shapes
    /// `[indices.len(), height * width]`, row after row.
    ///
    /// # Panics
    /// If an index is not below `images.count`.
    pub fn batch(self, images: &Images, indices: &[usize], stream: Stream, epoch: u64) -> Vec<f32> {
        let write = |row: &mut [f32], image: &[u8], words: &[u32]| {
            let pixels = image.iter().zip(words);
            row.iter_mut()
                .zip(pixels)
                .for_each(|(bit, (&pixel, &word))| *bit = f32::from(u8::from(drawn(pixel, word))));
        };
        self.rows(images, indices, self.draws(stream, epoch), images.pixels_per_image(), write)
    }

    /// The same bits, sixteen of a row in each number, the first in the lowest place.
    ///
    /// ```
    /// # use gumbel_kernels::Stream;
    /// # use gumbel_lab::data::{Binarization, Images};
    /// let images = Images::new(vec![0, 255, 128, 127], 1, 2, None);
    /// assert_eq!(Binarization::Threshold.packed(&images, &[1, 0], Stream::new(0), 0), [0b01, 0b10]);
    /// ```
    ///
    /// # Shapes
    /// `[indices.len(), ceil(height * width / 16)]`, row after row.
    ///
    /// # Panics
    /// If an index is not below `images.count`.
    pub fn packed(self, images: &Images, indices: &[usize], stream: Stream, epoch: u64) -> Vec<i32> {
        let write = |row: &mut [i32], image: &[u8], words: &[u32]| {
            for (number, (image, words)) in row.iter_mut().zip(image.chunks(PACKED).zip(words.chunks(PACKED)))
            {
                let pixels = image.iter().zip(words).rev();
                *number = pixels.fold(0, |bits, (&pixel, &word)| 2 * bits + i32::from(drawn(pixel, word)));
            }
        };
        let width = images.pixels_per_image().div_ceil(PACKED);
        self.rows(images, indices, self.draws(stream, epoch), width, write)
    }

    /// `width` numbers for each image, written from its pixels and their words; of many images in several threads.
    fn rows<T: Clone + Default + Send>(
        self,
        images: &Images,
        indices: &[usize],
        draws: Option<Stream>,
        width: usize,
        write: impl Fn(&mut [T], &[u8], &[u32]) + Sync,
    ) -> Vec<T> {
        let mut out = vec![T::default(); indices.len() * width];
        let words = || vec![HALF; images.pixels_per_image()];
        let row = |words: &mut Vec<u32>, (row, &index): (&mut [T], &usize)| {
            let image = images.image(index);
            if let Some(draws) = draws {
                draws.skip((index * image.len()) as u64).words(words);
            }
            write(row, image, words);
        };
        if indices.len() < MANY {
            let mut words = words();
            out.chunks_mut(width).zip(indices).for_each(|pair| row(&mut words, pair));
        } else {
            out.par_chunks_mut(width).zip(indices).with_min_len(MANY / 8).for_each_init(words, row);
        }
        out
    }

    fn draws(self, stream: Stream, epoch: u64) -> Option<Stream> {
        match self {
            Self::Dynamic => Some(stream.split(1).split(epoch)),
            Self::Fixed => Some(stream.split(0)),
            Self::Threshold => None,
        }
    }
}

/// 1 where `word / 2^32 < pixel / 255`, in integers so that every machine agrees.
fn drawn(pixel: u8, word: u32) -> bool {
    u64::from(word) * 255 < u64::from(pixel) << 32
}

impl fmt::Display for Binarization {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(NAMES[*self as usize])
    }
}

/// The error for a word that is no [`Binarization`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", unknown("binarization", .0, &NAMES))]
pub struct UnknownBinarization(pub String);

impl FromStr for Binarization {
    type Err = UnknownBinarization;

    fn from_str(word: &str) -> Result<Self, UnknownBinarization> {
        let named = |kind: &Self| kind.to_string() == word;
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownBinarization(word.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Binarization::{Dynamic, Fixed, Threshold};

    fn grey() -> Images {
        Images::new((0..5 * 12).map(|i| (i * 37 % 256) as u8).collect(), 3, 4, None)
    }

    #[test]
    fn bits_do_not_depend_on_the_batch() {
        let (images, stream) = (grey(), Stream::new(4));
        for kind in Binarization::ALL {
            let alone = kind.batch(&images, &[3], stream, 9);
            assert_eq!(alone, kind.batch(&images, &[0, 4, 3, 3], stream, 9)[24..36], "{kind}");
            assert_eq!(alone, kind.batch(&images, &[0, 4, 3, 3], stream, 9)[36..], "{kind}");
            assert_eq!(alone, kind.batch(&images.take(4), &[3], stream, 9), "{kind}");
        }
    }

    #[test]
    fn many_images_in_several_threads_have_the_bits_of_few() {
        let (images, stream) = (grey(), Stream::new(4));
        let indices: Vec<usize> = (0..MANY + 3).map(|i| i % 5).collect();
        for kind in Binarization::ALL {
            let few: Vec<f32> = indices.iter().flat_map(|&i| kind.batch(&images, &[i], stream, 2)).collect();
            assert_eq!(kind.batch(&images, &indices, stream, 2), few, "{kind}");
        }
    }

    #[test]
    fn only_dynamic_changes_with_the_epoch() {
        let (images, all) = (grey(), [0, 1, 2, 3, 4]);
        let same = |kind: Binarization| {
            kind.batch(&images, &all, Stream::new(4), 0) == kind.batch(&images, &all, Stream::new(4), 1)
        };
        assert!(same(Fixed) && same(Threshold) && !same(Dynamic));
    }

    #[test]
    fn seeds_images_and_kinds_draw_differently() {
        let images = Images::new(vec![128; 2 * 64], 8, 8, None);
        let first = Fixed.batch(&images, &[0], Stream::new(1), 0);
        assert_ne!(first, Fixed.batch(&images, &[1], Stream::new(1), 0));
        assert_ne!(first, Fixed.batch(&images, &[0], Stream::new(2), 0));
        assert_ne!(first, Dynamic.batch(&images, &[0], Stream::new(1), 0));
    }

    #[test]
    fn the_chance_of_ink_is_the_grey_value() {
        let (stream, epochs) = (Stream::new(8), 4000u32);
        for pixel in [0u8, 1, 64, 128, 254, 255] {
            let images = Images::new(vec![pixel; 4], 2, 2, None);
            let draw = |epoch| Dynamic.batch(&images, &[0], stream, epoch).iter().sum::<f32>();
            let ones: f32 = (0..u64::from(epochs)).map(draw).sum();
            let (n, p) = (f64::from(4 * epochs), f64::from(pixel) / 255.0);
            let error = (f64::from(ones) - n * p).abs();
            assert!(error <= 4.0 * (n * p * (1.0 - p)).sqrt(), "pixel {pixel}: {ones} ones of {n}");
        }
    }

    #[test]
    fn names_round_trip() {
        for kind in Binarization::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        let message = |word: &str| word.parse::<Binarization>().unwrap_err().to_string();
        let expected = "unknown binarization 'otsu'; expected one of: dynamic, fixed, threshold";
        assert_eq!(message("otsu"), expected);
        assert_eq!(message("dynamc"), "unknown binarization 'dynamc'; did you mean 'dynamic'?");
    }
}
