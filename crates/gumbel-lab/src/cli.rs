//! The command line.

use crate::config::{Config, GanConfig, Options, SbnOptions, SemiOptions, TextOptions, Typed, VaeOptions};
use crate::logits::Format;
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
  gumbel measure --problem quadratic --dims 2 --categories 4
  gumbel show")]
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
    /// Make a published result again, and put it beside the paper's
    #[command(after_help = "Examples:
  gumbel reproduce                                          what there is, and what it costs
  gumbel reproduce jang-table-1 --data-dir DIR              three seeds of everything, short runs
  gumbel reproduce jang-table-1 --budget full --jobs 8      as far as a machine reasonably goes
  gumbel reproduce tau-tradeoff --only gumbel-softmax       a part of it

The same command goes on where it stopped; what has finished is not made again.")]
    Reproduce(Reproduce),
    /// Show what is claimed of Gumbel-Softmax: each claim computed, drawn and tested
    Show(crate::claims::Options),
    /// Draw from a trained model
    Generate(Generate),
    /// Draw for every row of logits in a file
    #[command(after_help = "Examples:
  gumbel sample logits.npy --out drawn.npy                  an index for each row
  gumbel sample logits.csv --top-k 5                        five different ones, in the order drawn
  gumbel sample model.safetensors --tensor logits --tau 0.5 --out relaxed.safetensors
  zcat logits.csv.gz | gumbel sample - --seed 3 > drawn.csv

A logit of -inf masks its category. The file may be larger than memory. The same seed gives the same draws, whatever the
number of threads.")]
    Sample(Sample),
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
    /// Classes and styles of binary images, from the labels of a few: a discrete class and a Gaussian style
    #[command(args_override_self = true)]
    #[command(after_help = "Examples:
  gumbel train semi                                         the built-in digits, 100 labels
  gumbel train semi --data mnist --lr linear:6e-3:1e-3:4000 --steps 4000     MNIST, as in results/
  gumbel train semi --estimator exact                       the class marginalised instead of sampled
  gumbel train semi --estimator straight-through-gumbel     hard samples of it
  gumbel train semi --labels 1000 --seed 3                  other labels, more of them
  gumbel train semi --classes 100 --labels-from random      a hundred classes without a meaning, for timing
  gumbel generate runs/semi-1                               each class in turn, a style for each row of ten

The hard negative ELBO of unlabelled test images sums over the classes, with one style for each.")]
    Semi(Box<TrainImages<SemiOptions>>),
    /// An autoencoder of short strings with D categorical latents of K categories
    #[command(args_override_self = true)]
    #[command(after_help = "Examples:
  gumbel train text                                         generated sentences, about a minute
  gumbel train text --data shakespeare --data-dir DIR       DIR/tiny-shakespeare/input.txt in windows of 16 characters
  gumbel train text --data book.txt --length 12             any text, in windows of 12
  gumbel train text --estimator rloo:samples=4              the score function instead
  gumbel train text --resume runs/text-1                    go on where a run stopped
  gumbel generate runs/text-1 --count 20                    new strings, one a line

Given the latents the characters are independent: all that binds them goes through the latents. Costs stand beside those
of counting single characters and pairs in the training text.")]
    Text(Box<TrainImages<TextOptions>>),
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
            Self::Semi(_) => SemiOptions::MODEL,
            Self::Text(_) => TextOptions::MODEL,
            Self::Gan(_) => GanConfig::MODEL,
        }
    }

    /// What was said on the command line.
    pub fn matches(&self) -> &ArgMatches {
        match self {
            Self::Vae(options) => &options.matches,
            Self::Sbn(options) => &options.matches,
            Self::Semi(options) => &options.matches,
            Self::Text(options) => &options.matches,
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

/// `gumbel train`, for a model of images or strings with such options.
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

/// `gumbel reproduce`.
#[derive(Debug, Args)]
pub struct Reproduce {
    /// What to reproduce; without it, what there is
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Say what there is, where it comes from and what it costs
    #[arg(long)]
    pub list: bool,
    /// How much work to spend
    #[arg(long, value_enum, default_value_t = crate::reproduce::Budget::Short, value_name = "BUDGET")]
    pub budget: crate::reproduce::Budget,
    /// Runs of each cell, with seeds 0 to N - 1 [default: 3, of smoke 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: Option<u64>,
    /// Folder; one that has begun goes on [default: runs/reproduce-NAME, with -smoke or -full after it]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where data sets are looked for [default: $GUMBEL_DATA, then the platform's cache]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Runs at a time, each on one thread [default: one for each core; 1 where time is measured]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Only runs that have one of these in their names
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub only: Vec<String>,
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

/// `gumbel sample`.
#[derive(Debug, Args)]
pub struct Sample {
    /// Rows of logits in .npy, .csv or .safetensors; - for standard input
    #[arg(value_name = "FILE")]
    pub logits: PathBuf,
    /// Draw N different indices for each row, without replacement, instead of one
    #[arg(long, value_name = "N", conflicts_with = "tau")]
    pub top_k: Option<usize>,
    /// Draw relaxed samples at this temperature, a row of numbers each, instead of indices
    #[arg(long, value_name = "TAU", allow_negative_numbers = true)]
    pub tau: Option<f64>,
    /// The tensor, where a safetensors file has several
    #[arg(long, value_name = "NAME")]
    pub tensor: Option<String>,
    /// Format of the logits [default: by the file's name, else by its first bytes]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Decides the draws
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Threads, 0 for one per core; the draws do not depend on it
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub threads: usize,
    /// File to write, .npy, .csv or .safetensors [default: standard output, as csv]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
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
