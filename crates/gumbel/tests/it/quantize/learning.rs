//! What a codebook learns: moving averages, revival, k-means, and that all of it is saved.

use super::*;
use burn::module::Module;
use gumbel::quantize::{
    Assignments, CodeUsage, CodebookLearning, KMeans, KMeansStart, VectorQuantizer, VectorQuantizerConfig,
    code_gaps, k_means, nearest,
};

fn single<const R: usize>(tensor: Tensor<R>) -> Vec<f32> {
    tensor.inner().into_data().try_to_vec().expect("single precision")
}

fn column(values: &[f32]) -> Tensor<2> {
    Tensor::<1>::from_floats(values, &Device::flex().autodiff()).unsqueeze_dim(1)
}

fn learn(quantizer: &mut VectorQuantizer, x: Tensor<2>, noise: &mut Noise) -> usize {
    let quantized = quantizer.quantize(x).expect("finite");
    quantizer.adapt(&quantized.assignments, noise).expect("its own assignments")
}

/// Two steps by hand: γ = 0.5, ε = 0.5, codes 0 and 10.
#[test]
fn moving_averages_are_those_of_a_hand_computation() {
    let config = VectorQuantizerConfig { decay: 0.5, smoothing: 0.5, ..VectorQuantizerConfig::new(2, 1) };
    let mut quantizer = config.init_with(column(&[0.0, 10.0])).unwrap();
    let mut noise = Noise::from_seed(1);
    assert_eq!(learn(&mut quantizer, column(&[1.0, 2.0, 9.0]), &mut noise), 0);
    // n = ½ [1, 1] + ½ [2, 1], m = ½ [0, 10] + ½ [3, 9]; ñ = (n + ½) / (2.5 + 1) · 2.5
    let smoothed = [2.0 / 3.5 * 2.5, 1.5 / 3.5 * 2.5];
    assert_eq!(single(quantizer.counts()), [1.5, 1.0]);
    let codes: Vec<f64> = single(quantizer.codes()).into_iter().map(f64::from).collect();
    assert_close(&codes, &[1.5 / smoothed[0], 9.5 / smoothed[1]], 1e-7);
    learn(&mut quantizer, column(&[1.0, 1.0]), &mut noise);
    assert_eq!(single(quantizer.counts()), [1.75, 0.5]);
    let smoothed = [2.25 / 3.25 * 2.25, 1.0 / 3.25 * 2.25];
    let codes: Vec<f64> = single(quantizer.codes()).into_iter().map(f64::from).collect();
    assert_close(&codes, &[1.75 / smoothed[0], 4.75 / smoothed[1]], 1e-7);
}

#[test]
fn shards_joined_teach_what_the_full_batch_does() {
    let config = VectorQuantizerConfig { revive_below: 1.0, ..VectorQuantizerConfig::new(8, 3) };
    let x = Noise::from_seed(5).normal::<2>([60, 3], &Device::flex());
    let fresh = || config.init(&Device::flex(), &mut Noise::from_seed(2)).unwrap();
    let (mut full, mut shared) = (fresh(), fresh());
    let parts = (0..3).map(|i| shared.quantize(x.clone().narrow(0, 20 * i, 20)).unwrap().assignments);
    let joined = Assignments::join(parts.collect::<Vec<_>>());
    let revived = shared.adapt(&joined, &mut Noise::from_seed(3)).unwrap();
    assert_eq!(learn(&mut full, x, &mut Noise::from_seed(3)), revived);
    assert!(revived > 0);
    assert_eq!(single(full.codes()), single(shared.codes()));
}

