//! Hard samples with a substituted gradient, as pure functions of the logits and the sample.
//!
//! Each returns `hard` bit for bit, as a differentiable function of the logits. Sample with
//! [`sample_one_hot`](crate::sample_one_hot) and attach a gradient; the estimator of the same name documents formula and
//! bias.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use gumbel::{Noise, sample_one_hot, straight_through};
//! let logits = Tensor::<2>::zeros([1, 2], &Device::flex().autodiff()).require_grad();
//! let hard = sample_one_hot(logits.clone(), &mut Noise::from_seed(1))?;
//! let z = straight_through::zgr(logits.clone(), hard.clone());
//! assert_eq!(z.clone().into_data(), hard.into_data());
//! let slope = logits.grad(&z.narrow(1, 1, 1).sum().backward()).unwrap().narrow(1, 1, 1).into_scalar::<f32>();
//! assert!((slope - 0.25).abs() < 1e-6); // p (1 − p)
//! # Ok::<(), gumbel::Error>(())
//! ```

pub use crate::estimator::{
    darn::darn,
    gapped::gapped,
    gumbel_rao::gumbel_rao,
    optimal_straight_through::optimal,
    reinmax::reinmax,
    reinmax_rao::reinmax_rao,
    straight_through::{identity, softmax},
    zgr::zgr,
};
