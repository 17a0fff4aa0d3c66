//! The networks between a layer of latents and the one above it.

use crate::model::Mlp;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;

/// The networks between a layer of latents and the one above it.
#[derive(Module, Debug, Default)]
pub struct Level {
    /// q(z_{l+1}|z_l)
    pub(super) encoder: Mlp,
    /// p(z_l|z_{l+1})
    pub(super) decoder: Mlp,
}

impl Level {
    /// Between two layers of `code` numbers, D · K; the decoder has the hidden layers in reverse.
    pub(super) fn new(
        hidden: &[usize],
        code: usize,
        ids: &mut impl Iterator<Item = u64>,
        noise: &mut Noise,
        device: &Device,
    ) -> Self {
        let widths = [&[code], hidden, &[code]].concat();
        let backwards: Vec<usize> = widths.iter().rev().copied().collect();
        let encoder = Mlp::new(&widths, ids, noise, device);
        Self { encoder, decoder: Mlp::new(&backwards, ids, noise, device) }
    }

    /// Latents to the logits of the layer above, q(z_{l+1}|z_l), `[S, B, D, K]` both.
    pub fn up(&self, z: Tensor<4>) -> Tensor<4> {
        through(&self.encoder, z)
    }

    /// Latents to the logits of the layer below, p(z_l|z_{l+1}), `[S, B, D, K]` both.
    pub fn down(&self, z: Tensor<4>) -> Tensor<4> {
        through(&self.decoder, z)
    }
}

fn through(mlp: &Mlp, z: Tensor<4>) -> Tensor<4> {
    let shape @ [samples, rows, latents, categories] = z.dims();
    mlp.forward(z.reshape([samples, rows, latents * categories])).reshape(shape)
}
