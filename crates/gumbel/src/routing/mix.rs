//! Dispatch to experts and back.

use super::routed::Routing;
use crate::tensor::{restored, tracked_as};
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};

/// Tokens that an expert computes together.
struct Group {
    expert: usize,
    tokens: Vec<usize>,
    /// Whether it is for the gradient of the weights alone.
    idle: bool,
}

impl Routing {
    /// Sends each expert its tokens, and adds up what the experts return with their weights.
    ///
    /// ```text
    /// yₜ = Σ over the experts e that take t of wₜₑ · fₑ(xₜ)
    /// ```
    ///
    /// `expert` is called with the index of an expert and its tokens `[n, d]`, n ≥ 1, and returns `[n, d']`. An expert
    /// without tokens is not called. A token that no expert takes becomes zero: add a residual connection around it.
    /// Gradients reach the chosen experts, their tokens and their weights.
    ///
    /// If no token is routed at all, the first expert is called with a row of zeros, for d'.
    ///
    /// # Shapes
    /// `x` `[T, d]` to `[T, d']`.
    ///
    /// # Panics
    /// If `x` does not have T rows, or an expert returns another number of rows than it was given.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::routing::{Gate, Gating, Scores, Weighting};
    /// let device = Device::flex();
    /// let scores = Scores::new(Tensor::from_floats([[1.0, 0.0], [0.0, 1.0]], &device));
    /// let routing = Gating::new(Gate::TopK(Weighting::Chosen), 1).evaluate(scores)?;
    /// let y = routing.mix(Tensor::<2>::ones([2, 1], &device), |expert, x| x * (expert + 5) as f32);
    /// assert_eq!(y.into_data().try_to_vec::<f32>().unwrap(), [5.0, 6.0]);
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    #[doc(alias = "dispatch")]
    #[doc(alias = "combine")]
    pub fn mix(&self, x: Tensor<2>, expert: impl FnMut(usize, Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        self.mixed(x, self.combine.clone(), self.busy(), expert)
    }

    /// Computes [`mix`](Self::mix) with the gradient of [`combine_dense`](Self::combine_dense): forward sparse, backward
    /// as if all experts were used.
    ///
    /// ```text
    /// ∂L/∂wₜₑ := ⟨∂L/∂yₜ, fₑ(xₜ)⟩  for every expert e that is not masked
    /// ```
    ///
    /// DenseMixer (Yao et al. 2025). An expert is called a second time with the tokens that it does not take; its parameters
    /// and those tokens have no gradient from that, so it must not fail to be finite there. Costs a forward pass of every
    /// expert for every token, and the backward pass of the chosen ones. [`Gate::Simple`](super::Gate::Simple) is exact for
    /// an objective that is linear in y only this way.
    ///
    /// # Shapes
    /// `x` `[T, d]` to `[T, d']`.
    ///
    /// # Panics
    /// Those of [`mix`](Self::mix).
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::routing::{Gate, Gating, Scores, Weighting};
    /// let device = Device::flex().autodiff();
    /// let logits = Tensor::<2>::zeros([1, 2], &device).require_grad();
    /// let routing = Gating::new(Gate::TopK(Weighting::All), 1).evaluate(Scores::new(logits.clone()))?;
    /// let y = routing.mix_dense(Tensor::<2>::ones([1, 1], &device), |expert, x| x * (expert + 5) as f32);
    /// assert_eq!(y.clone().into_scalar::<f32>(), 2.5); // half of the first expert, which is chosen
    /// let slope = logits.grad(&y.sum().backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
    /// assert_eq!(slope, [-0.25, 0.25]); // the second expert, which returns 6, is better
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    #[doc(alias = "DenseMixer")]
    pub fn mix_dense(&self, x: Tensor<2>, expert: impl FnMut(usize, Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        let mut groups = self.busy();
        groups.extend(self.groups(true, |expert| self.idle_tokens_of(expert)));
        self.mixed(x, self.combine_dense(), groups, expert)
    }

    fn busy(&self) -> Vec<Group> {
        self.groups(false, |expert| self.tokens_of(expert).to_vec())
    }

    fn groups(&self, idle: bool, tokens_of: impl Fn(usize) -> Vec<usize>) -> Vec<Group> {
        let group = |expert| Group { expert, tokens: tokens_of(expert), idle };
        (0..self.load.len()).map(group).filter(|group| !group.tokens.is_empty()).collect()
    }

    fn mixed(
        &self,
        x: Tensor<2>,
        combine: Tensor<2>,
        groups: Vec<Group>,
        mut expert: impl FnMut(usize, Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        let ([rows, width], [tokens, experts]) = (x.dims(), combine.dims());
        assert!(rows == tokens, "x has the shape {:?}, expected {tokens} rows", x.dims());
        if groups.is_empty() {
            let one = expert(0, Tensor::zeros([1, width], (&x.device(), x.dtype())));
            return Tensor::zeros([tokens, one.dims()[1]], (&one.device(), one.dtype()));
        }
        let (mut outputs, mut places, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        for group in groups {
            outputs.push(output(&x, &group, &mut expert));
            cells.extend(group.tokens.iter().map(|token| (token * experts + group.expert) as i64));
            places.extend(group.tokens.iter().map(|&token| token as i64));
        }
        let outputs = tracked_as(Tensor::cat(outputs, 0), &combine);
        let weights = combine.flatten::<1>(0, 1).select(0, indices(cells, &outputs)).unsqueeze_dim::<2>(1);
        let weighted = tracked_as(restored(weights, outputs.dtype()), &outputs) * outputs;
        let zeros = Tensor::zeros([tokens, weighted.dims()[1]], (&weighted.device(), weighted.dtype()));
        let places = indices(places, &weighted);
        zeros.select_assign(0, places, weighted, IndexingUpdateOp::Add)
    }
}

fn output(x: &Tensor<2>, group: &Group, expert: &mut impl FnMut(usize, Tensor<2>) -> Tensor<2>) -> Tensor<2> {
    let places = group.tokens.iter().map(|&token| token as i64).collect();
    let tokens = x.clone().select(0, indices(places, x));
    let given = group.tokens.len();
    let output = if group.idle {
        expert(group.expert, tokens.detach()).detach()
    } else {
        expert(group.expert, tokens)
    };
    let returned = output.dims();
    assert!(returned[0] == given, "expert {} returned {returned:?} for {given} tokens", group.expert);
    output
}

fn indices(places: Vec<i64>, like: &Tensor<2>) -> Tensor<1, Int> {
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), &like.device())
}
