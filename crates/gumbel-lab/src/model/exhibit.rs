//! Images and strings that show a trained model.

use burn::tensor::Tensor;

/// Images as grey pixels, one byte each, or strings as codes; several images or strings one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exhibit {
    /// Test images, and the means decoded from one hard sample of the latents of each.
    Reconstructions {
        /// The test images.
        originals: Vec<u8>,
        /// The means.
        means: Vec<u8>,
    },
    /// Test images, and the same with a part of each drawn from the model.
    Completions {
        /// The test images.
        originals: Vec<u8>,
        /// One set for each draw.
        drawn: Vec<Vec<u8>>,
    },
    /// Images of each class in turn, those of a row in one style.
    Classes {
        /// The images.
        images: Vec<u8>,
        /// Number of classes K.
        classes: usize,
    },
    /// Images decoded from samples of the prior.
    Samples(Vec<u8>),
    /// Test strings, the likeliest symbols for one hard sample of the latents of each, and strings drawn from the model.
    Strings {
        /// Codes of the test strings.
        originals: Vec<u8>,
        /// Codes of their reconstructions.
        reconstructions: Vec<u8>,
        /// Codes of drawn strings.
        samples: Vec<u8>,
    },
}

/// Probabilities as grey pixels.
pub(crate) fn grey<const D: usize>(means: Tensor<D>) -> Vec<u8> {
    means.into_data().iter::<f32>().map(|mean| (mean * 255.0).round() as u8).collect()
}
