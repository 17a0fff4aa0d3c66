//! Downloads from a local server: what is accepted, what is rejected, and that no partial file stays.

use gumbel_lab::data::{
    Error, Images,
    fetch::fetch_set,
    idx,
    registry::{DataFile, FileKind, Original, Packing, Part, Set},
};
use gumbel_lab::support::interrupt::Watch;
use sha2::{Digest, Sha256};
use std::{
    io::{BufRead, BufReader, Cursor, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The response of the server for a path.
#[derive(Clone)]
enum Answer {
    Body(Vec<u8>),
    /// The full length is announced, but only part of it sent.
    CutTo(usize, Vec<u8>),
    Status(u16),
}

/// Runs a server with these responses until the test process ends; counts requests.
fn serve(answers: Vec<(&'static str, Answer)>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            reply(stream.unwrap(), &answers);
        }
    });
    (base, count)
}

fn reply(mut stream: TcpStream, answers: &[(&str, Answer)]) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
    let path = request.split(' ').nth(1).unwrap().rsplit('/').next().unwrap().to_string();
    let answer = answers.iter().find(|(name, _)| *name == path).map(|(_, answer)| answer.clone());
    let (status, length, body) = match answer.unwrap_or(Answer::Status(404)) {
        Answer::Body(body) => (200, body.len(), body),
        Answer::CutTo(end, body) => (200, body.len(), body[..end].to_vec()),
        Answer::Status(status) => (status, 0, Vec::new()),
    };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // The client may hang up early, as it should on a body that is too long.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

fn sha256(bytes: &[u8]) -> &'static str {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>().leak()
}

fn idx_bytes(magic: u32, sizes: &[u32], items: &[u8]) -> Vec<u8> {
    let words = [magic].into_iter().chain(sizes.iter().copied());
    words.flat_map(u32::to_be_bytes).chain(items.iter().copied()).collect()
}

const TRAIN: &str = "train-images-idx3-ubyte.gz";
const TEST: &str = "test-images-idx3-ubyte.gz";

/// Two gzipped files of one image each, and the set they make.
fn plain_set() -> (Set, [Vec<u8>; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let bodies = [(TRAIN, Part::Train, 7), (TEST, Part::Test, 9)].map(|(name, part, pixel)| {
        let path = folder.path().join(name);
        idx::write_images(&path, &Images::new(vec![pixel; 12], 3, 4, None)).unwrap();
        let contents = sha256(&idx_bytes(0x0803, &[1, 3, 4], &[pixel; 12]));
        files.push(DataFile { part, kind: FileKind::Images, name, sha256: contents });
        std::fs::read(path).unwrap()
    });
    let originals = files.iter().zip(&bodies).map(|(file, body)| original(file.name, body)).collect();
    (set(files, originals, Packing::Plain), bodies)
}

fn original(name: &'static str, body: &[u8]) -> Original {
    Original { name, mirrors: &["http://127.0.0.1:1/"], bytes: body.len() as u64, sha256: sha256(body) }
}

fn set(files: Vec<DataFile>, originals: Vec<Original>, packing: Packing) -> Set {
    Set { name: "toy", note: "", licence: "", files: files.leak(), originals: originals.leak(), packing }
}

fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn get(set: &Set, folder: &Path, base: &str) -> Result<(), Error> {
    fetch_set(set, folder, Some(base), &Watch::nothing())
}

/// Fetches a set whose second file is answered by `answer`; returns the error after checking the folder.
fn failing(answer: Answer) -> Error {
    let (set, [train, _]) = plain_set();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("toy");
    let (base, _) = serve(vec![(TRAIN, Answer::Body(train)), (TEST, answer)]);
    let error = get(&set, &folder, &base).unwrap_err();
    assert_eq!(listing(&folder), [TRAIN], "only the whole file stays");
    assert!(!error.to_string().contains('\n'));
    error
}

#[test]
fn a_set_arrives_and_is_not_fetched_twice() {
    let (set, [train, test]) = plain_set();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("deep/toy");
    let (base, count) = serve(vec![(TRAIN, Answer::Body(train.clone())), (TEST, Answer::Body(test))]);
    get(&set, &folder, &base).unwrap();
    assert_eq!(listing(&folder), [TEST, TRAIN]);
    assert_eq!(std::fs::read(folder.join(TRAIN)).unwrap(), train);
    get(&set, &folder, &base).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2, "files with the right contents are kept");
    std::fs::write(folder.join(TEST), "damaged").unwrap();
    get(&set, &folder, &format!("{base}/")).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 3, "only the damaged file is fetched again");
}

#[test]
fn a_status_is_reported() {
    let error = failing(Answer::Status(404));
    assert!(matches!(&error, Error::HttpStatus { status: 404, url } if url.ends_with(TEST)), "{error}");
    assert!(matches!(failing(Answer::Status(503)), Error::HttpStatus { status: 503, .. }));
}

