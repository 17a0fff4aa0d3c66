//! Spanning trees on tensors: limits, gradients, and what is refused. Their numbers are tested against all trees in the
//! kernels.

use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor};
use gumbel::tree::{self, Graph};
use gumbel::{Error, Noise};

const MASK: f32 = f32::NEG_INFINITY;

fn logits() -> Tensor<2> {
    let rows = [[0.3, -1.0, 2.0, 0.5, MASK, 0.0], [80.0, -80.0, 0.0, 79.0, 1.0, -5.0]];
    Tensor::from_floats(rows, &Device::flex())
}

fn complete() -> Graph {
    Graph::complete(4).expect("four nodes")
}

/// The value and the gradient of `⟨f(logits), d⟩`.
fn through<const D: usize>(
    logits: Tensor<D>,
    d: &Tensor<D>,
    f: impl Fn(Tensor<D>) -> Result<Tensor<D>, Error>,
) -> (Vec<f64>, Vec<f64>) {
    let leaf = logits.autodiff().require_grad();
    let value = f(leaf.clone()).expect("valid logits");
    let gradient = leaf.grad(&(value.clone() * d.clone().autodiff()).sum().backward()).expect("a gradient");
    (numbers(value), numbers(gradient))
}

#[test]
fn hard_and_soft_trees_agree_for_the_same_noise() {
    let (graph, d) = (complete(), Noise::from_seed(9).logistic::<2>([2, 6], &Device::flex()));
    for seed in 0..20 {
        let noise = || Noise::from_seed(seed);
        let tree = numbers(tree::gumbel_tree(&graph, logits(), &mut noise()).unwrap());
        let straight = through(logits(), &d, |l| tree::straight_through_tree(&graph, l, 0.5, &mut noise()));
        let soft = through(logits(), &d, |l| tree::relaxed_tree(&graph, l, 0.5, &mut noise()));
        assert_eq!((&straight.0, &straight.1), (&tree, &soft.1));
        assert!(tree.iter().all(|&z| z == 0.0 || z == 1.0));
        assert!(tree.chunks(6).all(|tree| tree.iter().sum::<f64>() == 3.0));
        assert!(soft.0.chunks(6).all(|soft| (soft.iter().sum::<f64>() - 3.0).abs() < 1e-5));
        assert_eq!((tree[4], soft.0[4], soft.1[4]), (0.0, 0.0, 0.0));
        for tau in [1e-5, 1e-30, 1e-300] {
            let cold = numbers(tree::relaxed_tree(&graph, logits(), tau, &mut noise()).unwrap());
            let furthest = cold.iter().zip(&tree).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(furthest < 1e-6, "seed {seed} at {tau}: {furthest}");
        }
        let warm = numbers(tree::relaxed_tree(&graph, logits(), 1e30, &mut noise()).unwrap());
        assert!(warm[6..].iter().all(|y| (y - 0.5).abs() < 1e-6), "{warm:?}"); // of all trees alike
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (graph, device) = (complete(), Device::flex());
    let start = Tensor::<1>::from_floats([0.3, -1.0, 2.0, 0.5, 0.1, 0.0], &device).cast(DType::F64);
    let d = Tensor::<1>::from_floats([1.0, -2.0, 0.5, 0.3, -0.4, 0.9], &device).cast(DType::F64);
    let forms: [&dyn Fn(Tensor<1>) -> Result<Tensor<1>, Error>; 3] = [
        &|l| tree::marginals(&graph, l),
        &|l| tree::relaxed_tree(&graph, l, 0.6, &mut Noise::from_seed(4)),
        &|l| Ok(tree::log_partition(&graph, l)?.expand([6])),
    ];
    for (form, f) in forms.into_iter().enumerate() {
        let (_, slope) = through(start.clone(), &d, f);
        for (i, slope) in slope.iter().enumerate() {
            let at = |h: f64| {
                let mut step = [0.0; 6];
                step[i] = h;
                let moved = f(start.clone() + Tensor::from_data(step, (&device, DType::F64))).unwrap();
                numbers((moved * d.clone()).sum())[0]
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((slope - difference).abs() < 1e-8, "form {form}, {i}: {slope} against {difference}");
        }
    }
}

#[test]
fn two_nodes_and_two_edges_are_a_categorical_variable() {
    let graph = Graph::new(2, vec![[0, 1], [1, 0]]).unwrap();
    let logits = Tensor::<1>::from_floats([0.4, -1.1], &Device::flex());
    let noise = || Noise::from_seed(3);
    let soft = numbers(tree::relaxed_tree(&graph, logits.clone(), 0.7, &mut noise()).unwrap());
    let categorical = numbers(gumbel::gumbel_softmax(logits.clone(), 0.7, &mut noise()).unwrap());
    assert!(soft.iter().zip(&categorical).all(|(a, b)| (a - b).abs() < 1e-6), "{soft:?}, {categorical:?}");
    let hard = numbers(tree::gumbel_tree(&graph, logits.clone(), &mut noise()).unwrap());
    assert_eq!(hard, numbers(gumbel::sample_one_hot(logits, &mut noise()).unwrap()));
}

#[test]
fn the_masses_of_all_trees_sum_to_one() {
    let (graph, mut total) = (complete(), 0.0);
    for set in 0..64u32 {
        let z: Vec<f32> = (0..6).map(|edge| (set >> edge & 1) as f32).collect();
        let z = Tensor::<1>::from_floats(z.as_slice(), &Device::flex());
        let weights = z.clone() * 100.0;
        // A set of edges is a tree if it is the heaviest once its own weights are raised.
        let is_tree = numbers(tree::max_spanning_tree(&graph, weights).unwrap()) == numbers(z.clone());
        let row = logits().slice([0..1, 0..6]).squeeze_dim::<1>(0);
        let mass = numbers(tree::log_prob(&graph, row, z).unwrap())[0].exp();
        total += if is_tree { mass } else { 0.0 };
    }
    assert!((total - 1.0).abs() < 1e-5, "{total}");
}

#[test]
fn every_float_type_is_served() {
    let graph = complete();
    for dtype in [DType::F64, DType::F16, DType::BF16] {
        let typed = logits().cast(dtype);
        let d = Tensor::<2>::ones([2, 6], &Device::flex()).cast(dtype);
        let form = |l| tree::straight_through_tree(&graph, l, 0.5, &mut Noise::from_seed(2));
        assert_eq!(form(typed.clone()).unwrap().dtype(), dtype);
        let (tree, gradient) = through(typed, &d, form);
        assert_eq!(tree.iter().sum::<f64>(), 6.0);
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-3), "{gradient:?}"); // the sum is always three
    }
}

