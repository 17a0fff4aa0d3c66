//! Which vector instructions the kernels use, chosen once at run time.
//!
//! Each kernel is one generic body that the compiler vectorises. Here it is compiled once per instruction
//! set, and the best one that the processor has is called. The random bits are the same at every level, and
//! so are `f64` results. `f32` results are the same at all levels with fused multiply-add; from those,
//! [`Level::Baseline`] differs by a few units in the last place.
//!
//! The environment variable `GUMBEL_LEVEL` (`baseline`, `avx2`, `avx512` or `neon`) overrides the choice.

// The one file with unsafe code: calling a function that was compiled for a processor feature.
#![allow(unsafe_code)]

use crate::Real;
use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// What every processor of the architecture has.
    Baseline = 1,
    /// AVX2 with fused multiply-add.
    Avx2 = 2,
    /// AVX-512 F, VL, BW and DQ.
    Avx512 = 3,
    /// The vector instructions of 64-bit ARM.
    Neon = 4,
}

const ALL: [Level; 4] = [Level::Baseline, Level::Avx2, Level::Avx512, Level::Neon];

/// The level in use; 0 until it is known. Only levels that this machine has are ever stored.
static CURRENT: AtomicU8 = AtomicU8::new(0);

impl Level {
    /// The level in use.
    ///
    /// # Panics
    /// At the first use, if `GUMBEL_LEVEL` names no level of this machine: whoever sets it wants that one,
    /// and would take another one's results for it.
    pub fn current() -> Self {
        match CURRENT.load(Ordering::Relaxed) {
            1 => Level::Baseline,
            2 => Level::Avx2,
            3 => Level::Avx512,
            4 => Level::Neon,
            _ => Self::choose(),
        }
    }

    /// The levels that this machine has, from the plainest to the best.
    ///
    /// ```
    /// use gumbel_kernels::Level;
    /// assert_eq!(Level::available()[0], Level::Baseline);
    /// ```
    pub fn available() -> Vec<Self> {
        ALL.into_iter().filter(|level| level.detected()).collect()
    }

    /// Makes this the level of the whole process from now on: for tests and measurements.
    ///
    /// # Panics
    /// If this machine does not have it.
    ///
    /// ```
    /// use gumbel_kernels::Level;
    /// Level::Baseline.force();
    /// assert_eq!(Level::current(), Level::Baseline);
    /// ```
    pub fn force(self) {
        assert!(self.detected(), "this machine has the levels {:?}, not {self:?}", Self::available());
        CURRENT.store(self as u8, Ordering::Relaxed);
    }

    /// The level of that name, in lower case.
    ///
    /// ```
    /// use gumbel_kernels::Level;
    /// assert_eq!(Level::named("avx2"), Some(Level::Avx2));
    /// assert_eq!(Level::named("mmx"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|level| level.to_string() == name)
    }

    #[cold]
    fn choose() -> Self {
        let level = match std::env::var("GUMBEL_LEVEL") {
            Ok(name) => Self::named(&name)
                .unwrap_or_else(|| panic!("GUMBEL_LEVEL is {name:?}, not baseline, avx2, avx512 or neon")),
            Err(_) => Self::available().pop().unwrap_or(Level::Baseline),
        };
        level.force();
        level
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

/// Work that is compiled once per level. `run`, and all that should be vectorised in it, must be
/// `#[inline(always)]`: only what is inlined into the functions below is compiled for their features.
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

/// Runs a kernel on numbers `T` at the current level, if there are vector instructions for them.
pub(crate) fn run_on<T: Real, K: Kernel>(kernel: K) -> K::Output {
    if T::VECTORISED { run(kernel) } else { kernel.run::<false>() }
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