#[test]
fn wrong_contents_are_discarded() {
    let (_, [_, mut test]) = plain_set();
    let right = sha256(&test);
    *test.last_mut().unwrap() ^= 1;
    let error = failing(Answer::Body(test.clone()));
    assert!(
        matches!(&error, Error::WrongHash { expected, got, .. } if expected == right && got == sha256(&test))
    );
}

#[test]
fn wrong_lengths_are_reported() {
    let (_, [_, test]) = plain_set();
    let full = test.len() as u64;
    let error = failing(Answer::CutTo(10, test.clone()));
    assert!(matches!(error, Error::WrongLength { expected, got: 10, .. } if expected == full), "{error}");
    let short = failing(Answer::Body(test[..5].to_vec()));
    assert!(matches!(short, Error::WrongLength { got: 5, .. }), "{short}");
    let long = failing(Answer::Body([test, vec![0; 1 << 20]].concat()));
    assert!(matches!(long, Error::WrongLength { expected, got, .. } if got == expected + 1), "{long}");
}

#[test]
fn a_server_that_is_gone_leaves_no_folder() {
    let (set, _) = plain_set();
    let root = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = get(&set, &root.path().join("deep/toy"), &format!("http://{port}")).unwrap_err();
    assert!(matches!(&error, Error::Unreachable { reason, .. } if reason == "connection refused"), "{error}");
    assert!(listing(root.path()).is_empty());
}

#[test]
fn mirrors_are_tried_in_turn() {
    let (set_, [train, test]) = plain_set();
    let (base, _) = serve(vec![(TRAIN, Answer::Body(train)), (TEST, Answer::Body(test))]);
    let mirrors: &[&str] = vec!["http://127.0.0.1:1/", format!("{base}/").leak() as &str].leak();
    let originals = set_.originals.iter().map(|original| Original { mirrors, ..*original }).collect();
    let good = set(set_.files.to_vec(), originals, Packing::Plain);
    let folder = tempfile::tempdir().unwrap();
    fetch_set(&good, folder.path(), None, &Watch::nothing()).unwrap();
    assert_eq!(listing(folder.path()), [TEST, TRAIN]);

    let dead: &[&str] = &["http://127.0.0.1:1/", "http://127.0.0.1:1/b/"];
    let originals = set_.originals.iter().map(|original| Original { mirrors: dead, ..*original }).collect();
    let bad = set(set_.files.to_vec(), originals, Packing::Plain);
    let empty = tempfile::tempdir().unwrap();
    let error = fetch_set(&bad, empty.path(), None, &Watch::nothing()).unwrap_err();
    assert!(matches!(&error, Error::AllMirrors { attempts, .. } if attempts.len() == 2), "{error}");
    assert_eq!(error.to_string().matches("connection refused").count(), 2, "{error}");
    assert_eq!(error.to_string().matches("--data-dir").count(), 1, "{error}");
    assert!(listing(empty.path()).is_empty());
}

#[test]
fn a_target_that_cannot_be_written_is_reported_before_any_request() {
    let (set, [train, test]) = plain_set();
    let (base, count) = serve(vec![(TRAIN, Answer::Body(train)), (TEST, Answer::Body(test))]);
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    for target in [file.clone(), file.join("toy")] {
        let error = get(&set, &target, &base).unwrap_err();
        assert!(matches!(&error, Error::Write { .. }), "{error}");
        assert!(error.to_string().contains("--data-dir"), "{error}");
    }
    assert_eq!(listing(root.path()), ["file"]);
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn built_in_sets_are_not_fetched() {
    let watch = Watch::nothing();
    assert!(matches!(gumbel_lab::data::fetch("digits", None, None, &watch), Err(Error::BuiltIn("digits"))));
    assert!(matches!(gumbel_lab::data::fetch("mist", None, None, &watch), Err(Error::UnknownName { .. })));
}

#[test]
fn text_becomes_images() {
    let text = format!("{}1\n{}0\n", "0 ".repeat(783), "1 ".repeat(783)).into_bytes();
    let pixels: Vec<u8> = [vec![0; 783], vec![1; 784], vec![0]].concat();
    let contents = sha256(&idx_bytes(0x0803, &[2, 28, 28], &pixels));
    let files = |sha256| vec![DataFile { part: Part::Train, kind: FileKind::Images, name: TRAIN, sha256 }];
    let originals = || vec![original("train.amat", &text)];
    let (base, _) = serve(vec![("train.amat", Answer::Body(text.clone()))]);
    let folder = tempfile::tempdir().unwrap();
    get(&set(files(contents), originals(), Packing::BinaryText), folder.path(), &base).unwrap();
    assert_eq!(listing(folder.path()), [TRAIN]);
    assert_eq!(idx::read_images(&folder.path().join(TRAIN)).unwrap().items.pixels[..], pixels);

    let other = tempfile::tempdir().unwrap();
    let error =
        get(&set(files(sha256(b"")), originals(), Packing::BinaryText), other.path(), &base).unwrap_err();
    assert!(matches!(error, Error::Convert { .. }), "{error}");
    assert!(listing(other.path()).is_empty());
}

/// A 105 x 105 drawing with ink in the given rows only, as a PNG of one bit per pixel.
fn drawing(inked: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 105, 105);
    encoder.set_depth(png::BitDepth::One);
    let rows: Vec<u8> = (0..105).flat_map(|row| [if inked.contains(&row) { 0 } else { 0xff }; 14]).collect();
    encoder.write_header().unwrap().write_image_data(&rows).unwrap();
    bytes
}

