//! The example of a policy that writes brackets does what it says.

#[path = "../../examples/grammar.rs"]
mod grammar;

use grammar::{METHODS, Method, Outcome};

#[test]
fn every_estimate_teaches_the_policy_to_write_balanced_brackets() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for method in METHODS {
        let Outcome { right, reward } = pool.install(|| grammar::run(method, 1)).expect("it trains");
        // 99 % or more of the strings are right here; a prompt on which the policy settles wrongly costs 20 %.
        let learned = method != Method::Untrained;
        assert!(
            if learned { right > 0.55 } else { right < 0.1 },
            "{method:?}: {right} are right, reward {reward}"
        );
    }
}
