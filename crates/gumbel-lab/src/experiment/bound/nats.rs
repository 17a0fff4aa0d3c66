//! Means over images.

/// A mean over images, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nats {
    /// In nats per image.
    pub nats: f64,
    /// From the spread between images.
    pub standard_error: f64,
    /// Images averaged.
    pub images: usize,
}

impl Nats {
    /// The mean of values of independent images.
    pub fn of(values: &[f64]) -> Self {
        let images = values.len();
        let nats = values.iter().sum::<f64>() / images as f64;
        let variance =
            values.iter().map(|v| (v - nats).powi(2)).sum::<f64>() / (images as f64 - 1.0).max(1.0);
        Self { nats, standard_error: (variance / images as f64).sqrt(), images }
    }
}
