//! Times what a training step sends: `mpirun -n 4 communication [PARAMETERS]`. Each process has one shard. Prints a line of
//! CSV: processes, bytes of the gradient, and the median microseconds of a sum in order and of an agreement.

use anyhow::Result;
use gumbel_lab::parallel::{all, join};
use std::time::Instant;

const TIMES: usize = 51;

fn main() -> Result<()> {
    let parameters: usize = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let world = join()?;
    let sum = median(|| {
        let shard = vec![vec![1.0; parameters]];
        let started = Instant::now();
        world.sum_in_order(vec![shard], world.size());
        started.elapsed().as_secs_f64()
    });
    let agreement = median(|| {
        let started = Instant::now();
        let agreed = all(world.as_ref(), Ok(true));
        assert!(matches!(agreed, Ok(true)));
        started.elapsed().as_secs_f64()
    });
    if world.rank() == 0 {
        println!("{},{},{:.1},{:.1}", world.size(), 4 * parameters, sum * 1e6, agreement * 1e6);
    }
    Ok(())
}

fn median(mut time: impl FnMut() -> f64) -> f64 {
    let mut times: Vec<f64> = (0..TIMES).map(|_| time()).collect();
    times.sort_by(f64::total_cmp);
    times[TIMES / 2]
}
