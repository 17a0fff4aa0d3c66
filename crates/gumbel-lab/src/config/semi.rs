//! What `gumbel train semi` takes besides the options of all models.

use super::{Extent, LabelSource, Labelling, Options, Widths, whole};
use crate::data::ImageSize;
use crate::model::semi::Shape;
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::EstimatorSpec;
use serde::{Deserialize, Serialize};

/// The options of a semi-supervised model.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SemiOptions {
    /// Training images whose label is seen, as many of each class; all images are learned from without theirs
    #[arg(long, default_value_t = 100, value_parser = whole::<usize>, value_name = "N", help_heading = "Labels")]
    pub labels: usize,
    /// Classes, K: those of the labels
    #[arg(long, default_value_t = 10, value_parser = whole::<usize>, value_name = "K", help_heading = "Labels")]
    pub classes: usize,
    /// data, or random: whatever is on the images, for timing with any number of classes
    #[arg(long, default_value_t = LabelSource::Data, value_enum, value_name = "SOURCE", help_heading = "Labels")]
    pub labels_from: LabelSource,
    /// Labelled images per step, or all of them if they are fewer
    #[arg(long, default_value_t = 100, value_parser = whole::<usize>, value_name = "N", help_heading = "Labels")]
    pub labelled_batch: usize,
    /// Weight α of −ln q(y|x) of a labelled image, where the bound of an unlabelled one weighs 1
    #[arg(long, default_value_t = 50.0, value_name = "X", help_heading = "Labels")]
    pub alpha: f64,
    /// Weight w of a labelled image's own bound
    #[arg(long, default_value_t = 0.1, value_name = "X", help_heading = "Labels")]
    pub labelled_weight: f64,
    /// Numbers of the Gaussian style, Z
    #[arg(long, default_value_t = 50, value_parser = whole::<usize>, value_name = "Z", help_heading = "Model")]
    pub style: usize,
    /// Widths of the hidden layers of the classifier and the encoder (the decoder has them in reverse)
    #[arg(long, default_value = "500", value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// Channels of 5x5 convolutions before the classifier and before the encoder, each halving the image
    #[arg(long, default_value = "none", value_name = "CHANNELS", help_heading = "Model")]
    pub convolutions: Widths,
}

impl Options for SemiOptions {
    const MODEL: &'static str = "semi";
    const TAU: Option<f64> = None;
    const WIDTHS: &'static str = "--hidden, --convolutions, --style or --classes";
    const CATEGORIES: &'static str = "--classes";

    fn latents(&self) -> (usize, usize) {
        (1, self.classes)
    }

    fn labelling(&self) -> Option<Labelling> {
        Some(Labelling {
            count: self.labels,
            classes: self.classes,
            batch: self.labelled_batch.min(self.labels),
            source: self.labels_from,
        })
    }

    fn check(&self, _choice: &EstimatorSpec) -> Result<()> {
        let Self { labels, classes, style, labelled_batch, .. } = self;
        ensure!(
            (2..=256).contains(classes),
            "--classes must be from 2 to 256, got {classes}: a label is a byte"
        );
        ensure!(
            *labels >= 1,
            "--labels must be at least 1, got 0: without labels a class has no name; use train vae"
        );
        ensure!(
            labels.is_multiple_of(*classes),
            "--labels must be a multiple of the {classes} classes, got {labels}: each has as many"
        );
        ensure!(*style >= 1, "--style must be at least 1, got 0");
        ensure!(*labelled_batch >= 1, "--labelled-batch must be at least 1, got 0");
        ensure!(
            !self.hidden.as_slice().is_empty(),
            "--hidden needs a layer, got none: class and style could not act on each other"
        );
        for (name, weight) in [("alpha", self.alpha), ("labelled-weight", self.labelled_weight)] {
            ensure!(
                weight.is_finite() && weight >= 0.0,
                "--{name} must be finite and not negative, got {weight}"
            );
        }
        Ok(())
    }

    fn extent(&self, size: ImageSize) -> Result<Extent> {
        let shape = self.shape(size);
        Ok(Extent { parameters: shape.parameters(), widest: shape.widest() })
    }
}

impl SemiOptions {
    /// The model for images of this size.
    pub fn shape(&self, size: ImageSize) -> Shape {
        Shape {
            size,
            convolutions: self.convolutions.as_slice().to_vec(),
            classes: self.classes,
            style: self.style,
            hidden: self.hidden.as_slice().to_vec(),
        }
    }
}

impl Default for SemiOptions {
    fn default() -> Self {
        super::defaults()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_a_digit_has_the_parameters_and_the_width_that_its_layers_have() {
        let extent = SemiOptions::default().extent(ImageSize { height: 28, width: 28 }).unwrap();
        let (classifier, image, class) = (785 * 500 + 501 * 10, 785 * 500, 11 * 500);
        let (encoder, decoder) = (501 * 100, 61 * 500 + 501 * 784);
        assert_eq!(extent.parameters, classifier + image + class + encoder + decoder);
        assert_eq!(extent.widest, 784);
    }
}
