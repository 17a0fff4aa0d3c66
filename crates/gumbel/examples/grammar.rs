//! A recurrent policy that learns to write balanced brackets, trained by the reward of what it wrote.
//!
//! A prompt says how many pairs of brackets to write, from one to five; an end token ends the string. The reward is 1 for a
//! string that is balanced and has as many pairs, and less the more is wrong. Five estimates train the same policy with the
//! same number of samples: RLOO, GRPO with the mean over each sequence's tokens, GRPO with a constant in place of the length
//! (Dr. GRPO), the unordered set of distinct sequences, and the gradient through relaxed strings (Gumbel-Softmax).
//!
//! `cargo run --release --example grammar` prints which share of the strings is right, the mean of three seeds. A policy that
//! has settled on another number of pairs for one prompt is right for the others: 80 %.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData, activation};
use gumbel::sequence::{GroupScore, Prefix, Sampler, Sequences, token_log_probs};
use gumbel::{Error, Noise, gumbel_softmax};
use network::linear;
use std::time::Instant;

/// An opening bracket, a closing one and the end.
const TOKENS: usize = 3;
const END: usize = 2;
/// A prompt requests one pair more than its number.
const PROMPTS: usize = 5;
const LONGEST: usize = 12;
const HIDDEN: usize = 32;
/// For each prompt and step.
const SAMPLES: usize = 8;
const STEPS: u64 = 800;
const RATE: f64 = 0.005;
const TAU: f64 = 0.7;
/// Runs of the program for each method.
const SEEDS: u64 = 3;

/// How the policy is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Not at all.
    Untrained,
    /// By independent strings.
    Group(&'static str, GroupScore),
    /// By distinct strings.
    UnorderedSet,
    /// By relaxed strings.
    GumbelSoftmax,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Untrained => "untrained",
            Self::Group(name, _) => name,
            Self::UnorderedSet => "unordered set",
            Self::GumbelSoftmax => "Gumbel-Softmax",
        }
    }
}

/// Those that are compared.
pub const METHODS: [Method; 6] = [
    Method::Untrained,
    Method::Group("RLOO", GroupScore::RLOO),
    Method::Group("GRPO", GroupScore::GRPO),
    Method::Group("Dr. GRPO", GroupScore::dr_grpo(LONGEST)),
    Method::UnorderedSet,
    Method::GumbelSoftmax,
];

/// What a policy writes.
pub struct Outcome {
    /// The share of strings with the requested number of balanced pairs.
    pub right: f64,
    /// The mean reward.
    pub reward: f64,
}

/// The hidden state `[N, HIDDEN]` of each prefix, and its prompt's vector.
type Memory = (Tensor<2>, Tensor<2>);

#[derive(Module, Debug)]
struct Policy {
    prompts: Param<Tensor<2>>,
    token: Linear,
    hidden: Linear,
    output: Linear,
}

impl Policy {
    fn new(noise: &mut Noise) -> Self {
        let device = Device::flex().autodiff();
        let prompts = noise.normal::<2>([PROMPTS, HIDDEN], &device).require_grad();
        Self {
            prompts: Param::initialized(ParamId::new(), prompts),
            token: linear(TOKENS, HIDDEN, noise, &device),
            hidden: linear(HIDDEN, HIDDEN, noise, &device),
            output: linear(HIDDEN, TOKENS, noise, &device),
        }
    }

    /// Before the first token of each prompt: the hidden state, and what is added to it at every token.
    fn start(&self) -> Memory {
        let prompts = self.prompts.val();
        (prompts.zeros_like(), prompts)
    }

    /// Reads a token `[N, TOKENS]`, hard or relaxed: the logits of the next one, and the memory.
    fn read(&self, (hidden, prompt): Memory, token: Tensor<2>) -> (Tensor<2>, Memory) {
        let hidden = self.token.forward(token) + self.hidden.forward(hidden) + prompt.clone();
        let hidden = activation::tanh(hidden);
        (self.output.forward(hidden.clone()), (hidden, prompt))
    }

