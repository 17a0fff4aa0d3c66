//! Grey images side by side, with names for the rows if they mean something.

use super::drawing::{Anchor, Drawing, TEXT, label, short, text_width};
use crate::page::png_grid::{GAP, png_grid};
use crate::page::{Error, Images};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

const BLOCK_GAP: f64 = 10.0;

/// A sheet of images.
#[derive(Clone, Copy, Debug)]
pub struct ImageGrid<'a> {
    /// What the images show, for readers who cannot see them.
    pub title: &'a str,
    /// The images, row by row.
    pub images: &'a Images,
    /// Images in a row.
    pub columns: usize,
    /// Names of the rows of a block. Rows with names come in blocks of as many rows as there are names; without
    /// names the sheet is one block.
    pub row_labels: &'a [&'a str],
}

impl ImageGrid<'_> {
    /// Draws the sheet, dark ink on white paper, each block one embedded PNG.
    ///
    /// # Errors
    /// As [`png_grid`](crate::page::png_grid).
    pub fn draw(&self) -> Result<Drawing, Error> {
        let Images { pixels, height, width } = self.images;
        let columns = self.columns.min(self.images.count());
        let row = (columns * height * width).max(1);
        let rows_per_block = if self.row_labels.is_empty() { usize::MAX } else { self.row_labels.len() };
        let blocks: Vec<&[u8]> = pixels.chunks(row.saturating_mul(rows_per_block)).collect();
        if blocks.is_empty() {
            // Asks for the error that says what is missing.
            png_grid(pixels, self.images.count(), *height, *width, self.columns)?;
        }
        let (left, scale) = (self.margin(), self.scale(columns));
        let (mut y, mut body) = (0.0, Vec::new());
        for (i, block) in blocks.iter().enumerate() {
            y += if i > 0 { BLOCK_GAP } else { 0.0 };
            let rows = block.len().div_ceil(row);
            let sheet = (side(rows, *height) * scale, side(columns, *width) * scale);
            body.push(
                html! { (self.labels(rows, y, scale)) (self.sheet(block, columns, (left, y), sheet)?) },
            );
            y += sheet.0;
        }
        let total = left + side(columns, *width) * scale;
        Ok(Drawing::new(self.title, short(total), short(y), html! { @for block in body { (block) } }))
    }

    /// Drawing units for a pixel, so that the sheet is as wide as a page column but few images stay small.
    fn scale(&self, columns: usize) -> f64 {
        ((720.0 - self.margin()) / side(columns, self.images.width)).min(4.0)
    }

    fn margin(&self) -> f64 {
        let widest = self.row_labels.iter().map(|text| text_width(text, TEXT)).fold(0.0, f64::max);
        if widest > 0.0 { widest + 12.0 } else { 0.0 }
    }

    fn labels(&self, rows: usize, top: f64, scale: f64) -> Markup {
        let middle = |i: usize| (i * (self.images.height + GAP)) as f64 + self.images.height as f64 / 2.0;
        let place = |i: usize| top + scale * middle(i) + 4.5;
        html! {
            @for (i, text) in self.row_labels.iter().take(rows).enumerate() {
                (label(self.margin() - 12.0, place(i), Anchor::End, "", text))
            }
        }
    }

    fn sheet(
        &self,
        pixels: &[u8],
        columns: usize,
        at: (f64, f64),
        size: (f64, f64),
    ) -> Result<Markup, Error> {
        let Images { height, width, .. } = *self.images;
        let file = png_grid(pixels, pixels.len() / (height * width).max(1), height, width, columns)?;
        let data = STANDARD.encode(file);
        Ok(html! {
            image class="sheet" x=(short(at.0)) y=(short(at.1)) height=(short(size.0)) width=(short(size.1))
                href={ "data:image/png;base64," (data) } {}
        })
    }
}

/// Pixels of `count` images of `length` pixels in a line.
fn side(count: usize, length: usize) -> f64 {
    (count * (length + GAP)).saturating_sub(GAP) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_rows_come_in_blocks() {
        let images = Images { pixels: vec![7; 8 * 6], height: 2, width: 3 };
        let grid = ImageGrid { title: "t", images: &images, columns: 2, row_labels: &["test", "model"] };
        let file = grid.draw().unwrap().file();
        roxmltree::Document::parse(&file).unwrap();
        assert_eq!(file.matches("data:image/png;base64,").count(), 2);
        assert_eq!(file.matches(">model<").count(), 2);
    }

    #[test]
    fn nothing_to_show_and_broken_images_are_errors() {
        let draw = |pixels: Vec<u8>, height, columns| {
            let images = Images { pixels, height, width: 2 };
            ImageGrid { title: "", images: &images, columns, row_labels: &[] }.draw().map(|_| ())
        };
        assert!(matches!(draw(vec![], 2, 4), Err(Error::EmptyGrid { .. })));
        assert!(matches!(draw(vec![1; 4], 0, 4), Err(Error::Pixels { .. })));
        assert!(matches!(draw(vec![1; 5], 2, 4), Err(Error::Pixels { .. })));
        assert!(matches!(draw(vec![1; 4], 2, 0), Err(Error::EmptyGrid { .. })));
        assert!(draw(vec![1; 4], 2, 9).is_ok());
    }
}
