//! `gumbel watch`: the report of a run that is still running.

use crate::experiment::of_run;
use crate::page::Rendered;
use crate::run::RunFolder;
use crate::support::interrupt::Stop;
use crate::support::stdout::print;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// `gumbel watch`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gumbel watch runs/vae-1                                   runs/vae-1/live.html, until the end
  gumbel watch runs/vae-1 --once                            the page so far

Open the page in a browser: it reloads itself. The running process may be on another machine that
shares the folder.")]
pub struct Watch {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Seconds between refreshes, from 1 to 3600
    #[arg(long, default_value_t = 5, value_name = "S", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub every: u16,
    /// One page only, instead of refreshes until the run has finished
    #[arg(long)]
    pub once: bool,
}

/// The page of a run that is still running.
const LIVE: &str = "live.html";
/// Interval at which a request to stop is checked.
const GLANCE: Duration = Duration::from_millis(50);

/// Writes `live.html` whenever there are new metrics, until the run has finished or the user interrupts.
///
/// # Errors
/// A folder that is not a run, a place that cannot be written.
pub fn run(options: &Watch) -> Result<ExitCode> {
    let run = RunFolder::open(&options.run)?;
    let (page, stop) = ((of_run(&run)?.live)(&run)?, Stop::at_a_signal());
    let every = Duration::from_secs(options.every.into());
    let mut seen = None;
    print(&format!("{}\n", run.file(LIVE).display()))?;
    loop {
        let (done, now) = (run.finished(), changed(&run));
        if done {
            run.write(LIVE, forwarding())?;
            print(&format!("finished; report: {}\n", run.file(RunFolder::REPORT).display()))?;
            return Ok(ExitCode::SUCCESS);
        }
        if now != seen || seen.is_none() {
            run.write(LIVE, refreshing(&page()?, options.every))?;
            seen = now;
        }
        if options.once || wait(every, &stop) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// The time at which metrics were last written.
fn changed(run: &RunFolder) -> Option<SystemTime> {
    std::fs::metadata(run.file(RunFolder::METRICS)).ok()?.modified().ok()
}

/// Waits; returns whether the user has interrupted.
fn wait(duration: Duration, stop: &Stop) -> bool {
    let started = Instant::now();
    while started.elapsed() < duration && !stop.requested() {
        std::thread::sleep(GLANCE);
    }
    stop.requested()
}

/// The page, reloaded by the browser after these `seconds`.
fn refreshing(page: &Rendered, seconds: u16) -> String {
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">");
    page.html.replacen("<head>", &format!("<head>{refresh}"), 1)
}

/// The page that replaces it once there is a report.
fn forwarding() -> String {
    let report = RunFolder::REPORT;
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0; \
         url={report}\"><title>Finished</title></head><body><p>The run has finished: <a \
         href=\"{report}\">{report}</a></p></body></html>\n"
    )
}
