//! Images in memory.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Height and width of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageSize {
    /// The size of these images.
    pub fn of(images: &Images) -> Self {
        Self { height: images.height, width: images.width }
    }

    /// The number of pixels of an image; `usize::MAX` if it overflows.
    pub fn pixels(self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

/// Grey images of one size, with labels where the source has them. A clone shares the pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// `count * height * width` bytes, image after image, row after row; 0 is background, 255 is ink.
    pub pixels: Arc<[u8]>,
    /// Number of images.
    pub count: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Class of each image.
    pub labels: Option<Arc<[u8]>>,
}

impl Images {
    /// Images from pixels and labels.
    ///
    /// # Panics
    /// If the number of pixels is not a multiple of `height * width`, or the number of labels is not that of images.
    pub fn new(pixels: Vec<u8>, height: usize, width: usize, labels: Option<Vec<u8>>) -> Self {
        let size = height * width;
        assert!(size > 0 && pixels.len().is_multiple_of(size), "{} pixels, images of {size}", pixels.len());
        let count = pixels.len() / size;
        let labelled = labels.as_ref().map_or(count, Vec::len);
        assert_eq!(labelled, count, "{labelled} labels for {count} images");
        Self { pixels: pixels.into(), count, height, width, labels: labels.map(Arc::from) }
    }

    /// The number of pixels of an image, `height * width`.
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

    /// The mean of each pixel over the images, from 0 (always background) to 1 (always ink).
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

    /// Each image with rows and columns exchanged.
    ///
    /// ```
    /// # use gumbel_lab::data::Images;
    /// let images = Images::new(vec![1, 2, 3, 4, 5, 6], 2, 3, None); // 1 2 3 over 4 5 6
    /// assert_eq!(images.transposed(), Images::new(vec![1, 4, 2, 5, 3, 6], 3, 2, None));
    /// ```
    pub fn transposed(&self) -> Self {
        let (height, width) = (self.height, self.width);
        let transpose =
            |image: &[u8]| (0..height * width).map(|i| image[i % height * width + i / height]).collect();
        let images = self.pixels.chunks_exact(height * width).map(transpose);
        let pixels = images.collect::<Vec<Vec<u8>>>().concat().into();
        Self { pixels, height: width, width: height, labels: self.labels.clone(), ..*self }
    }

    /// The first `count` images, or all if there are fewer.
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.count);
        Self {
            pixels: self.pixels[..count * self.pixels_per_image()].into(),
            count,
            labels: self.labels.as_ref().map(|labels| labels[..count].into()),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Images {
        Images::new(vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 2, 3, Some(vec![7, 9]))
    }

    #[test]
    fn a_clone_shares_pixels_and_labels() {
        let (first, second) = (two(), two());
        let copy = first.clone();
        assert!(Arc::ptr_eq(&first.pixels, &copy.pixels) && !Arc::ptr_eq(&first.pixels, &second.pixels));
        assert!(Arc::ptr_eq(first.labels.as_ref().unwrap(), copy.labels.as_ref().unwrap()));
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
        assert_eq!(first.pixels[..], [1, 2, 3, 4, 5, 6]);
        assert_eq!(two().take(5), two());
        assert_eq!(two().take(0).mean(), [0.0; 6]);
    }

    #[test]
    #[should_panic(expected = "1 labels for 2 images")]
    fn labels_must_match() {
        Images::new(vec![0, 1], 1, 1, Some(vec![0]));
    }
}
