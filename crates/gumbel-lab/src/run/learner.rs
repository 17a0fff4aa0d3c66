//! A network with its optimiser.

use super::FusedAdam;
use super::checkpoint::{self, Checkpoint, Progress};
use anyhow::Result;
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use std::path::Path;

/// Parameters, and what Adam remembers of their gradients.
pub struct Learner<M> {
    model: M,
    optimizer: ModuleOptimizer,
}

impl<M: Module + Default> Learner<M> {
    /// A network before its first step.
    pub fn new(model: M, adam: FusedAdam) -> Self {
        Self { model, optimizer: adam.into() }
    }

    /// The network.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The network, to be changed otherwise than by a gradient.
    pub fn model_mut(&mut self) -> &mut M {
        &mut self.model
    }

    /// Moves the parameters that have a gradient.
    pub fn update(&mut self, lr: f64, gradients: GradientsParams) {
        // Taken, not cloned: parameters that nobody else holds are updated in place.
        let model = std::mem::take(&mut self.model);
        self.model = self.optimizer.step(lr, model, gradients);
    }

    /// A checkpoint: parameters, optimiser and progress.
    ///
    /// # Errors
    /// A parameter that is not finite, an optimiser that cannot be recorded.
    pub fn checkpoint(&self, progress: &Progress) -> Result<Vec<u8>> {
        checkpoint::training_bytes(&self.model.valid(), &self.optimizer, progress)
    }

    /// Goes back to a checkpoint; stays as it is if that fails.
    ///
    /// # Errors
    /// A checkpoint of a network of another shape.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        (self.model, self.optimizer) = checkpoint.load(self.model.clone(), self.optimizer.clone())?;
        Ok(())
    }

    /// Takes the parameters of a saved model.
    ///
    /// # Errors
    /// A file that is missing, corrupt, or of a network of another shape.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        self.model = checkpoint::load_model(path, std::mem::take(&mut self.model))?;
        Ok(())
    }
}
