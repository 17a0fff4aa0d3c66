//! Convolutions that halve an image, as feature detectors before a perceptron.

use super::mlp::drawn;
use crate::data::ImageSize;
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor, activation};
use gumbel::Noise;

/// Side of a kernel, in pixels.
const KERNEL: usize = 5;
/// Pixels from one place of a kernel to the next.
const STRIDE: usize = 2;

/// Convolutions of 5x5 pixels at every second one, each followed by a rectifier. With none, images pass as they are.
#[derive(Module, Debug, Default)]
pub struct Convolutions {
    layers: Vec<Conv2d>,
    height: usize,
    width: usize,
}

impl Convolutions {
    /// Layers with the given channels on grey images of `size`, each weight and bias uniform on ±1/√inputs.
    pub fn new(
        channels: &[usize],
        size: ImageSize,
        ids: &mut impl Iterator<Item = u64>,
        noise: &mut Noise,
        device: &Device,
    ) -> Self {
        let layers = ends(channels).map(|(inputs, outputs)| layer(inputs, outputs, ids, noise, device));
        Self { layers: layers.collect(), height: size.height, width: size.width }
    }

    /// Images `[B, P]` to features `[B, F]`.
    pub fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        if self.layers.is_empty() {
            return images;
        }
        let images = images.reshape([-1, 1, self.height as isize, self.width as isize]);
        self.layers.iter().fold(images, |x, layer| activation::relu(layer.forward(x))).flatten(1, 3)
    }
}

/// Number of values after each of the layers; the last is the number of features, F.
pub fn sizes(channels: &[usize], size: ImageSize) -> impl Iterator<Item = usize> {
    let smaller = |size: &ImageSize| {
        Some(ImageSize { height: size.height.div_ceil(STRIDE), width: size.width.div_ceil(STRIDE) })
    };
    let sizes = std::iter::successors(Some(size), smaller).skip(1);
    sizes.zip(channels).map(|(size, &channels)| size.pixels().saturating_mul(channels))
}

/// Trainable parameters, or `u64::MAX` where they cannot be counted.
pub fn parameters(channels: &[usize]) -> u64 {
    let layer = |(inputs, outputs): (usize, usize)| {
        let weights = (inputs as u64).saturating_mul((KERNEL * KERNEL) as u64);
        weights.saturating_add(1).saturating_mul(outputs as u64)
    };
    ends(channels).map(layer).fold(0, u64::saturating_add)
}

/// Input and output channels of each layer; the input of the first is grey.
fn ends(channels: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    std::iter::once(1).chain(channels.iter().copied()).zip(channels.iter().copied())
}

fn layer(
    inputs: usize,
    outputs: usize,
    ids: &mut impl Iterator<Item = u64>,
    noise: &mut Noise,
    device: &Device,
) -> Conv2d {
    let (window, around) = (inputs * KERNEL * KERNEL, KERNEL / 2);
    let weight = drawn([outputs, inputs, KERNEL, KERNEL], window, ids, noise, device);
    let bias = drawn([outputs], window, ids, noise, device);
    Conv2d {
        weight,
        bias: Some(bias),
        stride: [STRIDE; 2],
        kernel_size: [KERNEL; 2],
        dilation: [1; 2],
        groups: 1,
        padding: PaddingConfig2d::Explicit(around, around, around, around),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::numbers;

    const SIZE: ImageSize = ImageSize { height: 3, width: 4 };

    fn layers(channels: &[usize]) -> Convolutions {
        Convolutions::new(channels, SIZE, &mut (1..), &mut Noise::from_seed(3), &Device::flex())
    }

    #[test]
    fn features_and_parameters_are_as_many_as_counted() {
        assert_eq!(sizes(&[16, 32], ImageSize { height: 28, width: 28 }).collect::<Vec<_>>(), [3136, 1568]);
        let layers = layers(&[2, 3]);
        assert_eq!(parameters(&[2, 3]), layers.num_params() as u64);
        let features = layers.forward(Tensor::zeros([5, SIZE.pixels()], &Device::flex()));
        assert_eq!(Some(features.dims()[1]), sizes(&[2, 3], SIZE).last());
        assert_eq!(parameters(&[usize::MAX, 3]), u64::MAX);
    }

    /// Every second pixel sees the five by five around it, nothing where the image has ended.
    #[test]
    fn a_layer_is_the_sum_over_a_window() {
        let layers = layers(&[1]);
        let image: Vec<f32> = (0..12).map(|pixel| (pixel as f32).sin()).collect();
        let found =
            numbers(layers.forward(Tensor::<1>::from_floats(image.as_slice(), &Device::flex()).unsqueeze()));
        let (weight, bias) = (&layers.layers[0].weight, layers.layers[0].bias.as_ref().unwrap());
        let (weight, bias) = (numbers(weight.val()), numbers(bias.val())[0]);
        let at = |row: usize, column: usize| {
            let inside = (0..12).map(|pixel| (pixel, pixel / 4 + 2, pixel % 4 + 2));
            let inside =
                inside.filter(|(_, y, x)| (row..row + 5).contains(y) && (column..column + 5).contains(x));
            inside
                .map(|(pixel, y, x)| f64::from(image[pixel]) * weight[(y - row) * 5 + x - column])
                .sum::<f64>()
        };
        for (place, found) in found.iter().enumerate() {
            let expected = (at(place / 2 * 2, place % 2 * 2) + bias).max(0.0);
            assert!((found - expected).abs() < 1e-6, "{place}: {found}, not {expected}");
        }
        assert!(found.iter().filter(|&&x| x > 0.0).count() >= 2, "{found:?}");
    }

    #[test]
    fn without_layers_an_image_passes() {
        let images = Tensor::<2>::ones([2, SIZE.pixels()], &Device::flex());
        assert_eq!(layers(&[]).forward(images.clone()).into_data(), images.into_data());
    }
}
