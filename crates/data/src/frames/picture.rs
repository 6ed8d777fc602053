//! How a picture is cut into frames.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Frames;
use crate::files::read;
use crate::picture::{Colour, Fit, Picture, PictureError, Seen, Size};

/// How a picture is cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureSteps {
    /// Pixels across, to which other pictures are brought.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Gray or in colours.
    pub colour: Colour,
    /// The frames.
    pub frames: PictureFrames,
}

/// The frames of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFrames {
    /// Its rows from above.
    Rows,
    /// Its pixels row by row.
    Pixels,
    /// Squares of this side row by row.
    Patches(usize),
    /// Its pixels, of which the model's convolutions make steps.
    Whole,
}

impl PictureSteps {
    /// What fits a picture like this; `frames` are chosen by its width and height.
    pub fn like(picture: &Picture, frames: impl FnOnce(usize, usize) -> PictureFrames) -> Self {
        let &Picture { width, height, .. } = picture;
        let colour = if picture.is_gray() { Colour::Gray } else { Colour::Rgb };
        Self { width, height, colour, frames: frames(width, height) }
    }

    /// Numbers of a pixel.
    pub fn channels(&self) -> usize {
        if self.colour == Colour::Gray { 1 } else { 3 }
    }

    /// Numbers of a frame.
    pub fn frame_width(&self) -> usize {
        self.channels()
            * match self.frames {
                PictureFrames::Rows => self.width,
                PictureFrames::Pixels | PictureFrames::Whole => 1,
                PictureFrames::Patches(side) => side * side,
            }
    }

    /// The frames of a picture of this size, in these colours.
    ///
    /// # Errors
    /// Patches that do not fill it.
    pub fn frames(&self, picture: &Picture) -> Result<Frames, PictureError> {
        match self.frames {
            PictureFrames::Rows => Ok(picture.rows()),
            PictureFrames::Pixels | PictureFrames::Whole => Ok(picture.pixels()),
            PictureFrames::Patches(side) => picture.patches(side),
        }
    }

    /// A file as a picture of this size, in these colours, and what was changed for it.
    ///
    /// # Errors
    /// Those of [`read_picture`](crate::picture::read_picture).
    pub fn read(&self, path: &Path, fit: Fit) -> Result<(Picture, Changed), PictureError> {
        let seen = Seen::of(&read(path)?, path)?;
        let (from, to) = ([seen.picture.width, seen.picture.height], [self.width, self.height]);
        let changed = Changed {
            size: (from != to).then_some([from, to]),
            fit,
            transparent: seen.transparent,
            colours: self.colour == Colour::Gray && !seen.picture.is_gray(),
        };
        let size = Size { width: self.width as u32, height: self.height as u32, fit };
        Ok((seen.brought(self.colour, Some(size))?, changed))
    }

    /// Whether a picture has this size and these colours.
    pub fn fit(&self, picture: &Picture) -> bool {
        (picture.width, picture.height, picture.channels) == (self.width, self.height, self.channels())
    }
}

/// What of a picture a model does not read as it is in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Pixels across and down, before and after, where they are not the same.
    pub size: Option<[[usize; 2]; 2]>,
    /// How it was brought to its size.
    pub fit: Fit,
    /// Whether something was transparent.
    pub transparent: bool,
    /// Whether colours were read as gray.
    pub colours: bool,
}

impl Changed {
    /// What is to be said of it, a clause each.
    pub fn notes(&self) -> Vec<String> {
        let size = self.size.map(|[from, to]| {
            let how = match self.fit {
                _ if from[0] * to[1] == from[1] * to[0] => "",
                Fit::Stretch => ", stretched",
                Fit::Crop => ", its middle kept",
            };
            format!("the picture of {}x{} pixels was brought to {}x{}{how}", from[0], from[1], to[0], to[1])
        });
        let transparent =
            self.transparent.then(|| "what is transparent in the picture was laid on white".to_owned());
        let colours = self.colours.then(|| "the picture's colours were read as gray".to_owned());
        size.into_iter().chain(transparent).chain(colours).collect()
    }
}

impl PictureFrames {
    /// Patches of the largest side with which four or more fit into each side of a picture; else of one pixel.
    pub fn patches_of(width: usize, height: usize) -> Self {
        let fits = |side: &usize| width.is_multiple_of(*side) && height.is_multiple_of(*side);
        Self::Patches((1..=width.min(height) / 4).rev().find(fits).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_divides_both_sides() {
        assert_eq!(
            [(28, 28), (32, 64), (30, 45), (7, 11), (3, 3)].map(|(w, h)| PictureFrames::patches_of(w, h)),
            [7, 8, 5, 1, 1].map(PictureFrames::Patches)
        );
    }

    #[test]
    fn what_a_picture_is_like_is_seen_from_its_pixels() {
        let picture = |pixels: [u8; 6]| Picture { width: 2, height: 1, channels: 3, pixels: pixels.to_vec() };
        let like = |pixels| PictureSteps::like(&picture(pixels), |_, _| PictureFrames::Rows);
        assert_eq!(
            (like([1, 1, 1, 9, 9, 9]).colour, like([1, 1, 1, 9, 9, 8]).colour),
            (Colour::Gray, Colour::Rgb)
        );
        assert_eq!([like([1; 6]).frame_width(), like([1, 2, 3, 4, 5, 6]).frame_width()], [2, 6]);
    }
}
