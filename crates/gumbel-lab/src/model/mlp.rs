//! A multilayer perceptron, initialised from explicit noise.

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation};
use gumbel::Noise;

/// Linear layers with rectifiers between them (none after the last).
#[derive(Module, Debug, Default)]
pub struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    /// Layers of the given widths, `[inputs, hidden.., outputs]`, each weight and bias uniform on
    /// ±1/√inputs. The parameters take their identity from `ids`, so that saved optimiser state finds them.
    pub fn new(
        widths: &[usize],
        ids: &mut impl Iterator<Item = u64>,
        noise: &mut Noise,
        device: &Device,
    ) -> Self {
        let layers = widths.windows(2).map(|pair| linear(pair[0], pair[1], ids, noise, device)).collect();
        Self { layers }
    }

    /// `[.., inputs]` to `[.., outputs]`.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let (last, hidden) = self.layers.split_last().expect("at least one layer");
        let input = hidden.iter().fold(input, |x, layer| activation::relu(layer.forward(x)));
        last.forward(input)
    }

    /// The device of its parameters.
    pub(super) fn device(&self) -> Device {
        self.layers[0].weight.val().device()
    }

    /// The bias of the last layer.
    #[cfg(test)]
    pub(crate) fn output_bias(&self) -> Tensor<1> {
        let last = self.layers.last().expect("at least one layer");
        last.bias.as_ref().expect("layers have a bias").val()
    }

    /// Replaces the bias of the last layer.
    #[must_use]
    pub fn with_output_bias(mut self, bias: Tensor<1>) -> Self {
        let last = self.layers.last_mut().expect("at least one layer");
        let id = last.bias.as_ref().expect("layers have a bias").id;
        last.bias = Some(trainable(id, bias));
        self
    }
}

/// A linear layer, each weight and bias uniform on ±1/√inputs.
pub(super) fn linear(
    inputs: usize,
    outputs: usize,
    ids: &mut impl Iterator<Item = u64>,
    noise: &mut Noise,
    device: &Device,
) -> Linear {
    let weight = drawn([inputs, outputs], inputs, ids, noise, device);
    let bias = drawn([outputs], inputs, ids, noise, device);
    Linear { weight, bias: Some(bias) }
}

/// A parameter that is uniform on ±1/√inputs at first.
pub(super) fn drawn<const D: usize>(
    shape: [usize; D],
    inputs: usize,
    ids: &mut impl Iterator<Item = u64>,
    noise: &mut Noise,
    device: &Device,
) -> Param<Tensor<D>> {
    let bound = 1.0 / (inputs as f64).sqrt();
    trainable(next_id(ids), (noise.uniform(shape, device) * 2.0 - 1.0) * bound)
}

/// The identity of the next parameter.
pub(super) fn next_id(ids: &mut impl Iterator<Item = u64>) -> ParamId {
    ParamId::from(ids.next().expect("ids do not end"))
}

/// A parameter with a chosen identity; it requires a gradient where the device can give one.
pub(super) fn trainable<const D: usize>(id: ParamId, value: Tensor<D>) -> Param<Tensor<D>> {
    let value = if value.is_autodiff() { value.detach().require_grad() } else { value };
    Param::initialized(id, value)
}
