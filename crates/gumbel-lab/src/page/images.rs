//! Sets of grey images.

use super::Error;

/// Grey images of one size, one byte a pixel, 0 for paper and 255 for full ink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// Pixels in the order image, row, column.
    pub pixels: Vec<u8>,
    /// Rows of one image.
    pub height: usize,
    /// Columns of one image.
    pub width: usize,
}

impl Images {
    /// Number of images; zero where an image has no pixels.
    pub fn count(&self) -> usize {
        self.pixels.len().checked_div(self.height * self.width).unwrap_or(0)
    }

    /// One set in which rows of `columns` images come from each of `all` in turn.
    ///
    /// # Errors
    /// [`Error::Pairs`] where two sets differ in number or size.
    pub fn interleaved(all: &[&Self], columns: usize) -> Result<Self, Error> {
        let Some((first, others)) = all.split_first() else { return Ok(Self::default()) };
        let size = |images: &Self| (images.height, images.width, images.pixels.len());
        if let Some(other) = others.iter().find(|images| size(images) != size(first)) {
            return Err(Error::Pairs { originals: first.count(), means: other.count() });
        }
        let row = columns.saturating_mul(first.height * first.width).max(1);
        // A last row that is not full would mix the sets in one row: leave it out, unless it is the only one.
        let rows =
            (0..first.pixels.len().div_ceil(row)).filter(|&n| n == 0 || (n + 1) * row <= first.pixels.len());
        let part =
            |n: usize, images: &Self| images.pixels[n * row..].iter().take(row).copied().collect::<Vec<_>>();
        let pixels = rows.flat_map(|n| all.iter().flat_map(move |images| part(n, images))).collect();
        Ok(Self { pixels, ..**first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_originals_and_reconstructions_alternate() {
        let images = |pixels: &[u8]| Images { pixels: pixels.to_vec(), height: 1, width: 1 };
        let (originals, means) = (images(&[1, 2, 3, 4, 5]), images(&[11, 12, 13, 14, 15]));
        let sheet = Images::interleaved(&[&originals, &means], 2).unwrap();
        assert_eq!(sheet.pixels, [1, 2, 11, 12, 3, 4, 13, 14]);
        let odd = Images::interleaved(&[&images(&[1, 2]), &images(&[1])], 2).unwrap_err().to_string();
        assert!(odd.ends_with("the same number and size, got 2 and 1 images"), "{odd}");
    }
}
