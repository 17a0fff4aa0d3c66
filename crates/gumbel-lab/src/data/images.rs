//! Images in memory.

use super::idx;
use crate::data::text::Written;
use serde::{Deserialize, Serialize};

/// Pixels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageSize {
    /// Of these images.
    pub fn of(images: &Images) -> Self {
        Self { height: images.height, width: images.width }
    }

    /// Pixels of an image, or as many as can be counted.
    pub fn pixels(self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

/// Grey images of one size, with labels where the source has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// `count * height * width` bytes, image after image, row after row; 0 is paper, 255 is ink.
    pub pixels: Vec<u8>,
    /// How many images.
    pub count: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// One class for each image.
    pub labels: Option<Vec<u8>>,
}

impl Images {
    /// Joins pixels and labels.
    ///
    /// # Panics
    /// If the pixels do not divide into images of `height * width`, or there is not one label for each.
    pub fn new(pixels: Vec<u8>, height: usize, width: usize, labels: Option<Vec<u8>>) -> Self {
        let size = height * width;
        assert!(size > 0 && pixels.len().is_multiple_of(size), "{} pixels, images of {size}", pixels.len());
        let count = pixels.len() / size;
        let labelled = labels.as_ref().map_or(count, Vec::len);
        assert_eq!(labelled, count, "{labelled} labels for {count} images");
        Self { pixels, count, height, width, labels }
    }

    /// `height * width`.
    pub fn pixels_per_image(&self) -> usize {
        self.height * self.width
    }

    /// The pixels of image `index`, row after row.
    ///
    /// # Panics
    /// If `index >= count`.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.pixels_per_image();
        &self.pixels[index * size..][..size]
    }

    /// The mean of each pixel over the images, from 0 (always paper) to 1 (always ink).
    ///
    /// ```
    /// # use gumbel_lab::data::Images;
    /// let images = Images::new(vec![0, 255, 255, 255], 1, 2, None); // two images of 1 x 2
    /// assert_eq!(images.mean(), [0.5, 1.0]);
    /// ```
    pub fn mean(&self) -> Vec<f32> {
        let mut sums = vec![0u64; self.pixels_per_image()];
        for image in self.pixels.chunks_exact(self.pixels_per_image()) {
            for (sum, &pixel) in sums.iter_mut().zip(image) {
                *sum += u64::from(pixel);
            }
        }
        let scale = 1.0 / (255.0 * self.count.max(1) as f64);
        sums.into_iter().map(|sum| (sum as f64 * scale) as f32).collect()
    }

    /// The first `count` images, or all where there are fewer.
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.count);
        Self {
            pixels: self.pixels[..count * self.pixels_per_image()].to_vec(),
            count,
            labels: self.labels.as_ref().map(|labels| labels[..count].to_vec()),
            ..*self
        }
    }
}

/// A named data set in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The name it was asked for by, or the folder's name.
    pub name: String,
    /// Images to learn from.
    pub train: Images,
    /// Images to choose settings by, where the source sets some aside.
    pub valid: Option<Images>,
    /// Images to report on.
    pub test: Images,
    /// Origin and licence in one line, for the report.
    pub source: String,
    /// Whether every pixel is 0 or 255 already.
    pub binary: bool,
    /// How its images are read as strings, if that is what they are: a row for each symbol, with one dot in it.
    pub text: Option<Written>,
}

impl Dataset {
    /// SHA-256 of the images of each part, one after the other, and the symbols that they stand for.
    pub fn digest(&self) -> String {
        let parts = [Some(&self.train), self.valid.as_ref(), Some(&self.test)];
        let symbols = self.text.as_ref().map(|text| text.alphabet.symbols.iter().collect());
        parts.into_iter().flatten().map(idx::images_sha256).chain(symbols).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Images {
        Images::new(vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 2, 3, Some(vec![7, 9]))
    }

    #[test]
    fn images_are_cut_in_order() {
        assert_eq!(two().image(1), [7, 8, 9, 10, 11, 12]);
        assert_eq!(two().pixels_per_image(), 6);
    }

    #[test]
    fn taking_keeps_pixels_and_labels_together() {
        let first = two().take(1);
        assert_eq!((first.count, first.labels.as_deref()), (1, Some(&[7][..])));
        assert_eq!(first.pixels, [1, 2, 3, 4, 5, 6]);
        assert_eq!(two().take(5), two());
        assert_eq!(two().take(0).mean(), [0.0; 6]);
    }

    #[test]
    #[should_panic(expected = "1 labels for 2 images")]
    fn labels_must_match() {
        Images::new(vec![0, 1], 1, 1, Some(vec![0]));
    }
}
