//! The size of images that a saved model is used with.

use crate::data::{Dataset, ImageSize};
use crate::run::RunFolder;
use anyhow::{Result, ensure};

/// Rejects data of another size than those that the model of `run` was trained on.
///
/// # Errors
/// Both sizes, with the remedy.
pub fn check_size(example: &str, data: &Dataset, size: ImageSize, run: &RunFolder) -> Result<()> {
    let found = ImageSize::of(&data.test);
    ensure!(
        found == size,
        "the {example}s of {} are {} x {}, expected {} x {} as in {}; use data of that size",
        data.name,
        found.height,
        found.width,
        size.height,
        size.width,
        run.path().display()
    );
    Ok(())
}
