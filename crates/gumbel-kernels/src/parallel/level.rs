//! The vector instructions that kernels use, chosen once at run time.
//!
//! Each kernel is one generic body that the compiler vectorises. It is compiled here once per instruction set,
//! and the best set that the processor has is called.

// The one file with unsafe code: calling a function that was compiled for a processor feature.
#![allow(unsafe_code)]

use crate::Real;
use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

/// The set of vector instructions that `f32` kernels use.
///
/// The best set that the processor has is chosen at the first use and kept. The environment variable
/// `GUMBEL_LEVEL` (`baseline`, `avx2`, `avx512` or `neon`) overrides the choice.
///
/// Random bits and `f64` results are the same at every level. `f32` results are the same at all levels with
/// fused multiply-add; those of [`Level::Baseline`], which rounds twice, differ from them by a few units in the
/// last place.
///
/// ```
/// use gumbel_kernels::Level;
/// assert!(Level::available().contains(&Level::current()));
/// assert_eq!(Level::Avx512.to_string(), "avx512");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Level {
    /// The instructions that every processor of the architecture has.
    Baseline = 1,
    /// AVX2 with fused multiply-add.
    Avx2 = 2,
    /// AVX-512 F, VL, BW and DQ.
    Avx512 = 3,
    /// The vector instructions of 64-bit ARM.
    Neon = 4,
}

/// `GUMBEL_LEVEL` is not the name of a level of this machine.
///
/// ```
/// use gumbel_kernels::{Level, UnknownLevel};
/// let unknown = UnknownLevel { name: "avx1024".into(), available: vec![Level::Baseline] };
/// assert_eq!(unknown.to_string(), r#"unknown GUMBEL_LEVEL "avx1024"; on this machine expected one of: baseline"#);
/// assert_eq!(unknown.available.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown GUMBEL_LEVEL {:?}; on this machine expected one of: {}",
    name.chars().take(60).collect::<String>(),
    available.iter().map(Level::to_string).collect::<Vec<_>>().join(", ")
)]
pub struct UnknownLevel {
    /// The value of the variable.
    pub name: String,
    /// [`Level::available`].
    pub available: Vec<Level>,
}

const ALL: [Level; 4] = [Level::Baseline, Level::Avx2, Level::Avx512, Level::Neon];

/// The level in use; 0 until it is chosen. Only levels that this machine has are ever stored.
static CURRENT: AtomicU8 = AtomicU8::new(0);

impl Level {
    /// The level in use.
    ///
    /// # Panics
    /// At the first use, where [`check`](Self::check) fails: falling back to another level would pass its results off as
    /// those of the requested one.
    pub fn current() -> Self {
        #[cfg(test)]
        if let Some(level) = forced::level() {
            return level;
        }
        match CURRENT.load(Ordering::Relaxed) {
            1 => Level::Baseline,
            2 => Level::Avx2,
            3 => Level::Avx512,
            4 => Level::Neon,
            _ => Self::choose().unwrap_or_else(|error| panic!("{error}")),
        }
    }

    /// Chooses the level, so that [`current`](Self::current) cannot panic; a program calls it once, at its start.
    ///
    /// ```
    /// use gumbel_kernels::Level;
    /// assert_eq!(Level::check(), Ok(()));
    /// ```
    ///
    /// # Errors
    /// `GUMBEL_LEVEL` is not the name of a level of this machine.
    pub fn check() -> Result<(), UnknownLevel> {
        if CURRENT.load(Ordering::Relaxed) == 0 { Self::choose().map(drop) } else { Ok(()) }
    }

    /// The levels that this machine has, from the plainest to the best: the valid values of `GUMBEL_LEVEL`.
    ///
    /// ```
    /// use gumbel_kernels::Level;
    /// assert_eq!(Level::available()[0], Level::Baseline);
    /// ```
    pub fn available() -> Vec<Self> {
        ALL.into_iter().filter(|level| level.detected()).collect()
    }

