//! A model that follows another: the running average of its parameters.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Moves the parameters w̄ of `average` towards those of `model`, of the same shape: `w̄ ← d w̄ + (1 − d) w`.
///
/// The players of a game circle around an equilibrium; the average of their parameters is closer to it (Yazıcı et al.
/// 2019).
pub fn follow<M: Module>(average: M, model: &M, decay: f64) -> M {
    let mut weights = Weights::default();
    model.visit(&mut weights);
    average.map(&mut Follow { weights: weights.flat.into_iter(), decay })
}

/// All parameters as flat rows, without gradients.
#[derive(Default)]
struct Weights {
    flat: Vec<Tensor<1>>,
}

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.flat.push(plain(param.val()).flatten(0, D - 1));
    }
}

struct Follow {
    weights: std::vec::IntoIter<Tensor<1>>,
    decay: f64,
}

impl ModuleMapper for Follow {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let weight = self.weights.next().expect("models of one shape");
        param.map(|old| {
            let (shape, tracked) = (old.dims(), old.is_autodiff());
            let new = plain(old) * self.decay + weight.reshape(shape) * (1.0 - self.decay);
            if tracked { Tensor::from_inner(new) } else { new }
        })
    }
}

fn plain<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if tensor.is_autodiff() { tensor.inner() } else { tensor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Mlp;
    use burn::tensor::Device;
    use gumbel::Noise;

    #[test]
    fn a_quarter_of_the_way_is_a_quarter_of_the_way() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let model = |seed| Mlp::new(&[2, 3, 1], &mut (1..), &mut Noise::from_seed(seed), &device);
            let (from, to) = (model(1), model(2));
            let x = Tensor::<2>::zeros([1, 2], &device);
            let numbers = |model: &Mlp| -> Vec<f32> {
                let mut weights = Weights::default();
                model.visit(&mut weights);
                weights
                    .flat
                    .into_iter()
                    .flat_map(|flat| flat.into_data().try_to_vec::<f32>().unwrap())
                    .collect()
            };
            let moved = follow(from.clone(), &to, 0.75);
            for ((new, from), to) in numbers(&moved).iter().zip(numbers(&from)).zip(numbers(&to)) {
                assert!((new - (0.75 * from + 0.25 * to)).abs() < 1e-6);
            }
            let copy = follow(from, &to, 0.0).forward(x.clone());
            assert_eq!(copy.into_data(), to.forward(x).into_data());
        }
    }
}
