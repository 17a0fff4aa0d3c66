//! TensorBoard event files: scalars and images of a run, written as TensorBoard's own writers write them.
//!
//! An event file is a sequence of TFRecords, each an `Event` message. Values are of the kinds `simple_value` and
//! `image`. A scalar is therefore an `f32`. A tensor of `f64` would be exact, but TensorBoard's default server does not
//! show one, and `EventAccumulator` does not drop those that a resumed run repeats.

use png::{ColorType, Decoder};
use prost::{Message, Oneof};
use std::fs::{File, read_dir};
use std::io::{self, BufWriter, Cursor, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The beginning of an event file's name; the Unix time in seconds and the host's name follow.
const PREFIX: &str = "events.out.tfevents.";
/// The version of the format, in the first event of each file.
const FILE_VERSION: &str = "brain.Event:2";
/// `SessionLog.START`: on reading it, TensorBoard drops the earlier events of that and later steps.
const START: i32 = 1;

/// Whether a file with this name is an event file.
pub fn is_event_file(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Writes one event file.
///
/// A resumed run opens another file in the same folder and calls [`restart`](Self::restart): TensorBoard reads the
/// files of a folder as one run.
pub struct EventWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventWriter {
    /// Creates an event file in an existing folder, with a name that sorts after those already there, as TensorBoard
    /// requires.
    ///
    /// # Errors
    /// A folder that does not exist or cannot be written.
    pub fn create(folder: &Path, now: SystemTime) -> io::Result<Self> {
        let latest = latest(folder)?.map_or(0, |seconds| seconds.saturating_add(1));
        let seconds = latest.max(seconds_since_epoch(now) as u64);
        let host = gethostname::gethostname();
        let path = folder.join(format!("{PREFIX}{seconds:010}.{}", host.to_string_lossy()));
        let mut writer = Self { file: BufWriter::new(File::create_new(&path)?), path };
        writer.write(now, 0, What::FileVersion(FILE_VERSION.into()))?;
        writer.flush()?;
        Ok(writer)
    }

    /// The path of the event file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Marks that the run restarts from the state after `step`: TensorBoard drops all earlier events of later steps,
    /// which the resumed run repeats. Call it before the first scalar.
    ///
    /// # Errors
    /// A full disk.
    pub fn restart(&mut self, now: SystemTime, step: u64) -> io::Result<()> {
        self.write(now, step + 1, What::SessionLog(SessionLog { status: START }))
    }

    /// Writes the scalars of a step, each under its tag, rounded to `f32`: the format has no wider scalar.
    ///
    /// # Errors
    /// A full disk.
    pub fn scalars<'a>(
        &mut self,
        now: SystemTime,
        step: u64,
        scalars: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> io::Result<()> {
        let simple =
            |(tag, x): (&str, f64)| Value { tag: tag.into(), what: Some(Kind::SimpleValue(x as f32)) };
        self.write(now, step, What::Summary(Summary { value: scalars.into_iter().map(simple).collect() }))
    }

    /// Writes an image, encoded as PNG.
    ///
    /// # Errors
    /// A full disk, or bytes that are not a PNG.
    pub fn image(&mut self, now: SystemTime, step: u64, tag: &str, png: &[u8]) -> io::Result<()> {
        let image = Image::from_png(png)?;
        let value = Value { tag: tag.into(), what: Some(Kind::Image(image)) };
        self.write(now, step, What::Summary(Summary { value: vec![value] }))
    }

    /// Makes all events so far readable to TensorBoard.
    ///
    /// # Errors
    /// A full disk.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn write(&mut self, now: SystemTime, step: u64, what: What) -> io::Result<()> {
        let event = Event { wall_time: seconds_since_epoch(now), step: step as i64, what: Some(what) };
        write_record(&mut self.file, &event.encode_to_vec())
    }
}

/// The latest time in the names of a folder's event files.
fn latest(folder: &Path) -> io::Result<Option<u64>> {
    let mut latest = None;
    for entry in read_dir(folder)? {
        let name = entry?.file_name();
        let seconds =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('.').next()?.parse().ok());
        latest = latest.max(seconds);
    }
    Ok(latest)
}

fn seconds_since_epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |duration| duration.as_secs_f64())
}

/// Writes a TFRecord: the length, its checksum, the data and their checksum, in little-endian order.
fn write_record(file: &mut impl Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    file.write_all(&length)?;
    file.write_all(&masked_crc(&length).to_le_bytes())?;
    file.write_all(data)?;
    file.write_all(&masked_crc(data).to_le_bytes())
}

/// CRC-32C, rotated and shifted: checksums of data that contain checksums are weak otherwise.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

