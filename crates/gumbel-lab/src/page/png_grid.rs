//! Small grey images as one PNG file.

use super::Error;

/// Pixels between two images, and the grey they have: a hairline between white images.
pub(super) const GAP: usize = 1;
const GAP_GREY: u8 = 0xe6;

/// One grey PNG of `count` images (0 paper, 255 ink), row by row, drawn dark on white with a hairline between.
///
/// Places left over in the last row stay white.
///
/// # Errors
/// [`Error::Pixels`] where `images` is not `count` x `height` x `width` bytes, [`Error::EmptyGrid`] where one
/// of the numbers is zero, [`Error::Png`] where the picture is too large for the format.
pub fn png_grid(
    images: &[u8],
    count: usize,
    height: usize,
    width: usize,
    columns: usize,
) -> Result<Vec<u8>, Error> {
    if count.checked_mul(height).and_then(|n| n.checked_mul(width)) != Some(images.len()) {
        return Err(Error::Pixels { len: images.len(), count, height, width });
    }
    if images.is_empty() || columns == 0 {
        return Err(Error::EmptyGrid { count, height, width, columns });
    }
    let columns = columns.min(count);
    let (sheet, sheet_height, sheet_width) = arrange(images, height, width, columns);
    encode(&sheet, sheet_height, sheet_width)
}

/// The sheet's pixels in print polarity, its height and its width.
fn arrange(images: &[u8], height: usize, width: usize, columns: usize) -> (Vec<u8>, usize, usize) {
    let rows = images.len().div_ceil(height * width * columns);
    let (across, down) = (width + GAP, height + GAP);
    let (sheet_height, sheet_width) = (rows * down - GAP, columns * across - GAP);
    let grey = |i: usize| {
        let (y, x) = (i / sheet_width, i % sheet_width);
        if y % down >= height || x % across >= width {
            return GAP_GREY;
        }
        let image = y / down * columns + x / across;
        let pixel = (image * height + y % down) * width + x % across;
        255 - images.get(pixel).copied().unwrap_or(0)
    };
    ((0..sheet_height * sheet_width).map(grey).collect(), sheet_height, sheet_width)
}

fn encode(grey: &[u8], height: usize, width: usize) -> Result<Vec<u8>, Error> {
    let side = |n: usize| u32::try_from(n).unwrap_or(0); // zero is refused by the encoder
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side(width), side(height));
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(grey)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(file: &[u8]) -> (Vec<u8>, u32, u32) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (pixels, info.height, info.width)
    }

    #[test]
    fn three_images_in_two_columns() {
        // 1 x 2 pixels each: the sheet is 3 rows (two and a gap) of 5 columns (two, a gap, two).
        let file = png_grid(&[255, 0, 0, 255, 100, 0], 3, 1, 2, 2).unwrap();
        let g = GAP_GREY;
        let sheet = [[0, 255, g, 255, 0], [g, g, g, g, g], [155, 255, g, 255, 255]];
        assert_eq!(decode(&file), (sheet.concat(), 3, 5));
    }

    #[test]
    fn more_columns_than_images_leave_no_empty_paper() {
        assert_eq!(decode(&png_grid(&[255, 255], 2, 1, 1, 10).unwrap()), (vec![0, GAP_GREY, 0], 1, 3));
    }

    #[test]
    fn wrong_sizes_are_refused_with_their_values() {
        let wrong = png_grid(&[0; 5], 2, 1, 2, 1).unwrap_err();
        assert_eq!(wrong.to_string(), "pixels must fill 2 images of 1 x 2, got 5 bytes");
        assert!(matches!(png_grid(&[], 0, 28, 28, 4), Err(Error::EmptyGrid { .. })));
        assert!(matches!(png_grid(&[0], 1, 1, 1, 0), Err(Error::EmptyGrid { .. })));
        assert!(matches!(png_grid(&[0], usize::MAX, 2, 1, 1), Err(Error::Pixels { .. })));
    }
}
