//! Bytes of logits: a regular file, whose parts are read where they are, or a stream.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

/// A file or a stream, with the first bytes that were looked at.
pub(super) struct Source {
    begin: Cursor<Vec<u8>>,
    from: From,
}

enum From {
    File(Arc<File>),
    Stream(Box<dyn Read>),
}

/// A file, and the place in it up to which it was read.
#[derive(Clone)]
pub(super) struct Stored {
    file: Arc<File>,
    at: u64,
}

impl Source {
    pub fn stream(from: impl Read + 'static) -> Self {
        Self { begin: Cursor::default(), from: From::Stream(Box::new(from)) }
    }

    /// Reads a file from its place on. What is not a regular file with a length, as a pipe or a file of the kernel, is read as a
    /// stream.
    pub fn file(file: File) -> io::Result<Self> {
        let (metadata, mut stream) = (file.metadata()?, Self::stream(io::empty()));
        let stored = metadata.is_file() && metadata.len() > 0;
        stream.from = if stored { From::File(Arc::new(file)) } else { From::Stream(Box::new(file)) };
        Ok(stream)
    }

    /// The first bytes, at most `count`; they are read again.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        let mut first = Vec::new();
        self.by_ref().take(count as u64).read_to_end(&mut first)?;
        self.begin = Cursor::new(first);
        Ok(self.begin.get_ref())
    }

    /// Passes over bytes, without reading them in a file; returns how many there were.
    pub fn skip(&mut self, count: u64) -> io::Result<u64> {
        let begin = io::copy(&mut self.begin.by_ref().take(count), &mut io::sink())?;
        let rest = count - begin;
        Ok(begin
            + match &mut self.from {
                From::Stream(from) => io::copy(&mut from.take(rest), &mut io::sink())?,
                From::File(file) => skip(file, rest)?,
            })
    }

    /// The file at the place up to which it was read; `None` for a stream.
    pub fn stored(&self) -> io::Result<Option<Stored>> {
        let unread = self.begin.get_ref().len() as u64 - self.begin.position();
        match &self.from {
            From::Stream(_) => Ok(None),
            From::File(file) => {
                let at = file.as_ref().stream_position()? - unread;
                Ok(Some(Stored { file: Arc::clone(file), at }))
            }
        }
    }
}

fn skip(mut file: &File, count: u64) -> io::Result<u64> {
    let left = file.metadata()?.len().saturating_sub(file.stream_position()?);
    let step = count.min(left);
    file.seek(SeekFrom::Current(step as i64))?;
    Ok(step)
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.begin.read(buffer)? {
            0 => match &mut self.from {
                From::Stream(from) => from.read(buffer),
                From::File(file) => file.as_ref().read(buffer),
            },
            some => Ok(some),
        }
    }
}

impl Stored {
    /// The same file, `count` bytes further.
    pub fn skip(&self, count: u64) -> Self {
        Self { file: Arc::clone(&self.file), at: self.at.saturating_add(count) }
    }

    /// Whether there is a byte `count` bytes from here.
    pub fn exceeds(&self, count: u64) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() > self.at.saturating_add(count))
    }

    /// Fills the buffer from `count` bytes further on, as far as the file goes; returns how many bytes there were. Several threads
    /// may read at once.
    pub fn read(&self, count: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let at = self.at.saturating_add(count + done as u64);
            match read_at(&self.file, &mut buffer[done..], at) {
                Ok(0) => break,
                Ok(some) => done += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn sources() -> [Source; 2] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.rewind().unwrap();
        [Source::file(file).unwrap(), Source::stream(&b"0123456789"[..])]
    }

    #[test]
    fn what_is_looked_at_is_read_again_and_the_rest_can_be_skipped() {
        for mut source in sources() {
            assert_eq!(source.peek(3).unwrap(), b"012");
            let mut two = [0; 2];
            source.read_exact(&mut two).unwrap();
            assert_eq!((&two, source.skip(3).unwrap()), (b"01", 3));
            let mut rest = String::new();
            source.read_to_string(&mut rest).unwrap();
            assert_eq!((rest.as_str(), source.skip(9).unwrap()), ("56789", 0));
        }
        let [mut file, mut stream] = sources();
        assert_eq!((file.skip(99).unwrap(), stream.skip(99).unwrap()), (10, 10));
    }

    #[test]
    fn a_file_is_read_at_any_place_from_where_it_was_left() {
        let [mut file, stream] = sources();
        file.peek(4).unwrap();
        file.skip(2).unwrap();
        let (stored, mut four) = (file.stored().unwrap().unwrap(), [0; 4]);
        assert!(stream.stored().unwrap().is_none());
        assert_eq!((stored.read(0, &mut four).unwrap(), &four), (4, b"2345"));
        assert_eq!((stored.skip(1).read(5, &mut four).unwrap(), &four), (2, b"8945"));
        assert_eq!((stored.exceeds(7).unwrap(), stored.exceeds(8).unwrap()), (true, false));
    }
}
