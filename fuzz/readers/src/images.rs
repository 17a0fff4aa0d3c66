//! Files of images and labels, and folders of them.

use crate::message;
use arbitrary::{Arbitrary, Result, Unstructured};
use flate2::{Compression, write::GzEncoder};
use gumbel_kernels::Stream;
use gumbel_lab::data::labelled::{LabelSource, LabelledBatches, Labelling};
use gumbel_lab::data::{Binarization, Dataset, Images, Places, idx as reader, load_from};
use std::io::Write;
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

/// Images and labels: the same plain and gzipped, and images as written again.
pub fn idx(data: &[u8]) {
    let (plain, packed) = (scratch(data), scratch(&gzipped(data)));
    let images = message::ok(reader::read_images(plain.path()));
    let labels = message::ok(reader::read_labels(plain.path()));
    if !data.starts_with(&[0x1f, 0x8b]) {
        assert_eq!(images, message::ok(reader::read_images(packed.path())));
        assert_eq!(labels, message::ok(reader::read_labels(packed.path())));
    }
    if let Some(images) = images {
        sound(&images.items);
        reader::write_images(plain.path(), &images.items).expect("a temporary file can be written");
        assert_eq!(reader::read_images(plain.path()).expect("as written"), images);
    }
}

/// A file of these bytes.
pub fn scratch(data: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(data).expect("room for a temporary file");
    file
}

fn gzipped(data: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data).expect("memory takes all");
    gzip.finish().expect("memory takes all")
}

fn sound(images: &Images) {
    assert!(images.count > 0 && images.pixels_per_image() > 0);
    assert_eq!(images.pixels.len(), images.count * images.pixels_per_image());
    assert!(images.labels.as_ref().is_none_or(|labels| labels.len() == images.count));
    assert!(images.mean().iter().all(|mean| (0.0..=1.0).contains(mean)));
}

const NAMES: [&str; 12] = [
    "train-images-idx3-ubyte",
    "train-images-idx3-ubyte.gz",
    "train-images.idx3-ubyte",
    "train-labels-idx1-ubyte",
    "train-labels-idx1-ubyte/train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
    "emnist-letters-test-images-idx3-ubyte",
    "emnist-letters-train-images-idx3-ubyte",
    "valid-images-idx3-ubyte",
    "._train-images-idx3-ubyte",
    "idx",
];

/// A folder of files of the usual names: a sound data set, whose labels can be learned from, or an error.
pub fn folder(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut data = Unstructured::new(data);
    if fill(&folder, &mut data).is_ok() {
        let path = folder.path().to_str().expect("a path in ASCII");
        let loaded = load_from(path, &Places::new(Some(Path::new("/nonexistent"))), 0);
        message::ok(loaded).iter().for_each(|dataset| complete(dataset, &mut data));
    }
}

fn fill(folder: &TempDir, data: &mut Unstructured) -> Result<()> {
    for _ in 0..data.int_in_range(0..=5)? {
        let path = folder.path().join(data.choose(&NAMES)?);
        let contents = contents(data)?;
        // Fails where a file and a folder have the same name; then one of them is there.
        drop(
            path.parent()
                .map(std::fs::create_dir_all)
                .transpose()
                .and_then(|_| std::fs::write(&path, contents)),
        );
    }
    Ok(())
}

/// A file of images or labels of a few small sizes, or of any bytes.
fn contents(data: &mut Unstructured) -> Result<Vec<u8>> {
    let [count, height, width] = [(); 3].map(|()| data.int_in_range(1..=3u32).unwrap_or(1));
    let (magic, sizes): (u32, &[u32]) = match data.int_in_range(0..=4)? {
        0 => return Vec::arbitrary(data),
        1 | 2 => (0x0803, &[count, height, width]),
        3 => (0x0801, &[count]),
        _ => (0x0b01, &[count]),
    };
    let bytes = sizes.iter().product::<u32>() * if magic == 0x0b01 { 2 } else { 1 };
    let header = [magic].into_iter().chain(sizes.iter().copied()).flat_map(u32::to_be_bytes);
    let items = (0..bytes).map(|_| u8::arbitrary(data).unwrap_or(0));
    let file: Vec<u8> = header.chain(items).collect();
    Ok(if data.ratio(1, 3)? { gzipped(&file) } else { file })
}

fn complete(data: &Dataset, choice: &mut Unstructured) {
    data.parts().for_each(sound);
    assert_eq!(
        data.binary,
        data.parts().all(|part| part.pixels.iter().all(|&pixel| pixel == 0 || pixel == 255))
    );
    let classes = choice.int_in_range(1..=6).unwrap_or(2);
    for source in [LabelSource::Data, LabelSource::Random] {
        let labelling = Labelling { count: classes, classes, batch: 1, source };
        let batches = LabelledBatches::new(data, &labelling, Binarization::Threshold, Stream::new(1));
        if let Some(mut batches) = message::ok(batches) {
            let device = burn::tensor::Device::flex();
            let labels: Vec<u8> =
                (0..classes as u64).flat_map(|step| batches.at(step, &device).labels).collect();
            assert!(labels.iter().all(|&label| usize::from(label) < classes), "{labels:?} of {classes}");
        }
    }
}
