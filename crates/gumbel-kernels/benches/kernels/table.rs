//! The table in nanoseconds per element, from the medians that criterion wrote in this run.

use super::operations::{OPERATIONS, Operation};
use super::{NAIVE, THREADS, label, shapes};
use std::fmt::Write;
use std::iter::zip;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

const COLUMNS: &str =
    "op,rows,cols,threads,ns_median,ns_min,copy,stages,naive,over_copy,over_stages,naive_over";
/// The shape at which stages are timed, on one thread: one row, which fits the first-level cache.
const STAGE: (usize, usize) = (1, 1000);

/// Prints the measurements since `start`, and writes them next to criterion's files.
///
/// Times are in nanoseconds per element: medians, except for `ns_min`. `copy` is the time to copy as many bytes as the
/// operation reads and writes, on as many threads. `stages` is the sum of its stages (random words, logarithms, passes
/// of a softmax), each timed alone on a row in the first-level cache, divided by the number of threads. `naive` is
/// always on one thread. `over_copy` and `over_stages` are the time in multiples of these; `naive_over` is how many
/// times faster the operation is than the naive version. A measurement that a filter excluded is blank.
pub fn write(start: SystemTime) -> io::Result<()> {
    let estimates = Estimates { folder: criterion_folder(), start };
    let mut table = String::new();
    for (rows, k) in shapes() {
        for operation in OPERATIONS {
            for threads in THREADS {
                if let Some(ns) = estimates.get(operation.name, (rows, k), &label(threads)) {
                    let cells = estimates.row(operation, (rows, k), threads, ns);
                    writeln!(table, "{}", cells.join(",")).expect("writing to a string never fails");
                }
            }
        }
    }
    if table.is_empty() {
        return Ok(()); // `--list`, `--test`, or a filter that matches nothing
    }
    let table = format!("{COLUMNS}\n{table}");
    for line in table.lines() {
        let cells: Vec<&str> = line.split(',').collect();
        println!(
            "{:14}{}",
            cells[0],
            cells[1..].iter().map(|cell| format!("{cell:>15}")).collect::<String>()
        );
    }
    fs::write(estimates.folder.join("kernels.csv"), table)
}

struct Estimates {
    folder: PathBuf,
    start: SystemTime,
}

impl Estimates {
    fn row(&self, operation: &Operation, (rows, k): (usize, usize), threads: usize, ns: f64) -> Vec<String> {
        let copy = self.get("copy", (rows, k), &label(threads)).map(|copy| copy * operation.moved / 2.0);
        let stages = self.stages(operation).map(|stages| stages / threads as f64);
        let naive = self.get(operation.name, (rows, k), NAIVE);
        let mut cells = vec![operation.name.into(), rows.to_string(), k.to_string(), threads.to_string()];
        let minimum = self.minimum(operation.name, (rows, k), &label(threads));
        let figures = [Some(ns), minimum, copy, stages, naive];
        let quotients =
            [copy.map(|copy| ns / copy), stages.map(|sum| ns / sum), naive.map(|naive| naive / ns)];
        cells.extend(figures.map(|ns| ns.map_or(String::new(), |ns| format!("{ns:.4}"))));
        cells.extend(quotients.map(|by| by.map_or(String::new(), |by| format!("{by:.2}"))));
        cells
    }

    /// The sum of the stages of an operation; `None` if it has no stages.
    fn stages(&self, operation: &Operation) -> Option<f64> {
        let [words, logs, exps] = operation.stages;
        let get = |name| self.get(name, STAGE, &label(1));
        let (word, noise, softmax) = (get("words")?, get("noise")?, get("softmax")?);
        let sum = words * word + logs * (noise - word) / 2.0 + exps * softmax;
        (sum > 0.0).then_some(sum)
    }

    /// Criterion's median, per element; `None` if it was not measured in this run.
    fn get(&self, name: &str, (rows, k): (usize, usize), label: &str) -> Option<f64> {
        let estimates = self.read(name, (rows, k), label, "estimates.json")?;
        Some(estimates["median"]["point_estimate"].as_f64()? / (rows * k) as f64)
    }

    /// The smallest of criterion's samples, per element.
    fn minimum(&self, name: &str, (rows, k): (usize, usize), label: &str) -> Option<f64> {
        let sample = self.read(name, (rows, k), label, "sample.json")?;
        let numbers =
            |key| -> Option<Vec<f64>> { sample[key].as_array()?.iter().map(|x| x.as_f64()).collect() };
        let calls = zip(numbers("times")?, numbers("iters")?);
        let minimum = calls.map(|(time, calls)| time / calls).fold(f64::INFINITY, f64::min);
        Some(minimum / (rows * k) as f64)
    }

    fn read(
        &self,
        name: &str,
        (rows, k): (usize, usize),
        label: &str,
        file: &str,
    ) -> Option<serde_json::Value> {
        let folder = self.folder.join(format!("{rows}x{k}")).join(name).join(label);
        let path = folder.join("new").join(file);
        let fresh = fs::metadata(&path).ok()?.modified().ok()? >= self.start;
        fresh.then(|| serde_json::from_slice(&fs::read(path).ok()?).ok())?
    }
}

/// The folder of criterion's files.
fn criterion_folder() -> PathBuf {
    let default = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("criterion");
    std::env::var_os("CRITERION_HOME").map_or_else(default, PathBuf::from)
}