#[test]
fn a_mistake_is_an_error_that_names_it() {
    let (graph, mut noise) = (complete(), Noise::from_seed(1));
    let row = |row: [f32; 6]| Tensor::<2>::from_floats([row], &Device::flex());
    let message = |result: Result<Tensor<2>, Error>| result.unwrap_err().to_string();
    let apart = row([MASK, MASK, MASK, 0.0, 0.0, 0.0]);
    let disconnected = "row 0 has no spanning tree: its unmasked edges do not reach every node; unmask more";
    assert_eq!(message(tree::marginals(&graph, apart.clone())), disconnected);
    assert_eq!(message(tree::max_spanning_tree(&graph, apart.clone())), disconnected);
    assert_eq!(message(tree::relaxed_tree(&graph, apart.clone(), 1.0, &mut noise)), disconnected);
    assert_eq!(message(tree::straight_through_tree(&graph, apart, 1.0, &mut noise)), disconnected);
    for unfit in [f32::NAN, f32::INFINITY] {
        let unfit_row = row([0.0, 0.0, unfit, 0.0, 0.0, 0.0]);
        let message = message(tree::relaxed_tree(&graph, unfit_row, 1.0, &mut noise));
        assert!(message.contains(&format!("row 0, column 2 is {unfit}")), "{message}");
    }
    for tau in [0.0, f64::NAN] {
        let message = message(tree::straight_through_tree(&graph, logits(), tau, &mut noise));
        assert!(message.contains(&format!("got {tau}")), "{message}");
    }
}

#[test]
#[should_panic(expected = "logits of shape [5] for 6 edges")]
fn logits_must_be_as_many_as_edges() {
    let _ = tree::marginals(&complete(), Tensor::<1>::zeros([5], &Device::flex()));
}