    #[cold]
    fn choose() -> Result<Self, UnknownLevel> {
        let levels = Self::available();
        let level = match std::env::var_os("GUMBEL_LEVEL") {
            Some(name) => Self::requested(&name.to_string_lossy(), &levels)?,
            None => levels.last().copied().unwrap_or(Level::Baseline),
        };
        CURRENT.store(level as u8, Ordering::Relaxed);
        Ok(level)
    }

    fn requested(name: &str, levels: &[Self]) -> Result<Self, UnknownLevel> {
        let level = levels.iter().copied().find(|level| level.to_string() == name);
        level.ok_or_else(|| UnknownLevel { name: name.into(), available: levels.to_vec() })
    }

    #[cfg(target_arch = "x86_64")]
    fn detected(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma");
        match self {
            Level::Baseline => true,
            Level::Avx2 => avx2,
            Level::Avx512 => {
                avx2 && has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq")
            }
            Level::Neon => false,
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn detected(self) -> bool {
        match self {
            Level::Baseline => true,
            Level::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            _ => false,
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn detected(self) -> bool {
        self == Level::Baseline
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Baseline => "baseline",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
            Level::Neon => "neon",
        })
    }
}

/// Work that is compiled once per level. `run`, and every function that it should vectorise, must be
/// `#[inline(always)]`: only code that is inlined into the functions below is compiled for their features.
pub(crate) trait Kernel {
    type Output;
    /// `FMA`: whether the level multiplies and adds in one instruction.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Runs the kernel at the current level.
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    match Level::current() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: only detected levels become current, so the processor has AVX2 and FMA.
            unsafe { avx2(kernel) }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => {
            // SAFETY: only detected levels become current, so the processor has AVX-512 F, VL, BW and DQ.
            unsafe { avx512(kernel) }
        }
        #[cfg(target_arch = "aarch64")]
        Level::Neon => {
            // SAFETY: only detected levels become current, so the processor has NEON.
            unsafe { neon(kernel) }
        }
        _ => kernel.run::<false>(),
    }
}

/// Runs a kernel on numbers of type `T`, at the current level if that type is vectorised.
pub(crate) fn run_on<T: Real, K: Kernel>(kernel: K) -> K::Output {
    if T::VECTORIZED { run(kernel) } else { kernel.run::<false>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true>()
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn neon<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true>()
}

/// Levels for tests. Tests share a process, so a test sets the level of its threads and not of the process.
#[cfg(test)]
pub(crate) mod forced {
    use super::Level;
    use std::cell::Cell;

    thread_local! {
        static LEVEL: Cell<Option<Level>> = const { Cell::new(None) };
    }

    pub(super) fn level() -> Option<Level> {
        LEVEL.get()
    }

    /// Runs on a pool of `threads` threads, all at one level.
    pub(crate) fn at<R: Send>(level: Level, threads: usize, run: impl FnOnce() -> R + Send) -> R {
        assert!(level.detected(), "this machine has the levels {:?}, not {level:?}", Level::available());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.start_handler(move |_| LEVEL.set(Some(level))).build();
        pool.expect("a pool of a few threads").install(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_requested_by_name() {
        assert_eq!(Level::requested("avx2", &ALL), Ok(Level::Avx2));
        assert_eq!(Level::requested("baseline", &Level::available()), Ok(Level::Baseline));
    }

    #[test]
    fn unknown_levels_are_rejected_with_those_of_the_machine() {
        let refused =
            |name: &str| Level::requested(name, &[Level::Baseline, Level::Avx2]).unwrap_err().to_string();
        let expected = "on this machine expected one of: baseline, avx2";
        for name in ["mmx", "", "AVX2", "neon"] {
            assert_eq!(refused(name), format!("unknown GUMBEL_LEVEL {name:?}; {expected}"));
        }
        assert_eq!(refused("\u{1b}[2J"), format!("unknown GUMBEL_LEVEL \"\\u{{1b}}[2J\"; {expected}"));
        assert!(refused(&"x".repeat(10_000)).len() < 200);
    }
}
