//! `gumbel sample`: the samples of the kernels, independent of the format, the parts and the threads.

use crate::program::*;
use gumbel_kernels::{Stream, gumbel_max, gumbel_softmax, gumbel_top_k, noise};
use gumbel_lab::logits::{Format, LogitReader, SampleWriter, Sampler, draw};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// An array file as NumPy writes it.
fn npy(descr: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{text:<117}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), numbers].concat()
}

fn logits(count: usize) -> Vec<f32> {
    let mut logits = vec![0.0; count];
    noise::logistic(Stream::new(9), &mut logits);
    logits.iter_mut().step_by(5).for_each(|logit| *logit = f32::NEG_INFINITY);
    logits
}

fn singles(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn csv(numbers: &[f32], k: usize) -> String {
    let row =
        |row: &[f32]| row.iter().map(|&x| f64::from(x).to_string()).collect::<Vec<_>>().join(",") + "\n";
    numbers.chunks(k).map(row).collect()
}

fn sample(file: &Path, more: &[&str]) -> Output {
    gumbel(&[&["sample", file.to_str().expect("UTF-8")], more].concat())
}

fn indices(text: &str) -> Vec<u32> {
    text.split([',', '\n'])
        .filter(|field| !field.is_empty())
        .map(|field| field.parse().expect("an index"))
        .collect()
}

/// The output for one part size, as csv.
fn drawn(bytes: &[u8], sampler: Sampler, part: usize) -> Vec<u8> {
    let mut reader = LogitReader::open(Cursor::new(bytes.to_vec()), None, None).expect("logits");
    let mut text = Vec::new();
    draw(&mut reader, sampler, Stream::new(4), part, &mut SampleWriter::text(&mut text)).expect("draws");
    text
}

#[test]
fn neither_parts_nor_precision_of_the_file_change_a_draw() {
    for (rows, k) in [(50, 7), (9, 1500)] {
        let numbers = logits(rows * k);
        let single = npy("<f4", &format!("({rows}, {k})"), &singles(&numbers));
        let double: Vec<u8> = numbers.iter().flat_map(|&number| f64::from(number).to_le_bytes()).collect();
        let double = npy("<f8", &format!("({rows}, {k})"), &double);
        for sampler in [Sampler::Index, Sampler::TopK(3), Sampler::Relaxed(0.7)] {
            for bytes in [&single, &double] {
                let whole = drawn(bytes, sampler, usize::MAX);
                for part in [1, k, 3 * k + 1, 20 * k] {
                    assert!(
                        drawn(bytes, sampler, part) == whole,
                        "{sampler:?}, {k} categories in parts of {part}"
                    );
                }
            }
            assert!(
                drawn(csv(&numbers, k).as_bytes(), sampler, 2 * k) == drawn(&double, sampler, usize::MAX),
                "{sampler:?}"
            );
        }
    }
}

#[test]
fn draws_are_those_of_the_kernels() {
    let (rows, k, stream) = (40, 11, Stream::new(4));
    let numbers = logits(rows * k);
    let bytes = npy("<f4", "(40, 11)", &singles(&numbers));
    let (mut one, mut three, mut soft) = (vec![0; rows], vec![0; 3 * rows], vec![0.0f32; rows * k]);
    gumbel_max(&numbers, k, stream, &mut one).expect("indices");
    gumbel_top_k(&numbers, k, 3, stream, &mut three).expect("indices");
    gumbel_softmax(&numbers, k, 0.7, stream, &mut soft).expect("relaxed samples");
    let text = |sampler| text(&drawn(&bytes, sampler, 5 * k));
    assert_eq!(indices(&text(Sampler::Index)), one);
    assert_eq!((indices(&text(Sampler::TopK(3))), text(Sampler::TopK(3)).lines().count()), (three, rows));
    let relaxed: Vec<f32> =
        text(Sampler::Relaxed(0.7)).split([',', '\n']).filter_map(|field| field.parse().ok()).collect();
    assert_eq!(relaxed, soft);
}

#[test]
fn a_file_larger_than_a_part_gives_the_same_draws_on_one_thread_and_two_in_every_format() {
    // Three parts of a million numbers.
    let (rows, k) = (3000, 1000);
    let (numbers, folder) = (logits(rows * k), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("logits.npy");
    std::fs::write(&file, npy("<f4", "(3000, 1000)", &singles(&numbers))).expect("written");
    let mut direct = vec![0; rows];
    gumbel_max(&numbers, k, Stream::new(3), &mut direct).expect("indices");
    let out = |name: &str, threads: &str| {
        let path = folder.path().join(name);
        let options = ["--seed", "3", "--threads", threads, "--out", path.to_str().expect("UTF-8")];
        assert_eq!(succeed(&sample(&file, &options)), "");
        std::fs::read(path).expect("draws")
    };
    assert_eq!(indices(&succeed(&sample(&file, &["--seed", "3", "--out", "-"]))), direct);
    let array = out("one.npy", "1");
    assert!(array == out("two.npy", "2"));
    let bytes: Vec<u8> = direct.iter().flat_map(|index| index.to_le_bytes()).collect();
    assert!(array.starts_with(b"\x93NUMPY") && array[128..] == bytes);
    assert!(text(&array[..128]).contains("'descr': '<u4', 'fortran_order': False, 'shape': (3000,)"));
    let tensors = out("one.safetensors", "1");
    let tensors = safetensors::SafeTensors::deserialize(&tensors).expect("safetensors");
    let tensor = tensors.tensor("samples").expect("the draws");
    assert!(tensor.shape() == [3000] && tensor.data() == bytes);
    assert_eq!(indices(&text(&out("one.csv", "2"))), direct);
    assert_eq!(indices(&succeed(&sample(&file, &["--seed", "3"]))), direct);
    assert_ne!(indices(&succeed(&sample(&file, &["--seed", "4"]))), direct);
}

#[test]
fn relaxed_samples_and_several_indices_keep_their_rows() {
    let (numbers, folder) = (logits(20), tempfile::tempdir().expect("a folder"));
    let (file, out) = (folder.path().join("rows.csv"), folder.path().join("drawn.npy"));
    std::fs::write(&file, csv(&numbers, 5)).expect("written");
    let out_name = out.to_str().expect("UTF-8");
    succeed(&sample(&file, &["--tau", "0.5", "--out", out_name]));
    let array = std::fs::read(&out).expect("draws");
    assert!(text(&array[..128]).contains("'descr': '<f8', 'fortran_order': False, 'shape': (4,5,)"));
    let (doubles, mut soft) = (numbers.iter().map(|&x| f64::from(x)).collect::<Vec<_>>(), vec![0.0f64; 20]);
    gumbel_softmax(&doubles, 5, 0.5, Stream::new(0), &mut soft).expect("relaxed samples");
    assert!(array[128..] == soft.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
    // It can be read again as logits are.
    assert_eq!(succeed(&sample(&out, &["--distinct", "2"])).lines().count(), 4);
}

#[test]
fn standard_input_is_recognised_by_its_first_bytes() {
    let numbers = logits(12);
    let piped = |bytes: &[u8], more: &[&str]| {
        let mut command = Command::new(GUMBEL);
        command.args(["sample", "-"]).args(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        child.stdin.take().expect("a pipe").write_all(bytes).expect("written");
        child.wait_with_output().expect("ends")
    };
    let mut direct = vec![0; 3];
    gumbel_max(&numbers, 4, Stream::new(0), &mut direct).expect("indices");
    let array = npy("<f4", "(3, 4)", &singles(&numbers));
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![3, 4], &array[128..]);
    let tensors = safetensors::serialize([("logits", view.expect("a tensor"))], None).expect("a file");
    for bytes in [&array, csv(&numbers, 4).as_bytes(), &tensors] {
        assert_eq!(indices(&succeed(&piped(bytes, &[]))), direct);
    }
    fail(&piped(b"\x80\x04\x95", &[]), &["standard input: unknown format", "--format"]);
    for more in [&[][..], &["--format", "csv"]] {
        fail(
            &piped(b"hello, world\n1,2\n", more),
            &["row 0, column 0 (from 0): 'hello' is not a number", "--header"],
        );
    }
    assert_eq!(indices(&succeed(&piped(b"hello, world\n-inf,2\n", &["--header"]))), [1]);
    fail(&piped(b",a,b\n0,1,2\n", &["--header"]), &["the first column has no name", "index=False"]);
    fail(&piped(&array, &["--header"]), &["--header and --no-header are for csv files"]);
    fail(
        &piped(b"\x1f\x8b\x08\0", &[]),
        &["the file is compressed by gzip; decompress it first: zcat FILE |"],
    );
    fail(&piped(b"PK\x03\x04", &[]), &["the file is an archive, as .npz is"]);
}

/// Writes a file, and asserts that sampling it fails with these parts in the error.
fn refused(name: &str, bytes: &[u8], options: &[&str], parts: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, out): (PathBuf, PathBuf) = (folder.path().join(name), folder.path().join("out.npy"));
    std::fs::write(&file, bytes).expect("written");
    let out_option = ["--out", out.to_str().expect("UTF-8")];
    fail(&sample(&file, &[options, &out_option].concat()), parts);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "something was left behind");
}

#[test]
fn what_cannot_be_drawn_is_one_line_with_its_row_and_the_remedy() {
    let mut many = vec![0.0f32; 3000 * 400];
    many[2900 * 400 + 7] = f32::NAN;
    let array = |numbers: &[f32]| npy("<f4", "(3000, 400)", &singles(numbers));
    refused("a.npy", &array(&many), &[], &["a.npy: the logit at row 2900, column 7 is NaN"]);
    many[2900 * 400..][..400].fill(f32::NEG_INFINITY);
    refused("a.npy", &array(&many), &["--tau", "1"], &["every logit of row 2900 is -inf"]);
    many[2900 * 400] = 0.0;
    refused(
        "a.npy",
        &array(&many),
        &["--distinct", "2"],
        &["cannot choose 2 categories from row 2900: only 1 are unmasked"],
    );
    refused("a.npy", &array(&many)[..4_000_000], &[], &["the file ends within row 2499 of 3000"]);
    refused("a.npy", &npy("<i4", "(1, 2)", &[0; 8]), &[], &["of type <i4"]);
    refused(
        "a.csv",
        b"1,2\n3,4\n5\n",
        &[],
        &["row 2 (from 0) has 1 numbers, expected 2 as in the first line"],
    );
    refused(
        "a.csv",
        b"1,2\n",
        &["--distinct", "3"],
        &["--distinct must be from 1 to 2, the number of categories, got 3"],
    );
    refused(
        "a.csv",
        b"1,2\n",
        &["--distinct", "0"],
        &["'0' for '--distinct <M>': it must be a whole number from 1"],
    );
    refused("a.csv", b"1,2\n", &["--tau", "-1"], &["--tau must be positive and finite, got -1"]);
    for tau in ["1e-60", "1e60", "1e-310"] {
        let range =
            "--tau must be from 1.1754943508222875e-38 to 3.4028234663852886e38 for logits of this precision";
        refused("a.npy", &array(&many), &["--tau", tau], &[range]);
    }
    refused(
        "a.csv",
        b"1,2\n",
        &["--tau", "1e-310"],
        &["--tau must be from 2.2250738585072014e-308 to 1.79", "got 1e-310"],
    );
    refused("a.csv", b"1,-1e999\n", &[], &["row 0, column 1 (from 0): '-1e999' is too large for a double"]);
    refused("a.csv", b"1,2\n", &["--tensor", "x"], &["leave it out"]);
    refused("a.csv", b"", &[], &["no logits in the file"]);
    refused("a.csv", b"1,2\n", &["--distinct", "1", "--tau", "1"], &["cannot be used with"]);
    refused("a.txt", b"\x89HDF\r\n\x1a\n", &[], &["unknown format; expected npy, csv or safetensors"]);
    refused("a.csv", b"\x1f\x8b\x08\0", &[], &["the file is compressed by gzip"]);
    let negative = |option: &str, part: &str| refused("a.csv", b"1,2\n", &[option, "-1"], &[option, part]);
    negative("--distinct", "'-1' for '--distinct <M>': it must be a whole number from 1");
    negative("--seed", "'-1' for '--seed <N>': it must be a whole number from 0 to 18446744073709551615");
    negative("--threads", "-1 is not in 0..=1024");
    fail(&sample(&std::env::temp_dir(), &[]), &["expected a file, got a folder"]);
    fail(&sample(Path::new("/nonexistent.npy"), &[]), &["/nonexistent.npy: cannot read the file: "]);
    fail(
        &sample(Path::new("-"), &["--out", "x.parquet"]),
        &["--out must end in .npy, .csv or .safetensors, or be -, got x.parquet"],
    );
    assert_eq!(Format::of(Path::new("x.NPY")), Some(Format::Npy));
}

/// Numbers as a user's log-likelihoods are: with a common part up to 1e300, from many decades, some of them masked.
fn doubles(seed: u64) -> Vec<f64> {
    let (mut spread, mut size) = ([0f64; 24], [0f64; 3]);
    noise::logistic(Stream::new(seed), &mut spread);
    noise::uniform(Stream::new(seed).split(1), &mut size);
    let common = [0.0, 1.0, -1.0][seed as usize % 3] * 10f64.powf(300.0 * size[0]);
    let scale = 10f64.powf(300.0 * size[1] - 150.0);
    let mut doubles: Vec<f64> = spread.iter().map(|x| common + x * scale).collect();
    doubles[(size[2] * 24.0) as usize] = f64::NEG_INFINITY;
    doubles
}

#[test]
fn draws_from_text_are_those_of_the_doubles_that_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.csv");
    for seed in 0..30 {
        let (k, logits, stream) = (6, doubles(seed), Stream::new(seed));
        let row = |row: &[f64]| row.iter().map(|x| format!("{x:e}")).collect::<Vec<_>>().join(",") + "\n";
        std::fs::write(&file, logits.chunks(k).map(row).collect::<String>()).expect("written");
        let (seed, tau) = (seed.to_string(), 10f64.powi(seed as i32 * 4 - 60));
        let said = |more: &[&str]| succeed(&sample(&file, &[&["--seed", &seed], more].concat()));
        let (mut one, mut two, mut soft) = (vec![0; 4], vec![0; 8], vec![0.0; 24]);
        gumbel_max(&logits, k, stream, &mut one).expect("indices");
        gumbel_top_k(&logits, k, 2, stream, &mut two).expect("indices");
        gumbel_softmax(&logits, k, tau, stream, &mut soft).expect("relaxed samples");
        assert_eq!((indices(&said(&[])), indices(&said(&["--distinct", "2"]))), (one, two), "seed {seed}");
        let relaxed = said(&["--tau", &format!("{tau:e}")]);
        let relaxed = relaxed.split([',', '\n']).filter_map(|field| field.parse::<f64>().ok());
        assert!(relaxed.map(f64::to_bits).eq(soft.iter().map(|x| x.to_bits())), "seed {seed}, tau {tau}");
    }
}

