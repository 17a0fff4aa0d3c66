//! The few images whose class a run may see.

use crate::batches::Batches;
use crate::config::{LabelSource, Labelling};
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