    fn step(&self, memory: Memory, prefixes: &[Prefix<'_>]) -> (Tensor<2>, Memory) {
        let one = |prefix: &Prefix<'_>, token| f32::from(u8::from(prefix.last() == Some(token)));
        let last = prefixes.iter().flat_map(|prefix| (0..TOKENS).map(|token| one(prefix, token)));
        let last = TensorData::new(last.collect::<Vec<f32>>(), [prefixes.len(), TOKENS]);
        let last = Tensor::from_data(last, &memory.0.device());
        self.read(memory, last)
    }

    /// The loss whose gradient trains the policy.
    fn loss(&self, method: Method, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let (sampler, rows, writer) = (sampler()?, 0..PROMPTS, self.valid());
        let (start, step) = (writer.start(), |memory, prefixes: &[Prefix<'_>]| writer.step(memory, prefixes));
        let replayed = |drawn: &Sequences| {
            token_log_probs(drawn, rows.clone(), self.start(), |memory, prefixes| self.step(memory, prefixes))
        };
        match method {
            Method::Group(_, score) => {
                let drawn = sampler.independent(rows.clone(), SAMPLES, start, step, noise)?;
                score.loss(replayed(&drawn)?, drawn.mask(&Device::flex()), rewards_of(&drawn))
            }
            Method::UnorderedSet => {
                let drawn = sampler.distinct(rows.clone(), SAMPLES, start, step, noise)?;
                let log_probs = replayed(drawn.sequences())?.sum_dim(2).squeeze_dim(2);
                drawn.unordered_set_loss(log_probs, rewards_of(drawn.sequences()).neg())
            }
            Method::GumbelSoftmax => Ok(self.relaxed_rewards(noise)?.neg()),
            Method::Untrained => unreachable!("it has no loss"),
        }
    }

    /// The rewards of relaxed strings, SAMPLES for each prompt.
    fn relaxed_rewards(&self, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let (hidden, prompts) = self.start();
        let mut memory = (hidden.repeat_dim(0, SAMPLES), prompts.repeat_dim(0, SAMPLES));
        let count = PROMPTS * SAMPLES;
        let mut token = Tensor::zeros([count, TOKENS], &memory.0.device());
        let mut written = Vec::new();
        for _ in 0..LONGEST {
            let (logits, next) = self.read(memory, token);
            token = gumbel_softmax(logits, TAU, noise)?;
            written.push(token.clone());
            memory = next;
        }
        let requested = (0..count).map(|at| (at % PROMPTS + 1) as f32).collect();
        Ok(rewards(Tensor::stack(written, 1), requested))
    }
}

/// The rewards of strings `[N, length, TOKENS]`, hard or relaxed, by how many pairs were requested of each.
fn rewards(written: Tensor<3>, requested: Vec<f32>) -> Tensor<1> {
    let [count, length, _] = written.dims();
    let device = written.device();
    let requested = Tensor::from_data(TensorData::new(requested, [count, 1]), &device);
    let mut alive = Tensor::<2>::ones([count, 1], &device);
    let mut depth = Tensor::<2>::zeros([count, 1], &device);
    let (mut opened, mut wrong) = (depth.clone(), depth.clone());
    for at in 0..length {
        let token =
            |token| written.clone().slice([0..count, at..at + 1, token..token + 1]).reshape([count, 1]);
        let open = alive.clone() * token(0);
        depth = depth + open.clone() - alive.clone() * token(1);
        opened = opened + open;
        wrong = wrong + alive.clone() * activation::relu(depth.clone().neg());
        alive = alive * (token(END).neg() + 1.0);
    }
    let wrong = wrong + depth.abs() + (opened - requested).abs() + alive;
    (wrong * -0.5).exp().squeeze_dim(1)
}

/// The rewards of sampled strings, `[PROMPTS, samples]`.
fn rewards_of(drawn: &Sequences) -> Tensor<2> {
    let (samples, length) = (drawn.samples(), drawn.length());
    let written = drawn.tokens(&Device::flex()).one_hot::<4>(TOKENS).float();
    let requested = (0..PROMPTS * samples).map(|at| (at / samples + 1) as f32).collect();
    rewards(written.reshape([PROMPTS * samples, length, TOKENS]), requested).reshape([PROMPTS, samples])
}

fn sampler() -> Result<Sampler, Error> {
    Ok(Sampler::new(LONGEST)?.with_end(END))
}

/// Trains by a method from a seed, and judges 500 strings for each prompt.
pub fn run(method: Method, seed: u64) -> Result<Outcome, Error> {
    let root = Noise::from_seed(seed);
    let mut policy = Policy::new(&mut root.split(0));
    let mut adam = AdamConfig::new().init();
    let steps = if method == Method::Untrained { 0 } else { STEPS };
    for step in 0..steps {
        let loss = policy.loss(method, &mut root.split(1 + step))?.mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &policy);
        policy = adam.step(RATE, policy, gradients);
    }
    let policy = policy.valid();
    let (start, step) = (policy.start(), |memory, prefixes: &[Prefix<'_>]| policy.step(memory, prefixes));
    let drawn = sampler()?.independent(0..PROMPTS, 500, start, step, &mut root.split(1 + STEPS))?;
    let rewards = rewards_of(&drawn);
    let right = rewards.clone().equal_elem(1.0).float().mean().into_scalar::<f32>();
    Ok(Outcome { right: right.into(), reward: rewards.mean().into_scalar::<f32>().into() })
}

#[allow(dead_code)] // of the test that includes this file
fn main() -> Result<(), Error> {
    let first = std::env::args().nth(1).map_or(1, |seed| seed.parse().expect("a seed is a number"));
    let seeds = first..first + SEEDS;
    println!("{:<16} right, of {SEEDS} seeds{:>16}{:>11}", "", "reward", "seconds");
    for method in METHODS {
        let start = Instant::now();
        let outcomes = seeds.clone().map(|seed| run(method, seed)).collect::<Result<Vec<_>, _>>()?;
        let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / SEEDS as f64;
        let each: Vec<String> =
            outcomes.iter().map(|outcome| format!("{:3.0}", 100.0 * outcome.right)).collect();
        let (right, reward) = (100.0 * mean(|outcome| outcome.right), mean(|outcome| outcome.reward));
        let seconds = start.elapsed().as_secs_f64();
        println!("{:<16} {right:>5.1} % ({}) {reward:>10.3} {seconds:>10.1}", method.name(), each.join(" "));
    }
    Ok(())
}
