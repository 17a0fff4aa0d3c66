//! Gradients as numbers, which shards and processes add up.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

/// The gradients of a module's parameters in pieces: 1 for each parameter that has one and 0 for the others, then the
/// numbers of each, zeros where it has none.
pub fn pieces<M: Module>(module: &M, gradients: GradientsParams) -> Vec<Vec<f32>> {
    let mut taken = Taken { gradients, present: Vec::new(), pieces: Vec::new() };
    module.visit(&mut taken);
    // Moved, not copied: a megabyte takes as long as some layers.
    taken.pieces.insert(0, taken.present);
    taken.pieces
}

/// The gradients that [`pieces`] were made of, or those of a sum of several.
pub fn gradients<M: Module>(module: &M, pieces: Vec<Vec<f32>>) -> GradientsParams {
    let mut pieces = pieces.into_iter();
    let present = pieces.next().expect("it has a piece for the parameters").into_iter();
    let mut given = Given { present, pieces, gradients: GradientsParams::new() };
    module.visit(&mut given);
    given.gradients
}

/// The part of a loss that a shard adds to that of a batch; the whole of it as it is, to the last bit.
pub fn weighted(loss: Tensor<1>, share: f64) -> Tensor<1> {
    if share == 1.0 { loss } else { loss * share }
}

struct Taken {
    gradients: GradientsParams,
    present: Vec<f32>,
    pieces: Vec<Vec<f32>>,
}

impl ModuleVisitor for Taken {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let gradient = self.gradients.remove::<D>(parameter.id);
        self.present.push(f32::from(u8::from(gradient.is_some())));
        self.pieces.push(match gradient {
            Some(gradient) => {
                gradient.into_data().try_into_vec().expect("parameters are of single precision")
            }
            None => vec![0.0; parameter.shape().num_elements()],
        });
    }
}

struct Given<P> {
    present: std::vec::IntoIter<f32>,
    pieces: P,
    gradients: GradientsParams,
}

impl<P: Iterator<Item = Vec<f32>>> ModuleVisitor for Given<P> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let present = self.present.next().expect("one for each parameter") > 0.0;
        let piece = self.pieces.next().expect("one for each parameter");
        if present {
            let (shape, device) = (parameter.shape(), parameter.lazy_device().inner());
            self.gradients
                .register(parameter.id, Tensor::<D>::from_data(TensorData::new(piece, shape), &device));
        }
    }
}
