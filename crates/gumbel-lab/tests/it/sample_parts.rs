//! `gumbel sample` for some rows, with several draws, and with truncation: always a part of one result.

use crate::program::*;
use gumbel_kernels::{
    Stream, gumbel_max, gumbel_softmax, gumbel_top_k, mask_min_p, mask_top_k, mask_top_p, noise,
};
use gumbel_lab::logits::{LogitReader, Request, RowRange, SampleWriter, Sampler, Truncation, draw};
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;

const ROWS: usize = 57;
const K: usize = 7;

fn logits() -> Vec<f64> {
    let mut logits = vec![0.0; ROWS * K];
    noise::logistic(Stream::new(9), &mut logits);
    logits.iter_mut().step_by(5).for_each(|logit| *logit = f64::NEG_INFINITY);
    logits
}

fn npy(shape: &str, numbers: &[f64]) -> Vec<u8> {
    let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{text:<117}\n");
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &numbers].concat()
}

/// As some programs write it: a header, blank lines, quotes and spaces.
fn csv(numbers: &[f64]) -> String {
    let field = |(i, x): (usize, &f64)| if i % 4 == 1 { format!(" \"{x}\"") } else { x.to_string() };
    let row = |row: &[f64]| row.iter().enumerate().map(field).collect::<Vec<_>>().join(",") + "\r\n";
    let rows: Vec<String> = numbers.chunks(K).map(row).collect();
    format!("a,b,c,d,e,f,\"g,g\"\n{}", rows.join(" \n"))
}

fn safetensors(numbers: &[f64]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let view = |shape, bytes| safetensors::tensor::TensorView::new(safetensors::Dtype::F64, shape, bytes);
    let views = [
        ("a", view(vec![9], &[7; 72])),
        ("logits", view(vec![ROWS, K], &bytes)),
        ("z", view(vec![1], &[7; 8])),
    ];
    safetensors::serialize(views.map(|(name, view)| (name, view.expect("a tensor"))), None).expect("a file")
}

fn sample(file: &Path, options: &[&str]) -> String {
    succeed(&gumbel(&[&["sample", file.to_str().expect("UTF-8")], options].concat()))
}

const REQUESTS: [&[&str]; 5] = [
    &[],
    &["--distinct", "3"],
    &["--tau", "0.7"],
    &["--draws", "4", "--top-p", "0.8", "--threads", "2"],
    &["--draws", "2", "--distinct", "2", "--top-k", "4", "--min-p", "0.001"],
];

#[test]
fn rows_of_every_format_concatenate_to_the_output_of_all() {
    let (folder, logits) = (tempfile::tempdir().expect("a folder"), logits());
    let shape = format!("({ROWS}, {K})");
    let files: [(&str, Vec<u8>, &[&str]); 3] = [
        ("a.npy", npy(&shape, &logits), &[]),
        ("a.csv", csv(&logits).into(), &["--header"]),
        ("a.safetensors", safetensors(&logits), &["--tensor", "logits"]),
    ];
    for request in REQUESTS {
        let mut expected = None;
        for (name, bytes, options) in &files {
            let file = folder.path().join(name);
            fs::write(&file, bytes).expect("written");
            let options = [request, options].concat();
            let whole = sample(&file, &options);
            assert_eq!(whole.lines().count(), ROWS);
            let shards = ["..20", "20..21", "21..50", "50.."];
            let shards = shards.map(|rows| sample(&file, &[&options[..], &["--rows", rows]].concat()));
            assert!(shards.concat() == whole, "{name}, {request:?}");
            assert!(*expected.get_or_insert(whole.clone()) == whole, "{name}, {request:?}");
        }
    }
}

#[test]
fn arrays_concatenate_behind_their_headers() {
    let (folder, logits) = (tempfile::tempdir().expect("a folder"), logits());
    let file = folder.path().join("a.npy");
    fs::write(&file, npy(&format!("({ROWS}, {K})"), &logits)).expect("written");
    for (format, header) in [("npy", 128), ("safetensors", 160)] {
        for request in REQUESTS {
            let out = folder.path().join(format!("out.{format}"));
            let written = |rows: &str| {
                let options = ["--rows", rows, "--out", out.to_str().expect("UTF-8")];
                sample(&file, &[request, &options].concat());
                fs::read(&out).expect("draws")
            };
            let whole = written("..");
            let parts = ["0..30", "30..57"].map(|rows| written(rows)[header..].to_vec());
            assert!(parts.concat() == whole[header..], "{format}, {request:?}");
        }
    }
}

