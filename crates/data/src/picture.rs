//! Pictures, and how one is made a sequence: of rows, pixels or patches.

mod captions;
mod decode;
mod encode;
mod idx;
mod resize;

pub use captions::{CaptionFault, Captioned, CaptionedPictures, captions_in, read_captions};
pub use idx::{Digits, idx_files, parse_images, parse_labels, read_idx};

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::files::read;
use crate::frames::Frames;
use crate::table::TableError;

/// What a pixel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// How light it is.
    Gray,
    /// Red, green and blue.
    Rgb,
}

/// How a picture of other proportions is brought to a size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Its middle is kept, what sticks out is cut off.
    #[default]
    Crop,
    /// All of it is kept, stretched.
    Stretch,
}

/// The size to bring a picture to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// What happens to other proportions.
    #[serde(default)]
    pub fit: Fit,
}

/// A picture in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Numbers of a pixel: 1 (gray) or 3 (red, green, blue).
    pub channels: usize,
    /// The pixels, `[height, width, channels]`.
    pub pixels: Vec<u8>,
}

/// Why a picture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] DataError),
    /// It is no picture, or a damaged one.
    #[error("{}: no picture that can be read, a PNG or JPEG file is needed ({reason})", path.display())]
    NoPicture {
        /// The file.
        path: PathBuf,
        /// The decoder's message.
        reason: String,
    },
    /// A size that nothing has.
    #[error("a picture of {width}x{height} pixels was asked for, each side has to be 1 to 4096")]
    Size {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// Patches that do not fill the picture.
    #[error(
        "a picture of {width}x{height} pixels cannot be cut into patches of {patch}x{patch}, both sides have to be multiples"
    )]
    Patch {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
        /// Side of a patch.
        patch: usize,
    },
    /// A file that is not in the IDX format.
    #[error("{}: {found}, {needed}", path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// The valid range or value.
        needed: &'static str,
    },
    /// A folder without a table of captions, or with several.
    #[error(
        "{}: there are {found} .csv, .tsv or .txt files in it; name the table of captions itself", path.display()
    )]
    WhichTable {
        /// The folder.
        path: PathBuf,
        /// How many: no or several.
        found: &'static str,
    },
    /// The table of captions could not be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A caption without a picture, or the other way round.
    #[error(transparent)]
    Caption(#[from] crate::error::At<CaptionFault>),
}

/// Reads a PNG or JPEG file, whatever its extension, the right way up as its EXIF data say (in PNG its eXIf chunk).
///
/// # Errors
/// A file that is missing, no picture, or one of more than half a gigabyte; a size of 0.
pub fn read_picture(path: &Path, colour: Colour, size: Option<Size>) -> Result<Picture, PictureError> {
    parse_picture(&read(path)?, path, colour, size)
}

/// Decodes a PNG or JPEG picture; `name` is for messages. What is transparent is laid on white, as it is seen on paper and in most
/// browsers; gray is made of colours by their luminance (ITU-R BT.709), another size by a triangle filter over all pixels that become one.
///
/// # Errors
/// Those of [`read_picture`] that concern content.
pub fn parse_picture(
    content: &[u8],
    name: &Path,
    colour: Colour,
    size: Option<Size>,
) -> Result<Picture, PictureError> {
    Seen::of(content, name)?.brought(colour, size)
}

/// A picture as its file has it, but for its transparency.
pub(crate) struct Seen {
    /// Gray or in colours; what was transparent lies on white.
    pub picture: Picture,
    /// Whether something was.
    pub transparent: bool,
}

impl Seen {
    /// Decodes a PNG or JPEG picture.
    pub fn of(content: &[u8], name: &Path) -> Result<Self, PictureError> {
        let decoded = decode::decode(content);
        let decoded = decoded.map_err(|reason| PictureError::NoPicture { path: name.to_owned(), reason })?;
        let (picture, transparent) = decoded.on_white();
        Ok(Self { picture, transparent })
    }

