//! The folder of a run: what is in it, and how it is written so that nothing is ever half there.

use crate::config::{Config, Options, Typed};
use crate::support::atomic_file;
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Folders made for it, the innermost first.
    made: Vec<PathBuf>,
}

impl RunFolder {
    /// A new folder: `out`, which must not hold anything yet, or else the next free `runs/NAME-N`.
    ///
    /// # Errors
    /// A folder in use, or one that cannot be made.
    pub fn create(out: Option<&Path>, name: &str) -> Result<Self> {
        let path = out.map_or_else(|| next_free(name), Path::to_path_buf);
        let in_use = path.is_file() || path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        let resumable = path.join("config.toml").is_file();
        let go_on = if resumable {
            format!(", or continue it with --resume {}", path.display())
        } else {
            String::new()
        };
        ensure!(!in_use, "{} exists already; choose another --out{go_on}", path.display());
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = path.ancestors().take_while(missing).map(Path::to_path_buf).collect();
        fs::create_dir_all(&path)
            .with_context(|| format!("cannot make the folder {}; choose another --out", path.display()))?;
        Ok(Self { path, made })
    }

    /// Takes a new run back that has no checkpoint: it can neither be resumed nor be started again there.
    pub fn discard(&self) {
        // What cannot be removed, or holds something of the user's, stays.
        for name in ["config.toml", "metrics.csv"] {
            drop(fs::remove_file(self.file(name)));
        }
        drop(fs::remove_dir(self.file("checkpoint")));
        self.made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }

    /// Removes what an earlier end of the run left, since it is not the end any more.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn reopen(&self) -> Result<()> {
        for name in ["summary.json", "report.html", "model.safetensors", "figures"] {
            let path = self.file(name);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The folder of an earlier run.
    ///
    /// # Errors
    /// A path that is no run.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self::at(path);
        if !run.file("config.toml").is_file() {
            bail!("{} is not the folder of a run: it has no config.toml", path.display());
        }
        Ok(run)
    }

    /// A folder that is there, whatever it holds.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.into(), made: Vec::new() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it, by its name with `/`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.file("checkpoint/training.safetensors")
    }

    /// Writes a file, in full or not at all, making its folder.
    ///
    /// # Errors
    /// A disk that is full, or a folder that cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        let path = self.file(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| atomic_file::write(&path, contents.as_ref()));
        written.map_err(|error| anyhow!(atomic_file::refused(&path, &error)))
    }

    /// The configuration it was started with.
    ///
    /// # Errors
    /// A file that is missing or not a configuration.
    pub fn config<O: Options>(&self) -> Result<Config<O>> {
        Config::from_file(&self.file("config.toml"))
    }
}

/// `runs/NAME-1`, or the first after it that does not exist.
fn next_free(name: &str) -> PathBuf {
    (1..)
        .map(|n| PathBuf::from(format!("runs/{name}-{n}")))
        .find(|path| !path.exists())
        .expect("numbers do not end")
}

/// `summary.json`: a run in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The model, as `gumbel train` calls it.
    pub model: String,
    /// The data set.
    pub data: String,
    /// The estimator.
    pub estimator: String,
    /// Gradient steps.
    pub steps: u64,
    /// Seed of every random number.
    pub seed: u64,
    /// Numbers trained.
    pub parameters: usize,
    /// Seconds of training, evaluations left out.
    pub seconds: f64,
    /// Steps per second of training.
    pub steps_per_second: f64,
    /// From the program's start to its first finished step; absent in a resumed run.
    pub seconds_to_first_step: Option<f64>,
    /// The most memory the process held, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Results on the test set, hard samples.
    pub test: Test,
    /// Of this program.
    pub version: String,
}

impl Summary {
    /// Rounds times to milliseconds, and the pace with them: more would be noise.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        let round = |number: &mut f64| *number = (*number * 1e3).round() / 1e3;
        round(&mut self.seconds);
        round(&mut self.steps_per_second);
        self.seconds_to_first_step.as_mut().map(round);
        self
    }

    /// Refuses numbers that JSON cannot hold and nobody can use.
    ///
    /// # Errors
    /// The first that is not finite, with the remedy.
    pub fn check(&self) -> Result<()> {
        let bound = &self.test.importance_bound;
        let numbers = [
            ("hard objective", self.test.hard_negative_elbo),
            ("hard objective's standard error", self.test.hard_negative_elbo_standard_error),
            ("bound", bound.nats),
            ("bound's standard error", bound.standard_error),
        ];
        for (name, number) in numbers {
            ensure!(
                number.is_finite(),
                "the {name} of the test set is {number}: the model has diverged; start a new run with a lower --lr"
            );
        }
        Ok(())
    }
}

/// What a run reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// Negative ELBO in nats per image, one hard sample per image of the whole test set; of a model without a
    /// posterior, that of its prior.
    pub hard_negative_elbo: f64,
    /// Its standard error over images.
    pub hard_negative_elbo_standard_error: f64,
    /// Images in the test set.
    pub images: usize,
    /// The importance-weighted bound.
    pub importance_bound: ImportanceBound,
    /// Of a model that takes labels, where the test images have true ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Of a model of strings, what only those have; its `images` are strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextResults>,
}

/// How often a class is named rightly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Between 0 and 1.
    pub share: f64,
    /// Over images.
    pub standard_error: f64,
    /// Test images it was taken over.
    pub images: usize,
}

