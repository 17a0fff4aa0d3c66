//! The progress bar of long work, and the request to stop it.

use super::atomic_file;
use indicatif::ProgressBar;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The request to stop, shared between a signal's handler and the work.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

/// Work that was left unfinished because of a [`Stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Signals that are nearer to each other are one: `timeout` and `mpirun` signal a process, and then its group.
const ONE_SIGNAL: Duration = Duration::from_millis(500);

/// The exit code of an interrupted program: 128 and the number of SIGINT.
pub const INTERRUPTED: u8 = 130;

impl Stop {
    /// One that Ctrl-C or a termination signal sets; another such signal, later, ends the program at once.
    pub fn at_a_signal() -> Self {
        let stop = Self::default();
        let (request, mut first) = (stop.clone(), None);
        // The first handler of a process stays: there is one command in each.
        let _ = ctrlc::set_handler(move || {
            request.request();
            if first.get_or_insert_with(Instant::now).elapsed() > ONE_SIGNAL {
                exit();
            }
        });
        stop
    }

    /// Requests a stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// An error once a stop is requested.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.requested() { Err(Interrupted) } else { Ok(()) }
    }
}

/// Lets Ctrl-C or a termination signal end the program at once, whatever it computes: for work of which a part is worth nothing.
/// `leave` takes back what was begun; nothing temporary is left behind.
pub fn exit_at_a_signal(leave: impl Fn() + Send + 'static) -> Undisturbed {
    let undisturbed = Undisturbed::default();
    let held = undisturbed.clone();
    let _ = ctrlc::set_handler(move || {
        let _held = held.hold();
        leave();
        exit();
    });
    undisturbed
}

/// Lets a signal wait while results of several files are written.
#[derive(Clone, Debug, Default)]
pub struct Undisturbed(Arc<Mutex<()>>);

impl Undisturbed {
    /// A signal waits until the guard is dropped.
    pub fn hold(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a write beyond the limit of the size of files (`ulimit -f`) be an error, and not the end of the process.
pub fn survive_file_size_limit() {
    // Any handler does; a flag that nobody reads is one without code of our own in a signal.
    #[cfg(unix)]
    drop(signal_hook::flag::register(nix::libc::SIGXFSZ, Arc::default()));
}

fn exit() {
    atomic_file::remove_unfinished();
    std::process::exit(i32::from(INTERRUPTED));
}

/// A progress bar and the request to stop.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Shows how far the work is.
    pub bar: ProgressBar,
    /// The request to stop, checked at intervals.
    pub stop: Stop,
}

impl Watch {
    /// Shows nothing and never stops.
    pub fn nothing() -> Self {
        Self { bar: ProgressBar::hidden(), stop: Stop::default() }
    }

    /// Counts work done; fails once a stop is requested.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn done(&self, amount: usize) -> Result<(), Interrupted> {
        self.bar.inc(amount as u64);
        self.stop.check()
    }
}
