//! The example of a vector-quantised bottleneck does what it says.

#[path = "../../examples/vq.rs"]
mod vq;

#[test]
fn the_book_is_as_good_as_that_of_k_means_and_all_of_it_is_used() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for seed in [1, 2] {
        let vq::Outcome { error, k_means, perplexity } = pool.install(|| vq::run(seed));
        assert!(error < 1.05 * k_means, "seed {seed}: error {error}, k-means {k_means}");
        assert!(perplexity > 7.5, "seed {seed}: perplexity {perplexity} of 8");
    }
}