impl Accuracy {
    /// So many `right` of `images`.
    pub fn of(right: usize, images: usize) -> Self {
        let share = right as f64 / images as f64;
        Self { share, standard_error: (share * (1.0 - share) / images as f64).sqrt(), images }
    }

    /// The share and its standard error in per cent.
    pub fn per_cent(&self) -> [f64; 2] {
        [100.0 * self.share, 100.0 * self.standard_error]
    }
}

/// What a model of strings reached, hard samples on the whole test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextResults {
    /// Characters of a string, padding included.
    pub length: usize,
    /// Share of the characters that are the likeliest given one sample of the latents.
    pub reconstructed: f64,
    /// Categories that a latent uses in effect, the mean over latents.
    pub perplexity: f64,
    /// What a test string costs by the training text's shares of single symbols, in nats.
    pub unigram_nats: f64,
    /// And by those of pairs, its first symbol alone.
    pub bigram_nats: f64,
    /// The entropy of the law that the strings are drawn by, where it is known: the floor of all bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub law_nats: Option<f64>,
    /// Share of strings drawn from the model that are of that law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<f64>,
}

impl Test {
    /// What one of the examples is: an image, or a string.
    pub fn example(&self) -> &'static str {
        if self.text.is_some() { "string" } else { "image" }
    }
}

impl TextResults {
    /// Nats of a string as bits of a character: `nats / (T ln 2)`.
    pub fn bits(&self, nats: f64) -> f64 {
        nats / (self.length as f64 * std::f64::consts::LN_2)
    }

    /// Names and costs of a test string in nats: the model's, and those to hold beside it.
    pub fn table(&self, test: &Test) -> Vec<(String, f64, f64)> {
        let bound = &test.importance_bound;
        let rows = [
            ("hard negative ELBO".to_string(), test.hard_negative_elbo),
            (format!("importance-weighted bound, m = {}", bound.samples), bound.nats),
            ("pairs of symbols, counted (add one)".into(), self.bigram_nats),
            ("single symbols, counted (add one)".into(), self.unigram_nats),
        ];
        let law = self.law_nats.map(|nats| ("the law's entropy".to_string(), nats));
        rows.into_iter().chain(law).map(|(name, nats)| (name, nats, self.bits(nats))).collect()
    }

    /// The rest in sentences.
    pub fn notes(&self) -> String {
        let valid = self.valid.map_or(String::new(), |share| {
            format!(" Of strings drawn from the model, {:.1} % are sentences of the law.", 100.0 * share)
        });
        format!(
            "From one sample of the latents {:.1} % of the characters are reconstructed; a latent uses {:.1} categories in \
             effect.{valid}",
            100.0 * self.reconstructed,
            self.perplexity
        )
    }
}

/// An importance-weighted bound on −ln p(x).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportanceBound {
    /// Hard samples per image, m.
    pub samples: usize,
    /// In nats per image.
    pub nats: f64,
    /// Over images.
    pub standard_error: f64,
    /// Test images it was taken over.
    pub images: usize,
}

/// The most memory this process has held, where the system tells.
pub fn peak_memory_bytes() -> Option<u64> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let peak = getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss();
        // Kilobytes, except on Apple's systems.
        let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
        u64::try_from(peak).ok().map(|peak| peak * unit)
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_refused_with_both_remedies() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("something"), "x").unwrap();
        let refused = || RunFolder::create(Some(folder.path()), "x").unwrap_err().to_string();
        assert!(refused().ends_with("choose another --out"), "{}", refused());
        assert!(RunFolder::open(folder.path()).unwrap_err().to_string().contains("no config.toml"));
        fs::write(folder.path().join("config.toml"), "").unwrap();
        assert!(refused().contains("choose another --out, or continue it with --resume"), "{}", refused());
    }

    fn summary(nats: f64) -> Summary {
        let importance_bound = ImportanceBound { samples: 1, nats, standard_error: 0.5, images: 2 };
        Summary {
            model: "vae".into(),
            data: "digits".into(),
            estimator: "exact".into(),
            steps: 3,
            seed: 0,
            parameters: 1,
            seconds: 1.234_567_8,
            steps_per_second: 2.43,
            seconds_to_first_step: Some(0.123_456),
            peak_memory_bytes: None,
            test: Test {
                hard_negative_elbo: 80.5,
                hard_negative_elbo_standard_error: 0.5,
                images: 2,
                importance_bound,
                accuracy: None,
                text: None,
            },
            version: String::new(),
        }
    }

    #[test]
    fn a_summary_has_finite_numbers_and_times_in_milliseconds() {
        assert!(summary(80.0).check().is_ok());
        let message = summary(f64::INFINITY).check().unwrap_err().to_string();
        assert!(
            message.contains("bound of the test set is inf") && message.contains("lower --lr"),
            "{message}"
        );
        let rounded = summary(80.0).rounded();
        assert_eq!((rounded.seconds, rounded.seconds_to_first_step), (1.235, Some(0.123)));
    }

    #[test]
    fn a_discarded_run_leaves_nothing_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(Some(&folder.path().join("a/b")), "x").unwrap();
        run.write("config.toml", "").unwrap();
        fs::write(folder.path().join("a/mine"), "").unwrap();
        run.discard();
        assert!(!run.path().exists() && folder.path().join("a/mine").exists());
    }

    #[cfg(unix)]
    #[test]
    fn peak_memory_is_in_bytes() {
        let peak = peak_memory_bytes().unwrap();
        assert!((1 << 20..1 << 38).contains(&peak), "{peak}");
    }
}
