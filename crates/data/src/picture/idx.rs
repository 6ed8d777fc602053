//! The files of MNIST (IDX): big-endian counts, then bytes, all of it possibly within gzip.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::{Picture, PictureError};
use crate::error::DataError;
use crate::files::{files_of, io_error, read};

/// Pictures and their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// The pictures, gray and all of one size.
    pub pictures: Vec<Picture>,
    /// The class of each.
    pub labels: Vec<u8>,
}

/// Reads a file of pictures and one of labels (`train-images-idx3-ubyte.gz`, `train-labels-idx1-ubyte.gz`).
///
/// # Errors
/// Files that are missing or not in this format, one that ends too early or too late, unequal counts.
pub fn read_idx(images: &Path, labels: &Path) -> Result<Digits, PictureError> {
    let pictures = parse_images(&read(images)?, images)?;
    let classes = parse_labels(&read(labels)?, labels)?;
    if pictures.len() != classes.len() {
        return Err(PictureError::Idx {
            path: labels.to_owned(),
            found: format!(
                "{} labels for the {} pictures of {}",
                classes.len(),
                pictures.len(),
                images.display()
            ),
            needed: "each picture needs one",
        });
    }
    Ok(Digits { pictures, labels: classes })
}

/// The files of pictures in a folder, each with the one of its labels: `NAME-images-idx3-ubyte` and `NAME-labels-idx1-ubyte`,
/// with `.gz` or without.
///
/// # Errors
/// A folder that cannot be read.
pub fn idx_files(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, DataError> {
    let pair = |images: PathBuf| {
        let name = images.file_name()?.to_str()?;
        let labels = name.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1");
        let labels = (labels != name).then(|| images.with_file_name(labels))?;
        Some((images, labels))
    };
    Ok(files_of(folder)?.into_iter().filter_map(pair).collect())
}

/// The pictures of an IDX file's content; `name` is for messages.
///
/// # Errors
/// Those of [`read_idx`] that concern content.
pub fn parse_images(content: &[u8], name: &Path) -> Result<Vec<Picture>, PictureError> {
    let ([_, height, width], bytes) = parse(content, name)?;
    if height * width == 0 {
        let found = format!("pictures of {width}x{height} pixels");
        return Err(PictureError::Idx {
            path: name.to_owned(),
            found,
            needed: "each side has to be 1 or more",
        });
    }
    let pictures = bytes.chunks_exact(height * width);
    Ok(pictures.map(|pixels| Picture { width, height, channels: 1, pixels: pixels.to_owned() }).collect())
}

/// The labels of an IDX file's content; `name` is for messages.
///
/// # Errors
/// Those of [`read_idx`] that concern content.
pub fn parse_labels(content: &[u8], name: &Path) -> Result<Vec<u8>, PictureError> {
    Ok(parse::<1>(content, name)?.1)
}

/// The sizes of an array of bytes of so many dimensions, and its bytes.
fn parse<const DIMENSIONS: usize>(
    content: &[u8],
    path: &Path,
) -> Result<([usize; DIMENSIONS], Vec<u8>), PictureError> {
    let mut reader: Box<dyn Read + '_> = if content.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(content))
    } else {
        Box::new(content)
    };
    let wrong = |found: String, needed| PictureError::Idx { path: path.to_owned(), found, needed };
    let failed = |e| PictureError::from(io_error(path, e));
    // Two zeros, the kind of number (8 for bytes), the number of dimensions, and four bytes for the size of each.
    let mut head = vec![];
    (&mut reader).take(4 + 4 * DIMENSIONS as u64).read_to_end(&mut head).map_err(failed)?;
    let kind = [0, 0, 8, DIMENSIONS as u8];
    if head.len() < 4 + 4 * DIMENSIONS || head[..4] != kind {
        let found = format!("it begins with the bytes {:02X?}", &head[..head.len().min(4)]);
        let needed = match DIMENSIONS {
            1 => "an IDX file of labels begins with 00 00 08 01 and their number",
            _ => "an IDX file of pictures begins with 00 00 08 03, their number and size",
        };
        return Err(wrong(found, needed));
    }
    let mut sizes = [0; DIMENSIONS];
    for (size, bytes) in sizes.iter_mut().zip(head[4..].chunks_exact(4)) {
        *size = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    }
    let promised = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64));
    let Some(promised) = promised.filter(|&bytes| bytes < u64::MAX) else {
        return Err(wrong(format!("an array of {sizes:?} bytes"), "no memory holds that"));
    };
    let mut bytes = vec![];
    // One more than promised, to see whether there is more.
    reader.take(promised + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 != promised {
        let more = if bytes.len() as u64 > promised { "more" } else { "less" };
        return Err(wrong(
            format!("{more} than the {promised} bytes that its head promises"),
            "get the file anew",
        ));
    }
    Ok((sizes, bytes))
}