    /// The picture in a size, gray or in colours.
    pub fn brought(self, colour: Colour, size: Option<Size>) -> Result<Picture, PictureError> {
        let picture = self.picture.coloured(colour);
        match size {
            None => Ok(picture),
            Some(size @ Size { width: 1..=4096, height: 1..=4096, .. }) => Ok(resize::resize(&picture, size)),
            Some(Size { width, height, .. }) => Err(PictureError::Size { width, height }),
        }
    }
}

impl Picture {
    /// Whether no pixel has a colour.
    pub(crate) fn is_gray(&self) -> bool {
        let mut pixels = self.pixels.chunks_exact(self.channels);
        pixels.all(|pixel| pixel.iter().all(|&value| value == pixel[0]))
    }

    /// A picture of 1 to 4 channels without its transparency, white shining through; whether some of it did.
    fn on_white(self) -> (Picture, bool) {
        let colours = match self.channels {
            2 => 1,
            4 => 3,
            _ => return (self, false),
        };
        let transparent = self.pixels.chunks_exact(self.channels).any(|pixel| pixel[colours] < u8::MAX);
        let lay = |value: u8, opaque: u8| {
            let (value, opaque) = (u32::from(value), u32::from(opaque));
            ((value * opaque + 255 * (255 - opaque) + 127) / 255) as u8
        };
        let pixels = self.pixels.chunks_exact(self.channels);
        let pixels = pixels
            .flat_map(|pixel| pixel[..colours].iter().map(|&value| lay(value, pixel[colours])))
            .collect();
        (Picture { channels: colours, pixels, ..self }, transparent)
    }

    /// A picture of 1 or 3 channels as gray or in colours.
    fn coloured(self, colour: Colour) -> Picture {
        let gray = |pixel: &[u8]| match *pixel {
            [red, green, blue, ..] => {
                (0.2126 * f32::from(red) + 0.7152 * f32::from(green) + 0.0722 * f32::from(blue)).round() as u8
            }
            _ => pixel[0],
        };
        let pixels = self.pixels.chunks_exact(self.channels);
        let (channels, pixels) = match (colour, self.channels) {
            (Colour::Gray, 1) | (Colour::Rgb, 3) => return self,
            (Colour::Gray, _) => (1, pixels.map(gray).collect()),
            (Colour::Rgb, _) => (3, pixels.flat_map(|pixel| [pixel[0]; 3]).collect()),
        };
        Picture { channels, pixels, ..self }
    }

    /// The rows from above: `height` frames of `width * channels` numbers in 0..=1.
    pub fn rows(&self) -> Frames {
        Frames { width: self.width * self.channels, values: unit(&self.pixels).collect() }
    }

    /// The pixels row by row: `height * width` frames of `channels` numbers in 0..=1.
    pub fn pixels(&self) -> Frames {
        Frames { width: self.channels, values: unit(&self.pixels).collect() }
    }

    /// Square patches of side `patch` row by row: `height / patch * width / patch` frames, each
    /// `[patch, patch, channels]` numbers in 0..=1.
    ///
    /// # Errors
    /// A patch that does not divide both sides.
    pub fn patches(&self, patch: usize) -> Result<Frames, PictureError> {
        let &Picture { width, height, channels, .. } = self;
        if patch == 0 || !width.is_multiple_of(patch) || !height.is_multiple_of(patch) {
            return Err(PictureError::Patch { width, height, patch });
        }
        let mut values = Vec::with_capacity(self.pixels.len());
        for top in (0..height).step_by(patch) {
            for left in (0..width).step_by(patch) {
                for row in top..top + patch {
                    let begin = (row * width + left) * channels;
                    values.extend(unit(&self.pixels[begin..begin + patch * channels]));
                }
            }
        }
        Ok(Frames { width: patch * patch * channels, values })
    }
}

fn unit(pixels: &[u8]) -> impl Iterator<Item = f32> {
    pixels.iter().map(|&pixel| f32::from(pixel) / 255.0)
}
