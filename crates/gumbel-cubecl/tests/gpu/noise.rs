use crate::support::{device, largest_difference, read, same_floats};
use gumbel_cubecl::{Law, Precision, noise};
use gumbel_kernels::{Stream, noise as cpu};

type Fill = fn(Stream, &mut [f32]);
const LAWS: [(Law, Fill); 5] = [
    (Law::Uniform, cpu::uniform),
    (Law::Exponential, cpu::exponential),
    (Law::Gumbel, cpu::gumbel),
    (Law::Logistic, cpu::logistic),
    (Law::Normal, cpu::normal),
];

fn host(fill: Fill, stream: Stream, len: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; len];
    fill(stream, &mut numbers);
    numbers
}

#[test]
fn numbers_are_those_of_the_cpu() {
    for precision in [Precision::Exact, Precision::Fast] {
        let device = device(precision);
        for (law, fill) in LAWS {
            for (position, len) in [(0, 1 << 18), ((1 << 33) + 3, 100_001), (u64::from(u32::MAX) - 5, 77)] {
                let stream = Stream::from_parts(42, 7, position);
                let (there, here) =
                    (read(&device, &noise(&device, law, stream, len)), host(fill, stream, len));
                let bits_equal = law == Law::Uniform
                    || precision == Precision::Exact && law != Law::Normal && same_floats(&device);
                if bits_equal {
                    assert!(
                        there.iter().zip(&here).all(|(a, b)| a.to_bits() == b.to_bits()),
                        "{law:?} {position}"
                    );
                }
                let bound = if precision == Precision::Exact { 1e-6 } else { 4e-6 };
                let difference = largest_difference(&there, &here, 1.0);
                assert!(difference < bound, "{law:?}, {precision:?}, from {position}: {difference:e}");
            }
        }
    }
}

#[test]
fn every_number_depends_on_its_position_alone() {
    let device = device(Precision::Exact);
    let all = read(&device, &noise(&device, Law::Gumbel, Stream::new(5), 700));
    for (start, len) in [(0, 0), (0, 1), (1, 3), (2, 4), (3, 5), (4, 512), (5, 513), (130, 127), (699, 1)] {
        let part = read(&device, &noise(&device, Law::Gumbel, Stream::new(5).skip(start as u64), len));
        assert_eq!(part, all[start..][..len], "from {start}, {len} numbers");
    }
}