#[test]
fn what_text_leaves_open_is_said_beside_the_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.csv");
    let said = |bytes: &[u8], more: &[&str]| {
        std::fs::write(&file, bytes).expect("written");
        let output = sample(&file, more);
        (succeed(&output).lines().count(), text(&output.stderr))
    };
    let (rows, warning) = said(b"1,2\n3,4", &[]);
    assert!(
        rows == 2 && warning.starts_with("warning: ") && warning.contains("row 1 (from 0) is wrong"),
        "{warning}"
    );
    let (rows, warning) = said(b"0,1,2\n3,4,5\n", &[]);
    assert!(rows == 2 && warning.contains("--header skips it, --no-header keeps it"), "{warning}");
    assert_eq!(said(b"0,1,2\n3,4,5\n", &["--header"]), (1, String::new()));
    assert_eq!(said(b"0,1,2\n3,4,5\n", &["--no-header"]), (2, String::new()));
    assert_eq!(said(b"1,2\n3,4\n", &[]), (2, String::new()));
}

#[cfg(unix)]
#[test]
fn an_interrupted_command_leaves_nothing_temporary_behind() {
    use nix::sys::signal::{Signal, kill};
    let (folder, out) = folder();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let options = ["sample", "-", "--format", "csv", "--out"];
        let mut child = Command::new(GUMBEL)
            .args(options)
            .arg(out.with_extension("csv"))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("starts");
        let left = || std::fs::read_dir(folder.path()).expect("a folder").count();
        // More than any buffer holds: it has begun its output when it waits for more rows.
        let rows = b"0,1\n".repeat(200_000);
        child.stdin.as_mut().expect("a pipe").write_all(&rows).expect("a reader");
        for _ in 0..2000 {
            if left() > 0 {
                break;
            }
            assert!(child.try_wait().expect("a child").is_none(), "it has ended");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(left(), 1, "no output was begun");
        kill(nix::unistd::Pid::from_raw(child.id() as i32), signal).expect("a running child");
        assert_eq!(child.wait().expect("a child").code(), Some(130), "{signal}");
        assert_eq!(left(), 0, "{signal}");
    }
}