// The part that is used of TensorFlow's event.proto and summary.proto.

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(oneof = "Kind", tags = "2, 4")]
    what: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Kind {
    #[prost(float, tag = "2")]
    SimpleValue(f32),
    #[prost(message, tag = "4")]
    Image(Image),
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    /// The number of channels.
    #[prost(int32, tag = "3")]
    colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded: Vec<u8>,
}

impl Image {
    fn from_png(png: &[u8]) -> io::Result<Self> {
        let reader = Decoder::new(Cursor::new(png)).read_info();
        let reader = reader.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let info = reader.info();
        let colorspace = match info.color_type {
            ColorType::Indexed => 3,
            other => other.samples() as i32,
        };
        Ok(Self { height: info.height as i32, width: info.width as i32, colorspace, encoded: png.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: f64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs_f64(seconds)
    }

    /// A grey image of 3x2 pixels.
    fn png() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 3, 2);
        encoder.set_color(ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[0, 50, 100, 150, 200, 250]).unwrap();
        bytes
    }

    /// The events of a file, once both checksums of each record are verified.
    fn events(path: &Path) -> Vec<Event> {
        let bytes = std::fs::read(path).unwrap();
        let (mut rest, mut events) = (&bytes[..], Vec::new());
        let sum = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        while let Some((length, tail)) = rest.split_at_checked(8) {
            let size = u64::from_le_bytes(length.try_into().unwrap()) as usize;
            let data = &tail[4..4 + size];
            assert_eq!(sum(&tail[..4]), masked_crc(length));
            assert_eq!(sum(&tail[4 + size..8 + size]), masked_crc(data));
            events.push(Event::decode(data).unwrap());
            rest = &tail[8 + size..];
        }
        assert!(rest.is_empty());
        events
    }

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        // Appendix B.4: 32 zeros, 32 ones, and the numbers 0 to 31.
        let ascending: Vec<u8> = (0..32).collect();
        for (data, crc) in [(&[0; 32][..], 0x8a91_36aa), (&[255; 32], 0x62a8_ab43), (&ascending, 0x46dd_794e)]
        {
            assert_eq!(masked_crc(data).wrapping_sub(0xa282_ead8).rotate_left(15), crc);
        }
    }

    #[test]
    fn a_record_is_framed_as_by_tensorboard() {
        let mut bytes = Vec::new();
        write_record(&mut bytes, b"123456789").unwrap();
        // Written by `tensorboard.summary.writer.record_writer.RecordWriter`, TensorBoard 2.21.
        let expected =
            [&[9, 0, 0, 0, 0, 0, 0, 0, 0x37, 0xf9, 0x71, 0x39][..], b"123456789", &[0xe5, 0xb0, 0x8a, 0xc7]];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path(), at(1.5)).unwrap();
        writer.scalars(at(2.25), 10, [("loss", 0.1), ("kl", 0.0)]).unwrap();
        writer.image(at(3.0), 20, "samples", &png()).unwrap();
        writer.flush().unwrap();
        let event = |wall_time, step, what| Event { wall_time, step, what: Some(what) };
        let value = |tag: &str, kind| Value { tag: tag.into(), what: Some(kind) };
        let image = Image { height: 2, width: 3, colorspace: 1, encoded: png() };
        let loss = value("loss", Kind::SimpleValue(0.1));
        let kl = value("kl", Kind::SimpleValue(0.0));
        let expected = [
            event(1.5, 0, What::FileVersion("brain.Event:2".into())),
            event(2.25, 10, What::Summary(Summary { value: vec![loss, kl] })),
            event(3.0, 20, What::Summary(Summary { value: vec![value("samples", Kind::Image(image))] })),
        ];
        assert_eq!(events(writer.path()), expected);
    }

    #[test]
    fn a_resumed_run_has_a_later_file_that_drops_the_steps_it_repeats() {
        let folder = tempfile::tempdir().unwrap();
        let first = EventWriter::create(folder.path(), at(5.0)).unwrap();
        let mut second = EventWriter::create(folder.path(), at(4.0)).unwrap(); // the clock was set back
        second.restart(at(4.0), 100).unwrap();
        second.flush().unwrap();
        assert!(first.path() < second.path());
        let restart = &events(second.path())[1];
        assert_eq!(
            (restart.step, &restart.what),
            (101, &Some(What::SessionLog(SessionLog { status: START })))
        );
    }

    #[test]
    fn bytes_that_are_no_png_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path(), at(0.0)).unwrap();
        assert_eq!(writer.image(at(0.0), 0, "x", b"GIF89a").unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
