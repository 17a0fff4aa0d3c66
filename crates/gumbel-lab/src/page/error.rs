//! Errors of figures and pages.

/// Why a figure or a page cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields: the sentences of their variant name them
pub enum Error {
    /// The bytes do not fill the images.
    #[error("pixels must fill {count} images of {height} x {width}, got {len} bytes")]
    Pixels { len: usize, count: usize, height: usize, width: usize },
    /// A grid has no column, no image or no pixel.
    #[error(
        "a grid of images must not be empty, got {count} of {height} x {width} pixels in {columns} columns"
    )]
    EmptyGrid { count: usize, height: usize, width: usize, columns: usize },
    /// Two sets of images that alternate row by row differ in number or size.
    #[error(
        "originals and reconstructions must have the same number and size, got {originals} and {means} images"
    )]
    Pairs { originals: usize, means: usize },
    /// The table of category probabilities has the wrong length.
    #[error(
        "{latents} latents of {categories} categories must have {latents} x {categories} probabilities, got {len}"
    )]
    Usage { len: usize, latents: usize, categories: usize },
    /// The PNG encoder rejected the picture.
    #[error("cannot encode the picture as PNG")]
    Png(#[from] png::EncodingError),
}