/// 64 GiB of which nothing is stored: reading it would take minutes.
#[test]
fn nothing_before_the_first_row_is_read_from_a_file() {
    let (folder, (rows, k)) = (tempfile::tempdir().expect("a folder"), (1u64 << 30, 16));
    let file = folder.path().join("sparse.npy");
    let header = npy(&format!("({rows}, {k})"), &[]);
    let header = String::from_utf8_lossy(&header[10..]).replace("<f8", "<f4");
    let begin = [b"\x93NUMPY\x01\x00".as_slice(), &118u16.to_le_bytes(), header.as_bytes()].concat();
    let mut sparse = File::create(&file).expect("created");
    sparse.write_all(&begin).expect("written");
    sparse.set_len(128 + 4 * k * rows).expect("a sparse file");
    let drawn = sample(&file, &["--rows", "1073741822.."]);
    let mut direct = [0; 2];
    let stream = Stream::new(0).skip(k * (rows - 2));
    gumbel_max(&[0.0f32; 32], 16, stream, &mut direct).expect("indices");
    assert_eq!(drawn, format!("{}\n{}\n", direct[0], direct[1]));
}

#[test]
fn draw_n_has_the_noise_of_split_n_and_draw_0_that_of_the_seed() {
    let (folder, logits) = (tempfile::tempdir().expect("a folder"), logits());
    let (file, out) = (folder.path().join("a.npy"), folder.path().join("out.npy"));
    fs::write(&file, npy(&format!("({ROWS}, {K})"), &logits)).expect("written");
    let drawn = |more: &[&str]| {
        let options = ["--seed", "3", "--draws", "3", "--out", out.to_str().expect("UTF-8")];
        sample(&file, &[&options, more].concat());
        let array = fs::read(&out).expect("draws");
        (text(&array[..128]), array[128..].to_vec())
    };
    let streams = [Stream::new(3), Stream::new(3).split(1), Stream::new(3).split(2)];
    let (mut one, mut two, mut soft) =
        ([vec![], vec![], vec![]], [vec![], vec![], vec![]], [vec![], vec![], vec![]]);
    for (n, stream) in streams.into_iter().enumerate() {
        (one[n], two[n], soft[n]) = (vec![0; ROWS], vec![0; 2 * ROWS], vec![0.0; ROWS * K]);
        gumbel_max(&logits, K, stream, &mut one[n]).expect("indices");
        gumbel_top_k(&logits, K, 2, stream, &mut two[n]).expect("indices");
        gumbel_softmax(&logits, K, 0.5, stream, &mut soft[n]).expect("relaxed samples");
    }
    let (header, bytes) = drawn(&[]);
    assert!(header.contains("'descr': '<u4', 'fortran_order': False, 'shape': (57,3,)"), "{header}");
    assert!(bytes == interleaved(&one, 1, u32::to_le_bytes));
    let (header, bytes) = drawn(&["--distinct", "2"]);
    assert!(
        header.contains("'shape': (57,3,2,)") && bytes == interleaved(&two, 2, u32::to_le_bytes),
        "{header}"
    );
    let (header, bytes) = drawn(&["--tau", "0.5"]);
    assert!(
        header.contains("'shape': (57,3,7,)") && bytes == interleaved(&soft, K, f64::to_le_bytes),
        "{header}"
    );
    let lines = sample(&file, &["--seed", "3", "--draws", "3", "--distinct", "2"]);
    assert!(lines.lines().all(|line| line.split(',').count() == 6));
    let first: String =
        lines.lines().map(|line| line.split(',').take(2).collect::<Vec<_>>().join(",") + "\n").collect();
    assert_eq!(first, sample(&file, &["--seed", "3", "--distinct", "2"]));
}

/// Draws of each row after each other, as bytes.
fn interleaved<N: Copy, const B: usize>(
    draws: &[Vec<N>; 3],
    each: usize,
    bytes: fn(N) -> [u8; B],
) -> Vec<u8> {
    let row = |row: usize| draws.iter().flat_map(move |draw| draw[row * each..][..each].to_vec());
    (0..ROWS).flat_map(row).flat_map(bytes).collect()
}

#[test]
fn truncation_is_top_k_then_top_p_then_min_p_of_the_kernels() {
    let (folder, logits) = (tempfile::tempdir().expect("a folder"), logits());
    let file = folder.path().join("a.npy");
    fs::write(&file, npy(&format!("({ROWS}, {K})"), &logits)).expect("written");
    let (mut kept, mut next) = (logits.clone(), logits);
    mask_top_k(&kept, K, 5, &mut next).expect("masks");
    mask_top_p(&next, K, 0.9, &mut kept).expect("masks");
    mask_min_p(&kept, K, 0.05, &mut next).expect("masks");
    let mut direct = vec![0; ROWS];
    gumbel_max(&next, K, Stream::new(0), &mut direct).expect("indices");
    let lines: String = direct.iter().map(|index| format!("{index}\n")).collect();
    let options = ["--min-p", "0.05", "--top-p", "0.9", "--top-k", "5"];
    assert_eq!(sample(&file, &options), lines);
    assert_ne!(sample(&file, &[]), lines);
}