#[test]
fn dead_codes_are_revived_by_distinct_inputs() {
    for learning in [CodebookLearning::MovingAverage, CodebookLearning::Gradient] {
        let config = VectorQuantizerConfig {
            learning,
            decay: 0.5,
            revive_below: 0.75,
            ..VectorQuantizerConfig::new(5, 1)
        };
        let mut quantizer = config.init_with(column(&[0.0, 100.0, 200.0, 300.0, 400.0])).unwrap();
        let x = [-0.2, -0.1, 0.1, 0.2, 0.3, 0.4f32];
        assert_eq!(learn(&mut quantizer, column(&x), &mut Noise::from_seed(1)), 4);
        let codes = single(quantizer.codes());
        let mut revived = codes[1..].to_vec();
        assert!(revived.iter().all(|code| x.contains(code)), "{codes:?}");
        revived.sort_by(f32::total_cmp);
        revived.dedup();
        assert_eq!(revived.len(), 4);
        assert_eq!(single(quantizer.counts())[1..], [0.75; 4]);
        // They are used from now on.
        let used = integers(quantizer.encode(column(&x)).unwrap());
        let mut usage = CodeUsage::new(5);
        usage.add(quantizer.encode(column(&x)).unwrap()).unwrap();
        assert!(usage.used() >= 4, "{used:?}");
        assert_eq!(quantizer.codes().is_require_grad(), learning == CodebookLearning::Gradient);
    }
}

#[test]
fn with_fewer_inputs_than_dead_codes_some_stay_dead() {
    let config = VectorQuantizerConfig { decay: 0.0, revive_below: 0.5, ..VectorQuantizerConfig::new(4, 1) };
    let mut quantizer = config.init_with(column(&[0.0, 10.0, 20.0, 30.0])).unwrap();
    assert_eq!(learn(&mut quantizer, column(&[1.0, 2.0]), &mut Noise::from_seed(1)), 2);
    let counts = single(quantizer.counts());
    assert_eq!(counts, [2.0, 0.5, 0.5, 0.0]);
}

#[test]
fn a_fixed_book_only_counts() {
    let config = VectorQuantizerConfig {
        learning: CodebookLearning::Fixed,
        decay: 0.5,
        revive_below: 10.0,
        ..VectorQuantizerConfig::new(2, 1)
    };
    let mut quantizer = config.init_with(column(&[0.0, 1.0])).unwrap();
    assert_eq!(learn(&mut quantizer, column(&[0.4, 0.3]), &mut Noise::from_seed(1)), 0);
    assert_eq!(single(quantizer.codes()), [0.0, 1.0]);
    assert_eq!(single(quantizer.counts()), [1.5, 0.5]);
}

/// Codes that learn by moving averages are buffers: no optimiser moves them, though the values depend on them.
#[test]
fn only_codes_that_learn_by_gradient_have_one() {
    use burn::optim::{GradientsParams, SgdConfig};
    for (learning, moves) in [(CodebookLearning::MovingAverage, false), (CodebookLearning::Gradient, true)] {
        let config = VectorQuantizerConfig { learning, ..VectorQuantizerConfig::new(2, 1) };
        let quantizer = config.init_with(column(&[0.0, 1.0])).unwrap();
        let quantized = quantizer.quantize(column(&[0.4, 0.9]).require_grad()).unwrap();
        let gradients = (quantized.values.clone().sum() + quantized.loss()).backward();
        let gradients = GradientsParams::from_grads(gradients, &quantizer);
        let after = SgdConfig::new().init().step(0.1, quantizer.clone(), gradients);
        assert_eq!(single(after.codes()) != single(quantizer.codes()), moves);
        assert_eq!(single(after.counts()), single(quantizer.counts()));
    }
}

#[test]
fn everything_learned_is_saved_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quantizer.bpk");
    for learning in [CodebookLearning::MovingAverage, CodebookLearning::Gradient] {
        let config =
            VectorQuantizerConfig { learning, revive_below: 0.9, ..VectorQuantizerConfig::new(6, 2) };
        let device = Device::flex().autodiff();
        let fresh = |seed| config.init(&device, &mut Noise::from_seed(seed)).unwrap();
        let batch = |seed| Noise::from_seed(seed).normal::<2>([30, 2], &device);
        let mut quantizer = fresh(1);
        (0..5).for_each(|step| drop(learn(&mut quantizer, batch(step), &mut Noise::from_seed(step))));
        quantizer.clone().into_record().save(&file).unwrap();
        let mut restored = fresh(99).try_load_file(&file).unwrap();
        for step in 5..8 {
            assert_eq!(single(restored.codes()), single(quantizer.codes()));
            assert_eq!(single(restored.counts()), single(quantizer.counts()));
            learn(&mut quantizer, batch(step), &mut Noise::from_seed(step));
            learn(&mut restored, batch(step), &mut Noise::from_seed(step));
        }
        assert_eq!(restored.codes().is_require_grad(), learning == CodebookLearning::Gradient);
    }
}

