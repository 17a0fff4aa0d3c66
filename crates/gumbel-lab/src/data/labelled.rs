//! The few images whose class a run may see.

use crate::config::{LabelSource, Labelling};
use crate::data::batches::Batches;
use crate::data::{Binarisation, Dataset, Images, idx, order};
use crate::model::Labelled;
use anyhow::{Result, ensure};
use burn::tensor::Device;
use gumbel_kernels::Stream;

/// Labelled images, as many of each class, in batches of their own.
pub struct LabelledBatches<'a> {
    batches: Batches<'a>,
    /// One for each image of the set; those of others than the chosen are never read.
    labels: Vec<u8>,
}

impl<'a> LabelledBatches<'a> {
    /// The choice of a stream, which also decides the order and the draws.
    ///
    /// # Errors
    /// Data without labels, with other classes, or with too few images of one.
    pub fn new(
        data: &'a Dataset,
        labelling: &Labelling,
        binarise: Binarisation,
        stream: Stream,
    ) -> Result<Self> {
        let images = &data.train;
        let shuffled = order(stream.split(2), 0, images.count);
        let labels = match labelling.source {
            LabelSource::Data => known(data, labelling)?.to_vec(),
            LabelSource::Random => drawn(&shuffled, labelling.classes),
        };
        let chosen = choose(&shuffled, &labels, labelling);
        ensure!(
            chosen.len() == labelling.count,
            "--labels {} asks for {} images of each of {} classes, and {} has not as many; lower --labels",
            labelling.count,
            labelling.count / labelling.classes,
            labelling.classes,
            data.name
        );
        Ok(Self { batches: Batches::among(images, chosen, binarise, stream, labelling.batch), labels })
    }

    /// SHA-256 of the images and of the labels.
    pub fn digest(&self, data: &Dataset) -> String {
        format!("{} {}", data.digest(), idx::labels_sha256(&self.labels))
    }

    /// The batch of a step: a pure function of the stream and the step.
    pub fn at(&mut self, step: u64, device: &Device) -> Labelled {
        let labels = self.batches.places(step).into_iter().map(|place| self.labels[place]).collect();
        Labelled { images: self.batches.at(step, device), labels }
    }
}

/// The labels of the training images.
fn known<'a>(data: &'a Dataset, labelling: &Labelling) -> Result<&'a [u8]> {
    check_test(data)?;
    let labels = labels(data, &data.train)?;
    let classes = labels.iter().max().map_or(0, |&largest| usize::from(largest) + 1);
    ensure!(
        classes == labelling.classes,
        "--classes must be the {classes} that the labels of {} have, got {}",
        data.name,
        labelling.classes
    );
    Ok(labels)
}

/// Refuses test images whose classes are not known.
fn check_test(data: &Dataset) -> Result<()> {
    labels(data, &data.test).map(drop)
}

fn labels<'a>(data: &Dataset, images: &'a Images) -> Result<&'a [u8]> {
    let labels = images.labels.as_deref();
    labels.ok_or_else(|| {
        anyhow::anyhow!(
            "{} has images without labels; use digits, mnist or fashion-mnist, put the labels beside the \
             images, or try --labels-from random",
            data.name
        )
    })
}

/// Each class as often as every other, whatever is on the images.
fn drawn(shuffled: &[u32], classes: usize) -> Vec<u8> {
    let mut labels = vec![0; shuffled.len()];
    for (count, &place) in shuffled.iter().enumerate() {
        labels[place as usize] = (count % classes) as u8;
    }
    labels
}

/// The first images of each class, as many of each.
fn choose(shuffled: &[u32], labels: &[u8], labelling: &Labelling) -> Vec<usize> {
    let mut missing = vec![labelling.count / labelling.classes; labelling.classes];
    let taken = |&place: &usize| {
        let missing = &mut missing[usize::from(labels[place])];
        let wanted = *missing > 0;
        *missing -= usize::from(wanted);
        wanted
    };
    shuffled.iter().map(|&place| place as usize).filter(taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;

    fn labelling(count: usize, classes: usize, source: LabelSource) -> Labelling {
        Labelling { count, classes, batch: count.min(7), source }
    }

    fn made(data: &Dataset, labelling: Labelling) -> Result<LabelledBatches<'_>> {
        LabelledBatches::new(data, &labelling, Binarisation::Threshold, Stream::new(1))
    }

    #[test]
    fn an_epoch_has_each_class_as_often_and_every_image_has_its_own_label() {
        let data = digits::dataset(0, 400, 10);
        let device = Device::flex();
        for source in [LabelSource::Data, LabelSource::Random] {
            let mut batches = made(&data, Labelling { batch: 30, ..labelling(30, 10, source) }).unwrap();
            let (places, Labelled { images, mut labels }) =
                (batches.batches.places(3), batches.at(3, &device));
            let true_labels = data.train.labels.as_ref().unwrap();
            let own: Vec<u8> = places.iter().map(|&place| true_labels[place]).collect();
            assert_eq!(own == labels, source == LabelSource::Data, "{source:?}");
            let bits = Binarisation::Threshold.batch(&data.train, &places, Stream::new(0), 0);
            assert_eq!(images.into_data().try_to_vec::<f32>().unwrap(), bits);
            labels.sort_unstable();
            assert!(labels.iter().enumerate().all(|(i, &label)| usize::from(label) == i / 3), "{labels:?}");
        }
    }

    #[test]
    fn another_stream_chooses_others() {
        let data = digits::dataset(0, 400, 10);
        let places = |seed| {
            let labelling = Labelling { batch: 20, ..labelling(20, 10, LabelSource::Data) };
            let batches = LabelledBatches::new(&data, &labelling, Binarisation::Dynamic, Stream::new(seed));
            let mut places = batches.unwrap().batches.places(0);
            places.sort_unstable();
            places
        };
        assert!(places(1) == places(1) && places(1) != places(2));
    }

    #[test]
    fn data_that_does_not_have_them_is_refused_with_the_remedy() {
        let data = digits::dataset(0, 60, 10);
        let mut bare = data.clone();
        bare.test.labels = None;
        let cases = [
            (&bare, labelling(10, 10, LabelSource::Data), "images without labels; use digits, mnist"),
            (
                &data,
                labelling(12, 12, LabelSource::Data),
                "--classes must be the 10 that the labels of digits have, got 12",
            ),
            (
                &data,
                labelling(60, 10, LabelSource::Data),
                "--labels 60 asks for 6 images of each of 10 classes",
            ),
            (&data, labelling(72, 12, LabelSource::Random), "has not as many; lower --labels"),
        ];
        for (data, labelling, part) in cases {
            let error = made(data, labelling).err().unwrap().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(made(&bare, labelling(10, 10, LabelSource::Random)).is_ok());
    }
}
