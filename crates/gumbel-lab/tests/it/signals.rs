//! Every loop over a user's number hears a signal: the program ends soon, with 130, and nothing is half written.
#![cfg(target_os = "linux")]

use crate::program::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Commands that write nothing before their end. Each would take hours.
const NOTHING: &[&str] = &[
    "show --only score-function --samples 1000000000",
    "show --only rounding --samples 1000000000",
    "measure --estimator rloo --replicates 1000000000000",
    "measure --estimator rloo --warm-up 1000000000",
    "measure --estimator rloo --problem tucker --train --steps 1000000000",
    "measure --estimator rloo --problem tucker --train --runs 100000",
];

/// Commands that keep a checkpoint.
const CHECKPOINT: &[&str] = &[
    "train vae --hidden 8 --steps 1000000000000 --evaluate-every 1000000000",
    "train vae --hidden 8 --gradient-variance 1000000000",
    "train vae --hidden 8 --steps 1 --importance-samples 1000000000",
    "train gan --hidden 8 --strings 1000000000",
    "compare --out OUT --estimators gumbel-softmax,reinforce train vae --hidden 8 --gradient-variance 1000000000",
];

fn begin(words: &[&str], stdin: Stdio) -> Child {
    let mut command = Command::new(GUMBEL);
    command.args(words).stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("starts")
}

/// Waits until a process has a handler for SIGTERM, and a little longer, so that it is in its loop.
fn until_it_listens(child: &Child) {
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    };
    let begun = Instant::now();
    while caught() & (1 << (Signal::SIGTERM as u32 - 1)) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it installs no handler");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(1500));
}

/// The exit code after SIGTERM, twice, as `timeout` sends it. The limit is far above the second that it takes on an idle machine.
fn code_after_a_signal(mut child: Child) -> Option<i32> {
    until_it_listens(&child);
    let signal = || kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM);
    signal().expect("a running child");
    let sent = Instant::now();
    std::thread::sleep(Duration::from_millis(5)); // Else both may be delivered as one.
    let _ = signal(); // It may have ended.
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        if sent.elapsed() > Duration::from_secs(20) {
            child.kill().expect("a running child");
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Unfinished files anywhere in a folder.
fn partial(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        found.extend(partial(&entry.path()));
        found.extend(entry.file_name().into_string().ok().filter(|name| name.starts_with(".partial-")));
    }
    found
}

#[test]
fn what_writes_nothing_before_its_end_leaves_nothing() {
    for line in NOTHING {
        let (folder, out) = folder();
        let words: Vec<&str> = line.split(' ').chain(["--out", utf8(&out)]).collect();
        assert_eq!(code_after_a_signal(begin(&words, Stdio::null())), Some(130), "{line}");
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 0, "{line}");
    }
}

#[test]
fn what_trains_stops_with_a_checkpoint_in_the_middle_of_an_evaluation_too() {
    for line in CHECKPOINT {
        let (_folder, out) = folder();
        let mut words: Vec<&str> =
            line.split(' ').map(|word| if word == "OUT" { utf8(&out) } else { word }).collect();
        if !words.contains(&utf8(&out)) {
            words.extend(["--out", utf8(&out)]);
        }
        assert_eq!(code_after_a_signal(begin(&words, Stdio::null())), Some(130), "{line}");
        assert_eq!(partial(&out), Vec::<String>::new(), "{line}");
        let run = if line.starts_with("compare") { out.join("gumbel-softmax") } else { out };
        assert!(run.join("checkpoint/training.safetensors").is_file(), "{line}");
        assert!(!run.join("summary.json").exists(), "{line} has ended before the signal");
    }
}

#[test]
fn what_reads_a_run_or_a_stream_or_waits_for_a_server_stops() {
    let (folder, run) = folder();
    succeed(&train(&run, &["--steps", "20"]));
    let evaluate = begin(&["evaluate", utf8(&run), "--importance-samples", "4000000000"], Stdio::null());
    assert_eq!(code_after_a_signal(evaluate), Some(130));

    let mut rows = Command::new("yes").arg("1,2,3").stdout(Stdio::piped()).spawn().expect("yes");
    let (stdin, out) = (Stdio::from(rows.stdout.take().expect("a pipe")), folder.path().join("drawn.npy"));
    let sample = begin(&["sample", "-", "--out", utf8(&out)], stdin);
    assert_eq!(code_after_a_signal(sample), Some(130));
    rows.kill().and_then(|()| rows.wait()).expect("a child");

    // It takes connections and never answers.
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    let data = folder.path().join("data");
    let fetch =
        begin(&["data", "fetch", "mnist", "--base-url", &url, "--data-dir", utf8(&data)], Stdio::null());
    assert_eq!(code_after_a_signal(fetch), Some(130));

    assert_eq!(partial(folder.path()), Vec::<String>::new());
    assert!(!out.exists());
}

/// A `sample` of a stream without an end.
struct Endless([Child; 2]);

impl Endless {
    fn begin(out: &Path) -> Self {
        let mut rows = Command::new("yes").arg("1,2,3").stdout(Stdio::piped()).spawn().expect("yes");
        let stdin = Stdio::from(rows.stdout.take().expect("a pipe"));
        Self([rows, begin(&["sample", "-", "--threads", "1", "--out", utf8(out)], stdin)])
    }

    /// The unfinished file that it writes to.
    fn unfinished(&mut self, folder: &Path, before: &[&String]) -> String {
        loop {
            assert!(self.0[1].try_wait().expect("a child").is_none(), "it has ended");
            if let Some(new) = partial(folder).into_iter().find(|name| !before.contains(&name)) {
                return new;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// By SIGKILL, which no process hears.
    fn kill(mut self) {
        for child in &mut self.0 {
            child.kill().and_then(|()| child.wait()).expect("a child");
        }
    }
}

#[test]
fn what_kill_9_leaves_of_a_file_is_cleared_by_the_next_command_that_writes_it() {
    let (folder, _) = folder();
    let [logits, out, other] = ["logits.csv", "out.npy", "other.npy"].map(|name| folder.path().join(name));
    std::fs::write(&logits, "1,2,3\n").expect("written");
    let write = |out: &Path| succeed(&gumbel(&["sample", utf8(&logits), "--out", utf8(out)]));
    let killed = |out: &Path, before: &[&String]| {
        let mut endless = Endless::begin(out);
        let left = endless.unfinished(folder.path(), before);
        endless.kill();
        left
    };
    let dead = killed(&out, &[]);
    let of_other = killed(&other, &[&dead]);
    let mut living = Endless::begin(&out);
    let mut expected = vec![living.unfinished(folder.path(), &[&dead, &of_other]), of_other];
    expected.sort();
    let left = || {
        let mut names = partial(folder.path());
        names.sort();
        names
    };
    assert_eq!(left(), expected, "{dead} was left, and another process writes the same file");
    write(&out);
    assert_eq!(left(), expected, "a file that is being written was removed");
    living.kill();
    write(&out);
    write(&other);
    assert_eq!(left(), Vec::<String>::new());
}