fn zip_of(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn drawings_in_zips_become_ordered_parts() {
    let background = zip_of(&[
        ("b/Greek/character01/0002_16.png", drawing(0..0)),
        ("b/Greek/character01/0002_01.png", drawing(0..105)),
        ("b/Arcadian/character01/0001_15.png", drawing(0..15)),
        ("b/notes.txt", b"not a drawing".to_vec()),
    ]);
    let evaluation = zip_of(&[("e/Keble/character01/0003_20.png", drawing(104..105))]);
    let (top, bottom) =
        ([vec![255; 4 * 28], vec![0; 24 * 28]].concat(), [vec![0; 27 * 28], vec![68; 28]].concat());
    let train = idx_bytes(0x0803, &[2, 28, 28], &[top, vec![255; 784]].concat());
    let test = idx_bytes(0x0803, &[2, 28, 28], &[vec![0; 784], bottom].concat());
    let file = |part, kind, name, bytes: &[u8]| DataFile { part, kind, name, sha256: sha256(bytes) };
    let files = vec![
        file(Part::Train, FileKind::Images, TRAIN, &train),
        file(
            Part::Train,
            FileKind::Labels,
            "train-alphabets-idx1-ubyte.gz",
            &idx_bytes(0x0801, &[2], &[0, 1]),
        ),
        file(Part::Test, FileKind::Images, TEST, &test),
        file(Part::Test, FileKind::Labels, "test-alphabets-idx1-ubyte.gz", &idx_bytes(0x0801, &[2], &[1, 2])),
    ];
    let originals = vec![original("b.zip", &background), original("e.zip", &evaluation)];
    let toy = set(files, originals, Packing::OmniglotZips);
    let (base, _) = serve(vec![("b.zip", Answer::Body(background)), ("e.zip", Answer::Body(evaluation))]);
    let folder: PathBuf = tempfile::tempdir().unwrap().keep();
    get(&toy, &folder, &base).unwrap();
    assert_eq!(listing(&folder).len(), 4);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_broken_zip_is_reported() {
    let body = b"PK but no zip".to_vec();
    let file = DataFile { part: Part::Train, kind: FileKind::Images, name: TRAIN, sha256: sha256(b"") };
    let toy = set(vec![file], vec![original("b.zip", &body)], Packing::OmniglotZips);
    let (base, _) = serve(vec![("b.zip", Answer::Body(body))]);
    let folder = tempfile::tempdir().unwrap();
    let error = get(&toy, folder.path(), &base).unwrap_err();
    assert!(matches!(error, Error::Damaged { format: "zip", .. }), "{error}");
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn a_requested_stop_ends_the_download_and_leaves_nothing() {
    let (set, [train, _]) = plain_set();
    let folder = tempfile::tempdir().unwrap();
    let (base, requests) = serve(vec![(TRAIN, Answer::Body(train))]);
    let watch = Watch::nothing();
    watch.stop.request();
    let error = fetch_set(&set, folder.path(), Some(&base), &watch).unwrap_err();
    assert!(matches!(error, Error::Interrupted(_)), "{error}");
    assert!(listing(folder.path()).is_empty() && requests.load(Ordering::SeqCst) == 0);
}

/// Announces a file of MNIST's length and sends it a byte at a time, until the client hangs up.
#[cfg(unix)]
fn trickle() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 9912422\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    });
    base
}

#[cfg(unix)]
#[test]
fn an_interrupted_fetch_leaves_no_partial_file() {
    use nix::sys::signal::{Signal, kill};
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("mnist");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_gumbel"))
        .args(["data", "fetch", "mnist", "--base-url", &trickle(), "--data-dir"])
        .arg(root.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        assert!(child.try_wait().unwrap().is_none(), "ended before its first byte");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!folder.exists(), "{:?}", listing(&folder));
}

#[test]
fn what_a_killed_download_left_is_removed_when_it_is_old() {
    let (set, [train, test]) = plain_set();
    let folder = tempfile::tempdir().unwrap();
    for (name, hours) in [(".partial-old", 2), (".partial-new", 0)] {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(hours * 3600))
            .unwrap();
    }
    let (base, _) = serve(vec![(TRAIN, Answer::Body(train)), (TEST, Answer::Body(test))]);
    get(&set, folder.path(), &base).unwrap();
    assert_eq!(listing(folder.path()), [".partial-new", TEST, TRAIN]);
}
