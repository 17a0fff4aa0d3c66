//! The command line.

use crate::config::{Config, GanConfig, Options, SbnOptions, Typed, VaeOptions};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::marker::PhantomData;
use std::path::PathBuf;

/// Discrete latent variables, trained by gradient descent: Gumbel-Softmax and its kin.
#[derive(Debug, Parser)]
#[command(name = "gumbel", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "Examples:
  gumbel train vae
  gumbel train vae --data mnist --hidden none --steps 15000 --out runs/mnist
  gumbel compare --estimators gumbel-softmax,reinforce train vae
  gumbel generate runs/mnist --count 100 --out digits.png
  gumbel measure --problem quadratic --dims 2 --categories 4")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model and write a report
    #[command(subcommand)]
    Train(Train),
    /// Train a model by several estimators and report them side by side
    #[command(override_usage = "gumbel compare --estimators <A,B,...> [--out <DIR>] train <MODEL> [OPTIONS]
       gumbel compare --resume <DIR>")]
    #[command(after_help = "Examples:
  gumbel compare --estimators gumbel-softmax,reinforce,rloo:samples=4 train vae
  gumbel compare --estimators gumbel-rao:tau=0.3,gumbel-rao:tau=1 train vae --data mnist
  gumbel compare --resume runs/compare-1                    go on where it stopped

Each estimator gets a run of its own in the folder, with the same options, data and seed.")]
    Compare(Compare),
    /// Measure bias, variance and time of gradient estimators against exact enumeration
    Measure(Box<crate::measure::Options>),
    /// Draw from a trained model
    Generate(Generate),
    /// List or download data sets
    #[command(subcommand)]
    Data(Data),
    /// List the gradient estimators, or tell of one
    List {
        /// The one: its formula, bias, cost, when it is good and when poor, and its parameters
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Print where estimators come from, as BibTeX
    Cite {
        /// Which ones; all if none is named
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Print a completion script for a shell, to be sourced
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// The models.
#[derive(Debug, Subcommand)]
pub enum Train {
    /// A variational autoencoder of binary images with layers of D categorical latents of K categories
    #[command(args_override_self = true)]
    #[command(after_help = "Examples:
  gumbel train vae                                          the built-in digits, about a minute
  gumbel train vae --latents 200 --categories 2             Bernoulli latents; --hidden none for 784-200-784
  gumbel train vae --estimator reinforce                    the score function instead
  gumbel train vae --tau linear:1:0.3:4000                  a temperature schedule
  gumbel train vae --kl density --tau 0.67 --prior-tau 0.5  Concrete posterior and prior
  gumbel train vae --kl mass-at-sample --estimator vimco --train-samples 5      a bound of five samples
  gumbel train vae --layers 2 --latents 200 --categories 2  two layers of Bernoulli latents
  gumbel train vae --config run.toml --seed 3               options from a file, one overridden
  gumbel train vae --resume runs/vae-1                      go on where a run stopped")]
    Vae(Box<TrainImages<VaeOptions>>),
    /// A sigmoid belief network that draws the lower half of a binary image from its upper half, through two layers of D
    /// latents of K categories
    #[command(args_override_self = true)]
    #[command(after_help = "Examples:
  gumbel train sbn                                          the built-in digits, by binary latents
  gumbel train sbn --latents 20 --categories 10             categorical latents
  gumbel train sbn --estimator rloo:samples=4               the score function, four samples
  gumbel train sbn --train-samples 5                        the bound of five samples; vimco for the score function
  gumbel train sbn --resume runs/sbn-1                      go on where a run stopped
  gumbel generate runs/sbn-1                                test images, completed

Results are in nats on the lower half: upper bounds on -ln p(lower|upper), with one hard sample and with m of them.
Training is by Adam at a fixed temperature of 1 (Jang, Gu and Poole 2017 use SGD with momentum).")]
    Sbn(Box<TrainImages<SbnOptions>>),
    /// A generator of short strings against a discriminator, and maximum likelihood beside it
    #[command(args_override_self = true)]
    #[command(after_help = "Examples:
  gumbel train gan                                          arithmetic expressions, about two minutes
  gumbel train gan --generator score-function               the score function instead, as SeqGAN
  gumbel train gan --loss original                          the loss that collapses
  gumbel train gan --data names --data-dir DIR              DIR/names/names.txt, a name a line
  gumbel train gan --data book.txt --length 16              running text by character
  gumbel train gan --resume runs/gan-1                      go on where a run stopped")]
    Gan(Box<TrainGan>),
}

impl Train {
    /// What the model is called here.
    pub fn model(&self) -> &'static str {
        match self {
            Self::Vae(_) => VaeOptions::MODEL,
            Self::Sbn(_) => SbnOptions::MODEL,
            Self::Gan(_) => GanConfig::MODEL,
        }
    }

    /// What was said on the command line.
    pub fn matches(&self) -> &ArgMatches {
        match self {
            Self::Vae(options) => &options.matches,
            Self::Sbn(options) => &options.matches,
            Self::Gan(options) => &options.matches,
        }
    }
}

/// `gumbel compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// Two or more, separated by commas, with parameters of their own: reinforce,rloo:samples=4
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', required_unless_present = "resume")]
    pub estimators: Vec<String>,
    /// Folder for the comparison; one that has begun goes on, and may get other estimators
    /// [default: the first free runs/compare-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with a comparison that stopped; takes nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "estimators"])]
    pub resume: Option<PathBuf>,
    /// What to train.
    #[command(subcommand)]
    pub what: Option<Compared>,
}