#[test]
fn k_means_finds_separate_clouds_from_either_start() {
    let device = Device::flex();
    let mut noise = Noise::from_seed(4);
    let centres = noise.normal::<2>([6, 4], &device) * 20.0;
    let points = centres.clone().repeat_dim(0, 50) + noise.normal::<2>([300, 4], &device) * 0.1;
    let best = nearest(points.clone(), centres).unwrap().squared_distances.mean();
    let best = f64::from(best.into_scalar::<f32>());
    for start in [KMeansStart::PlusPlus, KMeansStart::RandomPoints] {
        let how = KMeans { start, iterations: 50 };
        let runs = (0..20).map(|i| k_means(points.clone(), 6, how, &mut Noise::from_seed(i)).unwrap());
        let errors: Vec<f64> = runs.map(|run| run.error).collect();
        let found = errors.iter().filter(|&&error| error < 1.05 * best).count();
        // Random points share a cloud in most starts: 1 − 6!/6⁶ = 98 %.
        assert!(
            if start == KMeansStart::PlusPlus { found > 15 } else { found < 10 },
            "{start:?}: {errors:?}"
        );
    }
}

#[test]
fn k_means_conserves_points_and_means() {
    let points = Noise::from_seed(7).normal::<2>([200, 3], &Device::flex());
    let run = |seed| k_means(points.clone(), 9, KMeans::default(), &mut Noise::from_seed(seed)).unwrap();
    let clusters = run(1);
    assert_eq!(single(clusters.counts.clone()).iter().sum::<f32>(), 200.0);
    let weighted = clusters.centres.clone() * clusters.counts.clone().unsqueeze_dim::<2>(1) / 200.0;
    let mean = points.clone().mean_dim(0);
    assert!((weighted.sum_dim(0) - mean).abs().max().into_scalar::<f32>() < 1e-2);
    assert_eq!(single(run(1).centres), single(clusters.centres));
    assert_ne!(single(run(2).centres), single(run(1).centres));
    // As many centres as points: each its own. More points than distinct ones: no NaN.
    let all = k_means(points.clone(), 200, KMeans::default(), &mut Noise::from_seed(1)).unwrap();
    assert_eq!(all.error, 0.0);
    let equal = Tensor::<2>::ones([5, 2], &Device::flex());
    let same = k_means(equal, 3, KMeans::default(), &mut Noise::from_seed(1)).unwrap();
    assert_eq!((same.error, single(same.centres)), (0.0, vec![1.0; 6]));
}

#[test]
fn a_quantizer_starts_at_the_clusters_of_its_first_batch() {
    let device = Device::flex().autodiff();
    let x = Noise::from_seed(7).normal::<3>([10, 20, 3], &device);
    let mut noise = Noise::from_seed(1);
    let mut quantizer = VectorQuantizerConfig::new(9, 3).init(&device, &mut noise).unwrap();
    quantizer.initialize(x.clone(), KMeans::default(), &mut Noise::from_seed(2)).unwrap();
    let flat = x.reshape([200, 3]);
    let clusters = k_means(flat.clone(), 9, KMeans::default(), &mut Noise::from_seed(2)).unwrap();
    assert_eq!(single(quantizer.codes()), single(clusters.centres));
    assert_eq!(single(quantizer.counts()), single(clusters.counts));
    // A fixed point of k-means is one of the moving averages, but for the smoothing.
    learn(&mut quantizer, flat, &mut noise);
    assert!(code_gaps(quantizer.codes()).unwrap().min().into_scalar::<f32>() > 0.1);
}
