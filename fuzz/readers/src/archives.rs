//! Originals of other formats, as a server sends them: what they become, and that nothing else is written.

use crate::message;
use arbitrary::{Arbitrary, Result as Arbitrarily, Unstructured};
use gumbel_lab::data::fetch::fetch_set;
use gumbel_lab::data::idx::read_images;
use gumbel_lab::data::registry::{DataFile, FileKind, Original, Packing, Part, Set};
use gumbel_lab::support::interrupt::Watch;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{LazyLock, Mutex};

/// What the local server sends.
static BODY: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Its address.
static SERVER: LazyLock<String> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| reply(stream).unwrap_or_default())
    });
    format!("http://{address}")
});

fn reply(mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let body = BODY.lock().expect("no holder panics").clone();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

/// Lines of 784 digits: images of just these digits, or an error and nothing written.
pub fn text(data: &[u8]) {
    let pixels: Vec<u8> =
        data.iter().filter(|byte| byte.is_ascii_digit()).map(|digit| digit - b'0').collect();
    let header = [0x0803, (pixels.len() / 784) as u32, 28, 28].into_iter().flat_map(u32::to_be_bytes);
    let expected: Vec<u8> = header.chain(pixels.iter().copied()).collect();
    fetch(data, Packing::BinaryText, &expected, |folder| {
        let images = read_images(&folder.join(NAME)).expect("as written").items;
        assert_eq!(images.pixels[..], pixels);
    });
}

/// A zip archive of entries with any names and contents: never anything outside the folder.
pub fn zip(data: &[u8]) {
    let made = archive(&mut Unstructured::new(data)).unwrap_or_default();
    for bytes in [data, &made] {
        fetch(bytes, Packing::OmniglotZips, b"no archive becomes this", |_| {
            panic!("the sum is of something else")
        });
    }
}

const NAME: &str = "train-images-idx3-ubyte";

/// Downloads the bytes into a folder inside another.
fn fetch(body: &[u8], packing: Packing, expected: &[u8], check: impl Fn(&Path)) {
    *BODY.lock().expect("no holder panics") = body.to_vec();
    let files =
        [DataFile { part: Part::Train, kind: FileKind::Images, name: NAME, sha256: sha256(expected) }];
    let original =
        Original { name: "original", mirrors: &[], bytes: body.len() as u64, sha256: sha256(body) };
    let set = Set {
        name: "toy",
        note: "",
        licence: "",
        files: Vec::from(files).leak(),
        originals: vec![original].leak(),
        packing,
    };
    let root = tempfile::tempdir().expect("a temporary folder");
    let folder = root.path().join("a/b/toy");
    let done = message::ok(fetch_set(&set, &folder, Some(&SERVER), &Watch::nothing()));
    let found = listing(root.path());
    match done {
        Some(()) => check(&folder),
        None => assert_eq!(found, [""; 0], "after an error"),
    }
    assert!(found.iter().all(|path| path == &format!("a/b/toy/{NAME}")), "{found:?}");
}

fn sha256(bytes: &[u8]) -> &'static str {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>().leak()
}

/// The files under a folder.
fn listing(root: &Path) -> Vec<String> {
    let (mut folders, mut files) = (vec![root.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder of ours").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(root).expect("it was found there");
                files.push(inside.to_string_lossy().into_owned());
            }
        }
    }
    files
}

/// The beginnings of names of entries.
const FOLDERS: [&str; 6] =
    ["", "images_background/Greek/character01/", "../", "../../../", "/tmp/", "a\\..\\"];

/// A zip archive, entries stored as they are.
fn archive(data: &mut Unstructured) -> Arbitrarily<Vec<u8>> {
    let (mut file, mut directory, mut entries) = (Vec::new(), Vec::new(), 0u16);
    for _ in 0..data.int_in_range(1..=4)? {
        let name =
            format!("{}{}", data.choose(&FOLDERS)?, data.choose(&["0001_01.png", "x", "0001_16.png"])?);
        let contents = if data.ratio(1, 3)? { Vec::arbitrary(data)? } else { DRAWING.to_vec() };
        let offset = (file.len() as u32).to_le_bytes();
        let mut crc = flate2::Crc::new();
        crc.update(&contents);
        let [sum, size] = [crc.sum(), contents.len() as u32].map(u32::to_le_bytes);
        let same = [&[0; 8][..], &sum, &size, &size, &(name.len() as u16).to_le_bytes(), &[0; 2]].concat();
        file.extend([b"PK\x03\x04\x14\0", &same[..], name.as_bytes(), &contents].concat());
        directory.extend([b"PK\x01\x02\x14\0\x14\0", &same[..], &[0; 10], &offset, name.as_bytes()].concat());
        entries += 1;
    }
    let [size, offset] = [directory.len(), file.len()].map(|length| (length as u32).to_le_bytes());
    let counts = [entries.to_le_bytes(), entries.to_le_bytes()].concat();
    Ok([&file[..], &directory, b"PK\x05\x06\0\0\0\0", &counts, &size, &offset, &[0; 2]].concat())
}

/// A drawing of 105 x 105 pixels, as PNG.
const DRAWING: &[u8] = include_bytes!("drawing.png");
