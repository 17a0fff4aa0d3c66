//! A recurrent policy that learns to write balanced brackets, trained by the reward of what it wrote.
//!
//! A prompt says how many pairs of brackets to write, from one to four; an end token ends the string. The reward is 1 for a
//! string that is balanced and has as many pairs, and less the more is wrong. Five estimates train the same policy with the
//! same number of samples: RLOO, GRPO with the mean over each sequence's tokens, GRPO with a constant in place of the length
//! (Dr. GRPO), the unordered set of distinct sequences, and the gradient through relaxed strings (Gumbel-Softmax).
//!
//! `cargo run --release --example grammar` prints which share of the strings is right: 2 % before training.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::{AutodiffModule, Module, Param, ParamId};
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
const PROMPTS: usize = 4;
const LONGEST: usize = 10;
const HIDDEN: usize = 32;
/// For each prompt and step.
const SAMPLES: usize = 8;
const STEPS: u64 = 400;
const RATE: f64 = 0.01;
const TAU: f64 = 0.7;

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

    /// Reads a token `[N, TOKENS]`, hard or relaxed: the logits of the next one, and the state.
    fn read(&self, state: Tensor<2>, token: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let state = activation::tanh(self.token.forward(token) + self.hidden.forward(state));
        (self.output.forward(state.clone()), state)
    }

    fn step(&self, state: Tensor<2>, prefixes: &[Prefix<'_>]) -> (Tensor<2>, Tensor<2>) {
        let one = |prefix: &Prefix<'_>, token| f32::from(u8::from(prefix.last() == Some(token)));
        let last = prefixes.iter().flat_map(|prefix| (0..TOKENS).map(|token| one(prefix, token)));
        let last = TensorData::new(last.collect::<Vec<f32>>(), [prefixes.len(), TOKENS]);
        let last = Tensor::from_data(last, &state.device());
        self.read(state, last)
    }

    /// The loss whose gradient trains the policy.
    fn loss(&self, method: Method, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let (sampler, rows, writer) = (sampler()?, 0..PROMPTS, self.valid());
        let (start, step) = (writer.prompts.val(), |state, prefixes: &[Prefix<'_>]| writer.step(state, prefixes));
        let replayed = |drawn: &Sequences| {
            token_log_probs(drawn, rows.clone(), self.prompts.val(), |state, prefixes| self.step(state, prefixes))
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
        let mut state = self.prompts.val().repeat_dim(0, SAMPLES);
        let count = PROMPTS * SAMPLES;
        let mut token = Tensor::zeros([count, TOKENS], &state.device());
        let mut written = Vec::new();
        for _ in 0..LONGEST {
            let (logits, next) = self.read(state, token);
            token = gumbel_softmax(logits, TAU, noise)?;
            written.push(token.clone());
            state = next;
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
        let token = |token| written.clone().slice([0..count, at..at + 1, token..token + 1]).reshape([count, 1]);
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
    let (start, step) = (policy.prompts.val(), |state, prefixes: &[Prefix<'_>]| policy.step(state, prefixes));
    let drawn = sampler()?.independent(0..PROMPTS, 500, start, step, &mut root.split(1 + STEPS))?;
    let rewards = rewards_of(&drawn);
    let right = rewards.clone().equal_elem(1.0).float().mean().into_scalar::<f32>();
    Ok(Outcome { right: right.into(), reward: rewards.mean().into_scalar::<f32>().into() })
}

#[allow(dead_code)] // of the test that includes this file
fn main() -> Result<(), Error> {
    let seed = std::env::args().nth(1).map_or(1, |seed| seed.parse().expect("a seed is a number"));
    println!("{:<16} {:>8} {:>8} {:>9}", "", "right", "reward", "seconds");
    for method in METHODS {
        let (name, start) = (if let Method::Group(name, _) = method { name.into() } else { format!("{method:?}") }, Instant::now());
        let Outcome { right, reward } = run(method, seed)?;
        println!("{name:<16} {:>6.1} % {reward:>8.3} {:>9.1}", 100.0 * right, start.elapsed().as_secs_f64());
    }
    Ok(())
}
