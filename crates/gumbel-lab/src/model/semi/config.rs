//! The hyperparameters of a semi-supervised model.

use crate::data::ImageSize;
use crate::data::labelled::{LabelSource, Labelling};
use crate::model::config::linear_parameters;
use crate::model::{ModelConfig, Quantity, Size, Widths, convolutions};
use crate::support::options::{count, defaults};
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::EstimatorSpec;
use serde::{Deserialize, Serialize};

/// The hyperparameters of a semi-supervised model.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SemiConfig {
    /// Number of training images with a label, the same for each class; all images are also used without their labels
    #[arg(long, default_value_t = 100, value_parser = count::<usize>, value_name = "N", help_heading = "Labels")]
    pub labels: usize,
    /// Number of classes of the labels (K), from 2 to 256
    #[arg(long, default_value_t = 10, value_parser = count::<usize>, value_name = "K", help_heading = "Labels")]
    pub classes: usize,
    /// Source of the labels: data, or random (independent of the images, for timing with any number of classes)
    #[arg(long, default_value_t = LabelSource::Data, value_enum, value_name = "SOURCE", help_heading = "Labels")]
    pub labels_from: LabelSource,
    /// Number of labelled images per step; all of them if there are fewer
    #[arg(long, default_value_t = 100, value_parser = count::<usize>, value_name = "N", help_heading = "Labels")]
    pub labelled_batch: usize,
    /// Weight of −ln q(y|x) of a labelled image (α), at least 0; the bound of an unlabelled image has weight 1
    #[arg(long, default_value_t = 50.0, value_name = "X", help_heading = "Labels")]
    pub alpha: f64,
    /// Weight of the bound of a labelled image (w), at least 0
    #[arg(long, default_value_t = 0.1, value_name = "X", help_heading = "Labels")]
    pub labelled_weight: f64,
    /// Dimension of the Gaussian style (Z)
    #[arg(long, default_value_t = 50, value_parser = count::<usize>, value_name = "Z", help_heading = "Model")]
    pub style: usize,
    /// Widths of the hidden layers of the classifier and the encoder (the decoder has them in reverse)
    #[arg(long, default_value = "500", value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// Channels of 5x5 convolutions before the classifier and before the encoder, each of which halves the image
    #[arg(long, default_value = "none", value_name = "CHANNELS", help_heading = "Model")]
    pub convolutions: Widths,
}

impl ModelConfig for SemiConfig {
    const NAME: &'static str = "semi";
    const ABOUT: &'static str = "A semi-supervised model of binary images: a discrete class, known for a few of them, and a Gaussian style";
    const EXAMPLES: &'static str = "Examples:
  gumbel train semi                                         the built-in digits, 100 labels
  gumbel train semi --data mnist --lr-warmup 100            MNIST, a learning rate that starts low
  gumbel train semi --estimator exact                       the class marginalised, not sampled
  gumbel train semi --estimator straight-through-gumbel     hard samples of it
  gumbel train semi --labels 1000 --seed 3                  more labels, another choice of them
  gumbel train semi --classes 100 --labels-from random      100 meaningless classes, for timing
  gumbel generate runs/semi-1                               each class in turn, a style per row

The hard negative ELBO of unlabelled test images sums over the classes, with one style for each.";
    const WIDTHS: &'static str = "--hidden, --convolutions, --style or --classes";
    const CATEGORIES: &'static str = "--classes";
    const QUANTITY: Quantity = Quantity::NegativeElboSummed;

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
            "--labels must be at least 1, got 0: without labels, classes have no names; use train vae"
        );
        ensure!(
            labels.is_multiple_of(*classes),
            "--labels must be a multiple of the {classes} classes, got {labels}: each class has the same number"
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

    fn size(&self, image: ImageSize) -> Result<Size> {
        let Networks { classifier, image: pixels, class, encoder, decoder } = self.networks(image);
        let networks = [&classifier, &pixels, &class, &encoder, &decoder];
        let wide = |widths: &[usize]| widths.iter().map(|&width| width as u64).collect::<Vec<_>>();
        let count = |widths: &&Vec<usize>| linear_parameters(&wide(widths));
        let features = convolutions::parameters(self.convolutions.as_slice()).saturating_mul(2);
        let parameters = networks.iter().map(count).fold(features, u64::saturating_add);
        let ends = [classifier, encoder, decoder].concat().into_iter();
        let widest = ends.chain(convolutions::sizes(self.convolutions.as_slice(), image)).max();
        Ok(Size { parameters, widest: widest.unwrap_or(0) as u64 })
    }

    fn describe(&self) -> String {
        let Self { labels, classes, style, convolutions, .. } = self;
        let behind = match convolutions.as_slice() {
            [] => String::new(),
            _ => format!(", behind convolutions of {convolutions} channels"),
        };
        format!("{classes} classes from {labels} labels and a style of {style} numbers{behind}")
    }

    fn title(data: &str) -> String {
        format!("Classes and styles of {data}")
    }

    fn divergence(&self) -> Option<String> {
        let words = "the KL divergence of the style’s Gaussian from the standard normal, and of the class’s distribution \
                     from the uniform one, both in closed form";
        Some(words.into())
    }
}

/// The widths of a model's networks, each from its inputs to its outputs.
pub(super) struct Networks {
    pub(super) classifier: Vec<usize>,
    pub(super) image: Vec<usize>,
    pub(super) class: Vec<usize>,
    pub(super) encoder: Vec<usize>,
    pub(super) decoder: Vec<usize>,
}

impl SemiConfig {
    /// The networks for images of this size.
    pub(super) fn networks(&self, image: ImageSize) -> Networks {
        let (classes, hidden) = (self.classes, self.hidden.as_slice());
        let sizes = convolutions::sizes(self.convolutions.as_slice(), image);
        let features = sizes.last().unwrap_or(image.pixels());
        let code = classes.saturating_add(self.style);
        let backwards = hidden.iter().rev().copied();
        Networks {
            classifier: [&[features], hidden, &[classes]].concat(),
            image: vec![features, hidden[0]],
            class: vec![classes, hidden[0]],
            encoder: [hidden, &[self.style.saturating_mul(2)]].concat(),
            decoder: [code].into_iter().chain(backwards).chain([image.pixels()]).collect(),
        }
    }
}

impl Default for SemiConfig {
    fn default() -> Self {
        defaults()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_a_digit_has_the_parameters_and_the_width_that_its_layers_have() {
        let size = SemiConfig::default().size(ImageSize { height: 28, width: 28 }).unwrap();
        let (classifier, image, class) = (785 * 500 + 501 * 10, 785 * 500, 11 * 500);
        let (encoder, decoder) = (501 * 100, 61 * 500 + 501 * 784);
        assert_eq!(size.parameters, classifier + image + class + encoder + decoder);
        assert_eq!(size.widest, 784);
    }
}