/// What is compared.
#[derive(Debug, Subcommand)]
pub enum Compared {
    /// The model and its options, as for gumbel train, without an estimator and folders
    #[command(subcommand)]
    Train(Train),
}

/// `gumbel train`, for a model of images with such options.
#[derive(Debug)]
pub struct TrainImages<O> {
    /// The options of the run, not yet merged with a file.
    pub matches: ArgMatches,
    /// Where it goes and comes from.
    pub files: RunFiles,
    options: PhantomData<O>,
}

/// Options that are not part of a run's configuration.
#[derive(Debug, Args)]
pub struct RunFiles {
    /// Folder for the run [default: the first free runs/MODEL-N]
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    pub out: Option<PathBuf>,
    /// Options from a TOML file, such as the config.toml of a run; the command line wins
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub config: Option<PathBuf>,
    /// Go on with a run that stopped, exactly as if it had not; takes --steps, --threads and
    /// --data-dir only
    #[arg(long, value_name = "DIR", help_heading = "Files", conflicts_with_all = ["out", "config"])]
    pub resume: Option<PathBuf>,
}

impl<O: Options> FromArgMatches for TrainImages<O> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let files = RunFiles::from_arg_matches(matches)?;
        Ok(Self { matches: matches.clone(), files, options: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<O: Options> Args for TrainImages<O> {
    fn augment_args(command: clap::Command) -> clap::Command {
        RunFiles::augment_args(Config::<O>::add_options(command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// `gumbel train gan`.
#[derive(Debug)]
pub struct TrainGan {
    /// The options of the run, not yet merged with a file.
    pub matches: ArgMatches,
    /// Where it goes and comes from.
    pub files: RunFiles,
}

impl FromArgMatches for TrainGan {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { matches: matches.clone(), files: RunFiles::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for TrainGan {
    fn augment_args(command: clap::Command) -> clap::Command {
        RunFiles::augment_args(GanConfig::add_options(command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// `gumbel generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// Folder of a trained run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Images or strings to draw
    #[arg(long, default_value_t = 100, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: u32,
    /// PNG to write, or text with a string a line [default: samples.png or samples.txt]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Decides the draw
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

/// `gumbel data`.
#[derive(Debug, Subcommand)]
pub enum Data {
    /// What there is, and where
    List {
        /// Where data sets are looked for [default: $GUMBEL_DATA, then the platform's cache]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Download a data set and check it
    Fetch {
        /// mnist, binarized-mnist, fashion-mnist or omniglot
        name: String,
        /// Where to put it [default: $GUMBEL_DATA, else the platform's cache]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Another server that has the set's files
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
    },
}

/// The whole command, for completions and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
