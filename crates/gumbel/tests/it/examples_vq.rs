//! The example of discrete bottlenecks does what it says.

#[path = "../../examples/vq.rs"]
mod vq;

/// The most that the error of each may be, in errors of k-means.
const MOST: [(&str, f64); 8] = [
    ("vector", 1.1),
    ("vector, rotation", 3.0),
    ("residual", 1.6),
    ("product", 1.4),
    ("SimVQ", 2.2),
    ("finite scalar", 1.5),
    ("binary spherical", 2.2),
    ("Gumbel", 1.5),
];

#[test]
fn bottlenecks_come_near_k_means_and_use_their_codes() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for seed in [1, 2] {
        let outcome = pool.install(|| vq::run(seed)).expect("valid");
        assert_eq!(outcome.rows.len(), MOST.len());
        for (vq::Row { name, error, perplexity }, (expected, most)) in outcome.rows.into_iter().zip(MOST) {
            let ratio = error / outcome.k_means;
            assert_eq!(name, expected);
            assert!((0.97..most).contains(&ratio), "seed {seed}, {name}: {ratio} times the error of k-means");
            let least = if name == "vector" { 13.0 } else { 5.0 };
            assert!(perplexity > least, "seed {seed}, {name}: perplexity {perplexity} of 16");
        }
    }
}
