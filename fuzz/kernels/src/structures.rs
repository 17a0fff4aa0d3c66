//! Subsets, permutations and spanning trees.

use crate::message;
use crate::numbers::{Logits, coldest, cotangent, no_nan, number, numbers, stream, temperature, within};
use arbitrary::{Result, Unstructured};
use gumbel_kernels::subset::{self, relaxed_top_k, relaxed_top_k_vjp};
use gumbel_kernels::tree::{self, Graph};
use gumbel_kernels::{Real, assignment, log_sinkhorn, log_sinkhorn_vjp};

/// The largest logit: beyond, differences of probabilities are all rounding.
const LIMIT: f64 = 1e6;

/// The least temperature: a gradient through several steps is in proportion to powers of its reciprocal.
const COLD: f64 = 1e-3;

pub fn structures(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let _ = match data.int_in_range(0..=5u8) {
        Ok(0) => subsets::<f32>(&mut data),
        Ok(1) => subsets::<f64>(&mut data),
        Ok(2) => permutations::<f32>(&mut data),
        Ok(3) => permutations::<f64>(&mut data),
        Ok(4) => trees::<f32>(&mut data),
        _ => trees::<f64>(&mut data),
    };
}

fn subsets<T: Real>(data: &mut Unstructured) -> Result<()> {
    let logits = Logits::<T>::new(data, 40, LIMIT)?;
    let Logits { values, k, rows } = &logits;
    let (k, count, stream) = (*k, data.int_in_range(0..=*k)?, stream(data)?);
    let (mut total, mut out) = (vec![T::nan(); *rows], vec![T::nan(); values.len()]);
    let done = subset::log_partition(values, k, count, &mut total);
    let valid = count > 0 && logits.unmasked().all(|open| open >= count);
    assert!(done.is_ok() == valid || *rows == 0, "{done:?}");
    if message::ok(done).is_none() {
        return Ok(());
    }
    no_nan("subset::log_partition", &total);
    subset::marginals(values, k, count, &mut out).expect("as before");
    within("subset::marginals", &out, 0.0, 1.0 + 1e-6);
    let d = numbers::<T>(data, values.len(), cotangent::<T>())?;
    subset::marginals_vjp(values, &d, k, count, &mut out).expect("as before");
    no_nan("subset::marginals_vjp", &out);
    let mut members = vec![u32::MAX; rows * count];
    subset::sample(values, k, count, stream, &mut members).expect("as before");
    for (row, members) in values.chunks(k).zip(members.chunks(count.max(1))) {
        assert!(members.windows(2).all(|pair| pair[0] < pair[1]), "{members:?}");
        assert!(members.iter().all(|&member| row[member as usize] > T::neg_infinity()), "{members:?}");
    }
    let tau = temperature::<f64>(data, coldest::<f64>())?;
    relaxed_top_k(values, k, count, tau, stream, &mut out).expect("as before");
    within(&format!("relaxed_top_k, tau {tau}"), &out, 0.0, count as f64 + 1e-6);
    relaxed_top_k_vjp(values, &d, k, count, tau, stream, &mut out).expect("as before");
    no_nan(&format!("relaxed_top_k_vjp, tau {tau}"), &out);
    Ok(())
}

fn permutations<T: Real>(data: &mut Unstructured) -> Result<()> {
    let (n, matrices) = (data.int_in_range(1..=6usize)?, data.int_in_range(0..=2usize)?);
    let mut logits = numbers::<T>(data, matrices * n * n, LIMIT)?;
    for logit in &mut logits {
        if data.ratio(1, 10)? {
            *logit = T::neg_infinity();
        }
    }
    let mut chosen = vec![u32::MAX; matrices * n];
    let best = assignment(&logits, n, &mut chosen);
    let (tau, iterations) = (temperature::<T>(data, COLD)?, data.int_in_range(0..=20)?);
    let mut out = vec![T::nan(); logits.len()];
    let done = log_sinkhorn(&logits, n, tau, iterations, 0.0, &mut out);
    assert!(done.is_ok() == (best.is_ok() && iterations > 0) || matrices == 0, "{done:?}, {best:?}");
    if message::ok(best).is_some() {
        for (row, chosen) in chosen.chunks_mut(n).enumerate() {
            let allowed =
                |(i, &j): (usize, &u32)| logits[row * n * n + i * n + j as usize] > T::neg_infinity();
            assert!(chosen.iter().enumerate().all(allowed), "{chosen:?}");
            chosen.sort_unstable();
            assert!(chosen.iter().enumerate().all(|(i, &j)| i == j as usize), "{chosen:?}");
        }
    }
    if message::ok(done).is_some() {
        within(&format!("log_sinkhorn, tau {tau}"), &out, f64::NEG_INFINITY, 1e-4);
        let d = numbers::<T>(data, logits.len(), cotangent::<T>())?;
        log_sinkhorn_vjp(&logits, &d, n, tau, iterations, 0.0, &mut out).expect("as before");
        no_nan(&format!("log_sinkhorn_vjp, tau {tau}, {iterations} iterations"), &out);
    }
    Ok(())
}

fn trees<T: Real>(data: &mut Unstructured) -> Result<()> {
    let nodes = data.int_in_range(0..=6usize)?;
    let ends = |data: &mut Unstructured| Ok([data.int_in_range(0..=nodes)?, data.int_in_range(0..=nodes)?]);
    let any = (0..data.int_in_range(0..=9)?).map(|_| ends(data)).collect::<Result<Vec<_>>>()?;
    let graph = if data.ratio(3, 4)? { Graph::complete(nodes) } else { Graph::new(nodes, any) };
    let Some(graph) = message::ok(graph) else { return Ok(()) };
    let (edges, rows) = (graph.edges().len(), data.int_in_range(0..=2usize)?);
    let mut logits = numbers::<T>(data, rows * edges, LIMIT)?;
    for logit in &mut logits {
        if data.ratio(1, 8)? {
            *logit = T::neg_infinity();
        }
    }
    let (mut total, mut out) = (vec![T::nan(); rows], vec![T::nan(); logits.len()]);
    let best = tree::max_spanning_tree(&logits, &graph, &mut out);
    let done = tree::log_partition(&logits, &graph, &mut total);
    assert_eq!(done, best);
    if message::ok(done).is_none() {
        return Ok(());
    }
    let edges_of = |row: &[T]| row.iter().filter(|&&edge| edge == T::one()).count();
    assert!(out.chunks(edges).all(|row| edges_of(row) == graph.nodes() - 1), "{out:?}");
    no_nan("tree::log_partition", &total);
    tree::marginals(&logits, &graph, &mut out).expect("as before");
    for (row, logits) in out.chunks(edges).zip(logits.chunks(edges)) {
        let sum: f64 = row.iter().map(|&mean| mean.into()).sum();
        let expected = (graph.nodes() - 1) as f64;
        assert!((sum - expected).abs() < 1e-3, "marginals that sum to {sum}, not {expected}, of {logits:?}");
    }
    let limit = number::<T>(data, 1e3)?.abs().into();
    let d = numbers::<T>(data, logits.len(), limit)?;
    tree::marginals_vjp(&logits, &d, &graph, &mut out).expect("as before");
    no_nan("tree::marginals_vjp", &out);
    Ok(())
}
