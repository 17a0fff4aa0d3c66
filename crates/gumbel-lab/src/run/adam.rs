//! Adam in one pass over memory.
//!
//! Kingma and Ba 2015, algorithm 1. Burn's own `Adam` is a dozen tensor operations, each with its own result:
//! on a model of a million parameters they took a third of a training step. Here a parameter in host memory, its
//! gradient and both moments are read once, and updated where they are. State, record and every bit of the result
//! are those of Burn's `Adam`, which also takes the first step. On a GPU a parameter takes one kernel, and results differ
//! from Burn's by rounding.

use crate::support::memory::in_host_memory;
use burn::backend::Flex;
use burn::optim::{
    Adam, AdamConfig, AdamState, LearningRate, Optimizer, RecordState, StateSink, StateSource,
};
use burn::tensor::{DType, Device, Tensor};
use burn_flex::FlexTensor;
use gumbel_kernels::{AdamStep, adam_step};

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Adam with β = (0.9, 0.999), or another first, and ε = 1e-8. The parameter is updated in place if the caller keeps no
/// copy of it.
#[derive(Clone)]
pub struct FusedAdam {
    burn: Adam,
    beta_1: f32,
}

impl Default for FusedAdam {
    fn default() -> Self {
        Self::with_beta_1(BETA_1)
    }
}

impl FusedAdam {
    /// Adam with this decay β₁ of the first moment: adversarial training needs a shorter memory of the gradient.
    pub fn with_beta_1(beta_1: f32) -> Self {
        let config = AdamConfig::new().with_beta_1(beta_1).with_beta_2(BETA_2).with_epsilon(EPSILON);
        Self { burn: config.build(), beta_1 }
    }
}

/// The state of Burn's `Adam`. Read from a checkpoint, it is in host memory until its first step, which takes it to the
/// device of its parameter: Burn would read it to the machine's default device, which a run on the processor must not open.
#[derive(Clone)]
pub struct Moments<const D: usize>(AdamState<D>);

impl<const D: usize> RecordState for Moments<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        self.0.state_flatten(prefix, out);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, _default: &Device) -> Option<Self> {
        AdamState::state_unflatten(prefix, source, &Device::flex()).map(Self)
    }
}

impl Optimizer for FusedAdam {
    type State<const D: usize> = Moments<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Moments<D>>,
    ) -> (Tensor<D>, Option<Moments<D>>) {
        let (parameter, state) = match state {
            Some(Moments(state)) if fusible(&parameter) => fused(self.beta_1, lr, parameter, gradient, state),
            Some(Moments(state)) => self.elsewhere(lr, parameter, gradient, state),
            None => self.burn.step(lr, parameter, gradient, None),
        };
        (parameter, state.map(Moments))
    }

    fn to_device<const D: usize>(Moments(state): Moments<D>, device: &Device) -> Moments<D> {
        Moments(Adam::to_device(state, device))
    }
}

impl FusedAdam {
    /// On a GPU, or by Burn's operations.
    fn elsewhere<const D: usize>(
        &self,
        lr: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        mut state: AdamState<D>,
    ) -> (Tensor<D>, Option<AdamState<D>>) {
        let step = AdamStep::new(lr as f32, state.momentum.time + 1).with_beta_1(self.beta_1);
        let (m, v) = (state.momentum.moment_1.clone(), state.momentum.moment_2.clone());
        let tensors = [parameter, gradient, m, v];
        let Some([parameter, m, v]) = gumbel::adam_step_on_gpu(&tensors, step) else {
            let [parameter, gradient, ..] = tensors;
            return self.burn.step(lr, parameter, gradient, Some(state));
        };
        state.momentum.time += 1;
        (state.momentum.moment_1, state.momentum.moment_2) = (m, v);
        (parameter, Some(state))
    }
}

fn fusible<const D: usize>(tensor: &Tensor<D>) -> bool {
    in_host_memory(&tensor.device()) && tensor.dtype() == DType::F32
}

fn fused<const D: usize>(
    beta_1: f32,
    lr: LearningRate,
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    mut state: AdamState<D>,
) -> (Tensor<D>, Option<AdamState<D>>) {
    let (mut p, g) = (contiguous(parameter), contiguous(gradient));
    let (mut m, mut v) = (contiguous(state.momentum.moment_1), contiguous(state.momentum.moment_2));
    state.momentum.time += 1;
    let step = AdamStep::new(lr as f32, state.momentum.time).with_beta_1(beta_1);
    // Copies a slice first if somebody else holds it too.
    adam_step(p.storage_mut(), g.storage(), m.storage_mut(), v.storage_mut(), step);
    state.momentum.moment_1 = Tensor::from_primitive::<Flex>(m);
    state.momentum.moment_2 = Tensor::from_primitive::<Flex>(v);
    (Tensor::from_primitive::<Flex>(p), Some(state))
}

/// The tensor with its numbers in order, without gaps.
fn contiguous<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    tensor.try_into_primitive::<Flex>().expect("it is in host memory").to_contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel::Noise;

    const LENGTH: usize = 3 * 16_384 + 77;

    /// Ten steps of both from the same start; a length that no piece or vector divides.
    #[test]
    fn every_bit_is_that_of_burns_adam() {
        [BETA_1, 0.5].into_iter().for_each(same_bits);
    }

    fn same_bits(beta_1: f32) {
        let device = Device::flex();
        let mut noise = Noise::from_seed(3);
        let start: Tensor<1> = noise.logistic([LENGTH], &device);
        let fused = FusedAdam::with_beta_1(beta_1);
        let burn = fused.burn.clone();
        let (mut ours, mut theirs) = ((start.clone(), None), (start.clone(), None));
        for step in 0..10 {
            let gradient = noise.logistic([LENGTH], &device) * 10f32.powi(step - 6);
            ours = fused.step(3e-3, ours.0, gradient.clone(), ours.1);
            theirs = burn.step(3e-3, theirs.0, gradient, theirs.1);
        }
        assert_ne!(bits(&ours.0), bits(&start));
        assert_eq!(bits(&ours.0), bits(&theirs.0));
        let (ours, theirs) = (ours.1.unwrap().0.momentum, theirs.1.unwrap().momentum);
        assert_eq!(bits(&ours.moment_1), bits(&theirs.moment_1));
        assert_eq!(bits(&ours.moment_2), bits(&theirs.moment_2));
        assert_eq!((ours.time, theirs.time), (10, 10));
    }

    #[test]
    fn a_copy_that_the_caller_keeps_is_not_changed() {
        let ones = Tensor::<1>::ones([5], &Device::flex());
        let (_, state) = FusedAdam::default().step(0.1, ones.clone(), ones.clone(), None);
        let before = state.clone().unwrap().0.momentum;
        let (stepped, _) = FusedAdam::default().step(0.1, ones.clone(), ones.clone(), state);
        assert_ne!(bits(&stepped), bits(&ones));
        assert_eq!(bits(&ones), [1f32.to_bits(); 5]);
        assert_eq!(bits(&before.moment_1), [(1.0 - BETA_1).to_bits(); 5]);
    }

    fn bits(tensor: &Tensor<1>) -> Vec<u32> {
        let values = tensor.clone().into_data().try_to_vec::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    }
}
