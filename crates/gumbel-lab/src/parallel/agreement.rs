//! What all processes must know before they go on: without it, some would wait for those that have ended.

use super::Communicator;
use crate::support::interrupt::Interrupted;
use anyhow::{Error, Result, anyhow, bail};

const DONE: u8 = 0;
const UNFINISHED: u8 = 1;
const INTERRUPTED: u8 = 2;
const FAILED: u8 = 3;

/// The value of this process if all succeeded; else an error everywhere: that of the first process that failed, or
/// [`Interrupted`] if one was.
///
/// # Errors
/// Those of any process.
pub fn agreed<T>(world: &dyn Communicator, mine: Result<T>) -> Result<T> {
    if world.size() == 1 {
        return mine;
    }
    let (code, value) = match mine {
        Ok(value) => (DONE, Ok(value)),
        Err(error) => (code_of(&error), Err(error)),
    };
    decide(world, code, value).map(|(_, value)| value)
}

/// Whether every process says yes.
///
/// # Errors
/// As [`agreed`].
pub fn all(world: &dyn Communicator, mine: Result<bool>) -> Result<bool> {
    if world.size() == 1 {
        return mine;
    }
    let code = match &mine {
        Ok(true) => DONE,
        Ok(false) => UNFINISHED,
        Err(error) => code_of(error),
    };
    decide(world, code, mine).map(|(worst, _)| worst == DONE)
}

/// Rejects processes that differ in what must be the same.
///
/// # Errors
/// The first process that differs from process 0.
pub fn same(world: &dyn Communicator, what: &str, mine: &str) -> Result<()> {
    let all = world.gather(mine.as_bytes());
    let Some(rank) = all.iter().position(|other| *other != all[0]) else { return Ok(()) };
    let [first, other] = [0, rank].map(|rank| String::from_utf8_lossy(&all[rank]).into_owned());
    bail!(
        "the {what} of process {rank} is not that of process 0: got {other}, expected {first}; start all processes alike"
    )
}

fn code_of(error: &Error) -> u8 {
    if error.is::<Interrupted>() { INTERRUPTED } else { FAILED }
}

/// The worst code of all, with the value of this process.
fn decide<T>(world: &dyn Communicator, code: u8, mine: Result<T>) -> Result<(u8, T)> {
    let codes: Vec<u8> = world.gather(&[code]).concat();
    let worst = *codes.iter().max().expect("there is a process");
    match worst {
        FAILED => {
            let rank = codes.iter().position(|&code| code == FAILED).expect("it is the worst");
            Err(failure(world, rank, mine))
        }
        INTERRUPTED => Err(Interrupted.into()),
        worst => mine.map(|value| (worst, value)),
    }
}

/// The error of a process; its own keeps its type.
fn failure<T>(world: &dyn Communicator, rank: usize, mine: Result<T>) -> Error {
    let own = mine.err();
    let text = own.as_ref().map(|error| format!("{error:#}")).unwrap_or_default();
    let texts = world.gather(text.as_bytes());
    match own {
        Some(error) if world.rank() == rank => error,
        _ => anyhow!("process {rank}: {}", String::from_utf8_lossy(&texts[rank])),
    }
}
