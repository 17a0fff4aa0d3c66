//! One-hot forward, soft backward: the bias of the mismatch.

use super::trade_off::{bias, whole};
use super::{Claim, ClaimRow, Differs, Figure, Finding, Sampling, Within};
use crate::measure::Case;
use crate::measure::problem::{Problem, ProblemKind};
use crate::page::{LineChart, Series};
use crate::support::stats::Mean;
use anyhow::Result;
use burn::tensor::{Device, Tensor};
use gumbel::{Noise, gumbel_softmax, sample_one_hot, straight_through_gumbel_softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "straight-through",
    title: "Straight-through Gumbel-Softmax is one-hot in the forward pass, soft in the backward pass, and biased",
    compute,
};

const TAUS: [f64; 3] = [0.2, 0.5, 1.0];
const ROWS: usize = 1000;

fn compute(sampling: &Sampling) -> Result<Finding> {
    let case = Case::new(Problem::new(ProblemKind::Mlp, 2, 3)?);
    let measured = ["straight-through-gumbel", "gumbel-softmax"].iter().zip(0..).map(|(name, i)| {
        let at = |(j, tau): (u64, &f64)| {
            let stream = sampling.stream.split(10 * i + j);
            Ok(bias(&whole(&case, &format!("{name}:tau={tau}"), sampling.fewer(), stream)?))
        };
        (0..).zip(&TAUS).map(at).collect::<Result<Vec<Mean>>>()
    });
    let measured = measured.collect::<Result<Vec<_>>>()?;
    let mut rows = vec![forward_row(sampling)?, backward_row(sampling)?];
    rows.extend(TAUS.iter().zip(&measured[0]).map(|(tau, mean)| {
        let row = ClaimRow::mean("bias, straight-through", format!("mlp of 2 latents, τ = {tau}"), *mean);
        row.expect(Differs, 0.0, "exact enumeration")
    }));
    rows.extend(TAUS.iter().zip(&measured[1]).map(|(tau, mean)| {
        ClaimRow::mean("bias, Gumbel-Softmax", format!("mlp of 2 latents, τ = {tau}"), *mean)
    }));
    let text = format!(
        "In the forward pass it is bit for bit the one-hot sample of the same noise, and for a linear f its gradient is bit \
         for bit that of the soft sample. For any other f it evaluates the gradient of f at a different point. Its bias on \
         a small network is {:.4} at τ = 0.2, {:.4} at 0.5 and {:.4} at 1; that of the soft sample is {:.4}, {:.4} and \
         {:.4}.",
        measured[0][0].value,
        measured[0][1].value,
        measured[0][2].value,
        measured[1][0].value,
        measured[1][1].value,
        measured[1][2].value
    );
    Ok(Finding { text, figures: vec![figure(&measured)], rows })
}

fn logits(noise: &mut Noise) -> Tensor<2> {
    noise.logistic([ROWS, 5], &Device::flex())
}

/// Number of entries that differ between the straight-through sample and the hard one.
fn forward_row(sampling: &Sampling) -> Result<ClaimRow> {
    let mut noise = Noise::from_seed(u64::from(sampling.stream.split(50).word(0)));
    let logits = logits(&mut noise);
    let hard = sample_one_hot(logits.clone(), &mut noise.clone())?;
    let forward = straight_through_gumbel_softmax(logits, 0.5, &mut noise)?;
    let differ = hard.not_equal(forward).int().sum().into_scalar::<i64>() as f64;
    let row =
        ClaimRow::exact("entries that differ from the one-hot sample", format!("{ROWS} rows of 5"), differ);
    Ok(row.expect(Within(0.0), 0.0, "same noise"))
}

/// The largest difference of the gradients of a linear f.
fn backward_row(sampling: &Sampling) -> Result<ClaimRow> {
    let mut noise = Noise::from_seed(u64::from(sampling.stream.split(51).word(0)));
    let (logits, costs) = (logits(&mut noise), logits(&mut noise.clone().split(1)));
    let gradient =
        |sample: fn(Tensor<2>, f64, &mut Noise) -> Result<Tensor<2>, gumbel::Error>| -> Result<Tensor<2>> {
            let leaf = logits.clone().autodiff().require_grad();
            let cost = sample(leaf.clone(), 0.5, &mut noise.clone())? * costs.clone().autodiff();
            Ok(leaf.grad(&cost.sum().backward()).expect("it is a leaf"))
        };
    let apart = gradient(straight_through_gumbel_softmax)? - gradient(gumbel_softmax)?;
    let apart = apart.abs().max().into_scalar::<f32>();
    let row = ClaimRow::exact("largest difference of the gradients, linear f", "same noise", apart.into());
    Ok(row.expect(Within(0.0), 0.0, "soft backward"))
}

fn figure(measured: &[Vec<Mean>]) -> Figure {
    let curve = |name: &str, means: &[Mean]| {
        Series::new(name, TAUS.iter().zip(means).map(|(tau, mean)| (*tau, mean.value)))
    };
    let title = "Bias of straight-through and of the soft sample";
    let series = [curve("straight-through", &measured[0]), curve("soft", &measured[1])];
    let chart = LineChart::new(title, "temperature τ", "bias of the gradient", series).log_x();
    let caption = "Length of the mean error of the gradient, relative to exact enumeration.";
    Figure::new("straight-through", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_kernels::Stream;

    #[test]
    fn forward_is_hard_and_backward_is_soft() {
        let sampling = Sampling { stream: Stream::new(3), samples: 100_000 };
        assert!(forward_row(&sampling).unwrap().holds() && backward_row(&sampling).unwrap().holds());
    }
}
