//! The published data sets themselves, where they are at hand: `GUMBEL_DATA`, else `shared/data` beside the checkout.

use gumbel_lab::data::{Dataset, Images, Places, Presence, catalogue, fetch::fetch_set, load_from, registry};
use gumbel_lab::support::interrupt::Watch;
use std::path::{Path, PathBuf};

fn places() -> Option<Places> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let named = std::env::var_os("GUMBEL_DATA").map(PathBuf::from);
    let root = named.unwrap_or(beside);
    root.is_dir().then(|| Places { given: Some(root), ..Places::default() })
}

/// Loads the set, which also checks the SHA-256 of its contents, or says why not.
fn real(name: &str) -> Option<Dataset> {
    let places = places().filter(|places| places.locate(registry::find(name).unwrap()).is_ok());
    if places.is_none() {
        println!("skipped: {name} is not at hand; set GUMBEL_DATA to the folder that holds it");
    }
    places.map(|places| load_from(name, &places, 0).unwrap())
}

fn mean(images: &Images) -> f32 {
    images.mean().iter().sum::<f32>() / images.pixels_per_image() as f32
}

fn assert_near(got: f32, expected: f32) {
    assert!((got - expected).abs() < 5e-5, "mean intensity {got}, expected {expected}");
}

#[test]
fn mnist() {
    let Some(data) = real("mnist") else { return };
    assert_eq!((data.train.count, data.test.count, data.binary), (60_000, 10_000, false));
    assert_eq!(data.train.labels.as_ref().unwrap()[..5], [5, 0, 4, 1, 9]);
    assert_near(mean(&data.train), 0.1307); // the constant that everybody normalises by
}

#[test]
fn fashion_mnist() {
    let Some(data) = real("fashion-mnist") else { return };
    assert_eq!((data.train.count, data.test.count, data.binary), (60_000, 10_000, false));
    assert_near(mean(&data.train), 0.2860); // likewise
}

#[test]
fn binarized_mnist() {
    let Some(data) = real("binarized-mnist") else { return };
    let valid = data.valid.as_ref().unwrap();
    assert_eq!((data.train.count, valid.count, data.test.count), (50_000, 10_000, 10_000));
    assert!(data.binary && data.train.labels.is_none());
    assert!((mean(&data.train) - 0.1307).abs() < 2e-3); // the grey values were probabilities
}

#[test]
fn omniglot() {
    let Some(data) = real("omniglot") else { return };
    assert_eq!((data.train.count, data.test.count), (24_345, 8_115));
    let labels = data.train.labels.as_ref().unwrap();
    assert_eq!((labels.iter().min(), labels.iter().max()), (Some(&0), Some(&49)));
    let all = (mean(&data.train) * 24_345.0 + mean(&data.test) * 8_115.0) / 32_460.0;
    assert_near(all, 0.0805);
    assert!(data.source.contains("not comparable"));
    // Only averages of 225 sixteenths of a black-or-white pixel, rounded, can occur.
    let possible: Vec<u8> = (0..=225u32).map(|area| ((510 * area + 225) / 450) as u8).collect();
    assert!(data.train.pixels.iter().all(|pixel| possible.binary_search(pixel).is_ok()));
}

#[test]
fn what_is_at_hand_is_listed_and_not_fetched_again() {
    let Some(places) = places() else { return println!("skipped: no data at hand; set GUMBEL_DATA") };
    for entry in catalogue(&places) {
        let Presence::In(folder) = &entry.presence else { continue };
        fetch_set(&entry.set, folder, Some("http://127.0.0.1:1/"), &Watch::nothing()).unwrap();
    }
}
