//! Converts the zip archives of Omniglot, 105 x 105 drawings, to 28 x 28 images.

use super::convert;
use crate::data::{
    Error, Images,
    registry::{DataFile, Part},
};
use std::{
    fs::File,
    io::{BufReader, Cursor, Read},
    path::Path,
};
use zip::{ZipArchive, result::ZipError};

/// Rows, and columns, of an original.
const LARGE: usize = 105;
/// Rows, and columns, of the result.
const SMALL: usize = 28;
/// Drawings 1 to 15 of a character are training images, the others test images.
const LAST_TRAIN: u32 = 15;
/// The limit on the bytes read of an entry, more than any drawing has.
const ENTRY_LIMIT: u64 = 1 << 20;

/// One person's drawing of one character.
struct Drawing {
    /// The number that begins its file's name: 1 to 1623.
    character: u32,
    /// The number that ends it: 1 to 20.
    drawing: u32,
    alphabet: String,
    pixels: Vec<u8>,
}

/// The two parts, labelled by alphabet.
pub(super) struct Omniglot {
    train: Images,
    test: Images,
}

impl Omniglot {
    /// Writes the part and kind of `file`.
    pub(super) fn write(&self, file: &DataFile, folder: &Path) -> Result<(), Error> {
        let images = if file.part == Part::Train { &self.train } else { &self.test };
        convert::write(file, folder, images)
    }
}

/// Reads all drawings of the zips, ordered by character, then drawing.
pub(super) fn convert<'a>(zips: impl Iterator<Item = &'a Path>) -> Result<Omniglot, Error> {
    let mut drawings = Vec::new();
    for path in zips {
        read(path, &mut drawings)?;
    }
    drawings.sort_by_key(|drawing| (drawing.character, drawing.drawing));
    let alphabets = number_alphabets(&drawings);
    let part = |train: bool| {
        let chosen = || drawings.iter().zip(&alphabets).filter(|(d, _)| (d.drawing <= LAST_TRAIN) == train);
        let pixels = chosen().flat_map(|(drawing, _)| drawing.pixels.iter().copied()).collect();
        Images::new(pixels, SMALL, SMALL, Some(chosen().map(|(_, &alphabet)| alphabet).collect()))
    };
    Ok(Omniglot { train: part(true), test: part(false) })
}

/// Numbers the alphabets in the order of their first character.
fn number_alphabets(drawings: &[Drawing]) -> Vec<u8> {
    let mut names: Vec<&str> = Vec::new();
    let number = |drawing| {
        let Drawing { alphabet, .. }: &Drawing = drawing;
        let known = names.iter().position(|name| name == alphabet);
        known.unwrap_or_else(|| {
            names.push(alphabet);
            names.len() - 1
        }) as u8
    };
    drawings.iter().map(number).collect()
}

fn read(path: &Path, drawings: &mut Vec<Drawing>) -> Result<(), Error> {
    let damaged =
        |source: ZipError| Error::Damaged { path: path.into(), format: "zip", source: source.into() };
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        let Some((alphabet, character, drawing)) = parse(&name) else { continue };
        let mut bytes = Vec::new();
        let name = path.join(name);
        let unreadable = |source| Error::Damaged { path: name.clone(), format: "zip", source };
        entry.take(ENTRY_LIMIT).read_to_end(&mut bytes).map_err(unreadable)?;
        let pixels = shrink(&ink(&bytes, &name)?);
        drawings.push(Drawing { character, drawing, alphabet, pixels });
    }
    Ok(())
}

/// Alphabet, character and drawing from `…/ALPHABET/character01/0001_01.png`; other entries are not drawings.
fn parse(name: &str) -> Option<(String, u32, u32)> {
    let mut parts = name.strip_suffix(".png")?.rsplit('/');
    let (character, drawing) = parts.next()?.split_once('_')?;
    let (_character_folder, alphabet) = (parts.next()?, parts.next()?);
    Some((alphabet.into(), character.parse().ok()?, drawing.parse().ok()?))
}

/// Whether each pixel is ink, that is, dark.
fn ink(png: &[u8], path: &Path) -> Result<Vec<bool>, Error> {
    let failed = |error: png::DecodingError| Error::Damaged {
        path: path.into(),
        format: "PNG",
        source: std::io::Error::other(error),
    };
    let mut decoder = png::Decoder::new(Cursor::new(png));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(failed)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if (width, height) != (LARGE as u32, LARGE as u32) {
        let reason = format!("it has {height} x {width} pixels, expected {LARGE} x {LARGE}");
        return Err(Error::Convert { path: path.into(), reason });
    }
    let mut samples = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let channels = reader.next_frame(&mut samples).map_err(failed)?.color_type.samples();
    Ok(samples.chunks_exact(channels).map(|pixel| pixel[0] < 128).collect())
}

/// Area average over 3.75 x 3.75 source pixels, exact and then rounded; full ink is 255.
fn shrink(ink: &[bool]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(SMALL * SMALL);
    for row in 0..SMALL {
        for column in 0..SMALL {
            let covered = |(y, height)| {
                let inked = |&(x, _): &(usize, usize)| ink[y * LARGE + x];
                height * overlaps(column).filter(inked).map(|(_, width)| width).sum::<usize>()
            };
            let area: usize = overlaps(row).map(covered).sum();
            pixels.push(((2 * 255 * area + 225) / 450) as u8);
        }
    }
    pixels
}

/// The source pixels under a result pixel, with their shares in quarters of a pixel: 15 in all.
fn overlaps(place: usize) -> impl Iterator<Item = (usize, usize)> {
    let (start, end) = (15 * place, 15 * place + 15);
    (start / 4..end.div_ceil(4)).map(move |pixel| (pixel, (4 * pixel + 4).min(end) - (4 * pixel).max(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_the_source_once() {
        let mut shares = [0; LARGE];
        for place in 0..SMALL {
            assert_eq!(overlaps(place).map(|(_, share)| share).sum::<usize>(), 15);
            overlaps(place).for_each(|(pixel, share)| shares[pixel] += share);
        }
        assert_eq!(shares, [4; LARGE]);
    }

    #[test]
    fn areas_are_averaged() {
        assert_eq!(shrink(&[true; LARGE * LARGE]), [255; SMALL * SMALL]);
        let mut ink = [false; LARGE * LARGE];
        ink[3 * LARGE + 3] = true; // a quarter of its width and height in the first pixel: 9 of 225 parts
        let small = shrink(&ink);
        assert_eq!((small[0], small[1], small[SMALL], small[SMALL + 1]), (10, 3, 3, 1));
    }

    #[test]
    fn names_of_drawings_are_read() {
        let name = "images_background/Alphabet_of_the_Magi/character01/0709_05.png";
        assert_eq!(parse(name), Some(("Alphabet_of_the_Magi".into(), 709, 5)));
        assert_eq!(parse("images_background/Greek/"), None);
        assert_eq!(parse("__MACOSX/Greek/character01/._0001_01.png"), None);
    }
}