/// 40 000 draws from 0.5, 0.3, 0.15 and 0.05 with top-p 0.7, which keeps 0.5 and 0.3.
#[test]
fn a_truncated_row_is_drawn_from_what_is_kept_in_proportion() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.csv");
    let row = [0.5f64, 0.3, 0.15, 0.05].map(|p| p.ln().to_string()).join(",");
    fs::write(&file, row + "\n").expect("written");
    let drawn = sample(&file, &["--top-p", "0.7", "--draws", "40000"]);
    let counts =
        ["0", "1", "2", "3"].map(|index| drawn.trim().split(',').filter(|&drawn| drawn == index).count());
    assert_eq!((counts[0] + counts[1], counts[2] + counts[3]), (40_000, 0));
    let standard_error = (40_000.0 * 0.625 * 0.375f64).sqrt();
    assert!((counts[0] as f64 - 25_000.0).abs() < 4.0 * standard_error, "{counts:?}");
}

/// Samples of text or numbers in parts of some numbers, and the error that ends them.
fn drawn(bytes: &[u8], rows: RowRange, part: usize) -> (String, Option<String>) {
    let mut text = Vec::new();
    let mut draws = || {
        let mut reader = LogitReader::open(Cursor::new(bytes.to_vec()), None, None)?;
        reader.select(rows)?;
        let truncation = Truncation { top_p: Some(0.9), ..Truncation::default() };
        let request = Request { sampler: Sampler::TopK(1), truncation, draws: Some(2) };
        draw(&mut reader, request, Stream::new(4), part, &mut SampleWriter::text(&mut text))
    };
    let error = draws().err().map(|error| error.to_string());
    (String::from_utf8(text).expect("text"), error)
}

#[test]
fn parts_of_any_size_give_the_same_draws_and_errors_for_any_rows() {
    let (logits, all) = (logits(), RowRange::default());
    let array = npy(&format!("({ROWS}, {K})"), &logits);
    let body = csv(&logits).split_once('\n').expect("a header").1.to_string();
    // Row 40 has a field that is no number; rows before it are drawn, and it is none of the first 40.
    let broken = body.lines().filter(|line| !line.trim().is_empty()).enumerate();
    let broken: String =
        broken.map(|(row, line)| line.replace(',', if row == 40 { ",x" } else { "," }) + "\n").collect();
    let whole = drawn(&array, all, usize::MAX);
    assert_eq!((whole.0.lines().count(), &whole.1), (ROWS, &None));
    for part in [1, K, 5 * K, 100 * K, usize::MAX] {
        assert!(drawn(&array, all, part) == whole && drawn(body.as_bytes(), all, part) == whole, "{part}");
        let rows = RowRange { start: 11, end: Some(40) };
        let some: String = whole.0.lines().skip(11).take(29).map(|line| format!("{line}\n")).collect();
        for bytes in [&array, body.as_bytes(), broken.as_bytes()] {
            assert!(drawn(bytes, rows, part) == (some.clone(), None), "{part}");
        }
        let (lines, error) = drawn(broken.as_bytes(), all, part);
        assert!(whole.0.starts_with(&lines) && lines.lines().count() <= 40, "{part}");
        let error = error.expect("an error");
        assert!(error.starts_with("row 40, column 1 (from 0): 'x"), "{part}: {error}");
        for bytes in [&array, body.as_bytes()] {
            let beyond = drawn(bytes, RowRange { start: 11, end: Some(58) }, part).1.expect("an error");
            assert_eq!(beyond, "the file has 57 rows, got --rows 11..58; choose rows from 0..57");
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_one_line_with_the_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.csv");
    fs::write(&file, "1,2\n3,4\n").expect("written");
    let refused = |options: &[&str], parts: &[&str]| {
        fail(&gumbel(&[&["sample", file.to_str().expect("UTF-8")], options].concat()), parts);
    };
    refused(&["--rows", "2.."], &["a.csv: the file has 2 rows, got --rows 2..; choose rows from 0..2"]);
    refused(&["--rows", "1..3"], &["the file has 2 rows, got --rows 1..3; choose rows from 0..2"]);
    refused(&["--rows", "1..1"], &["at least one row, got 1..1; its end is not in it: write 1..2 for row 1"]);
    refused(&["--rows", "2..1"], &["must not be reversed, got 2..1; write 1..2"]);
    refused(&["--rows", "-1..2"], &["expected A..B, A.. or ..B with whole numbers", "got '-1..2'"]);
    refused(&["--draws", "0"], &["--draws"]);
    refused(&["--draws", "4000000000", "--tau", "1"], &["--draws 4000000000 of 2 numbers each are too many"]);
    refused(&["--top-k", "0"], &["'0' for '--top-k <N>': it must be a whole number from 1"]);
    refused(&["--top-p", "0"], &["--top-p must be above 0 and at most 1, got 0"]);
    refused(&["--top-p", "nan"], &["--top-p must be above 0 and at most 1, got NaN"]);
    refused(&["--min-p", "-0.1"], &["--min-p must be from 0 to 1, got -0.1"]);
    refused(
        &["--top-k", "1", "--distinct", "2"],
        &["cannot choose 2 categories from row 0: only 1 are unmasked"],
    );
}
