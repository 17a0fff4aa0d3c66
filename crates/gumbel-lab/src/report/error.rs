//! What can be wrong with the data of a report.

/// Why a figure or a page could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pixels do not fill the images they are said to be.
    #[error("{count} images of {height} x {width} pixels do not make {len} bytes")]
    Pixels {
        /// Bytes received.
        len: usize,
        /// Images expected.
        count: usize,
        /// Rows of one image.
        height: usize,
        /// Columns of one image.
        width: usize,
    },
    /// A grid needs at least one column and at least one image with at least one pixel.
    #[error("a grid of {count} images of {height} x {width} pixels in {columns} columns has nothing to show")]
    EmptyGrid {
        /// Images received.
        count: usize,
        /// Rows of one image.
        height: usize,
        /// Columns of one image.
        width: usize,
        /// Columns of the grid.
        columns: usize,
    },
    /// Originals and reconstructions must come in pairs of one size.
    #[error("{originals} originals cannot be paired with {means} reconstructions of the same size")]
    Pairs {
        /// Number of originals.
        originals: usize,
        /// Number of reconstructions.
        means: usize,
    },
    /// The table of category probabilities has the wrong length.
    #[error("{latents} latents of {categories} categories need as many probabilities, got {len}")]
    Usage {
        /// Probabilities received.
        len: usize,
        /// Number of latents D.
        latents: usize,
        /// Number of categories K of each.
        categories: usize,
    },
    /// The PNG encoder refused the picture.
    #[error("the picture could not be encoded as PNG")]
    Png(#[from] png::EncodingError),
}
