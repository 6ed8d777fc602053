//! Examples that are files of their own: sounds and pictures, sorted into folders or told apart by their names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::Frames;
use anaphora_data::audio::{list_takes, read_wav};
use anaphora_data::folders::sorted_files;
use anaphora_data::picture::{Colour, Picture, idx_files, read_idx, read_picture};

use super::read::{Example, PICTURES, Raw};
use super::steps::{PictureSteps, SoundReader, Steps};
use crate::recipe::Data;
use crate::{Error, Result};

/// Sounds of a folder: those in subfolders have their names as labels, others the part of their own name before the `_`.
pub fn sounds(
    folder: &Path,
    data: &Data,
    known: Option<&Steps>,
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<Example>> {
    let mut files = by_folder(folder, &["wav"], notes)?;
    if files.is_empty() {
        files = list_takes(folder)?.into_iter().map(|take| (take.label, take.path)).collect();
    }
    let mut reader = match known {
        Some(Steps::Sound(steps)) => Some(SoundReader::new(steps.clone())?),
        _ => None,
    };
    let mut resampled = 0;
    let examples = kept(files, data.skip_bad, notes, |path| {
        if reader.is_none() {
            reader = Some(SoundReader::like(&read_wav(path, data.sample_rate)?.sound, data)?);
        }
        let Some(reader) = &reader else { unreachable!("it was made") };
        let (frames, other) = reader.read(path)?;
        resampled += usize::from(other.is_some());
        Ok(frames)
    })?;
    let Some(reader) = reader.filter(|_| !examples.is_empty()) else { return Err(nothing(folder, "sound")) };
    if resampled > 0 {
        let (count, rate) = (examples.len(), reader.steps().rate);
        notes(&format!("{resampled} of {count} sounds have another rate and were resampled to {rate} Hz"));
    }
    Ok(with_steps(examples, Steps::Sound(reader.steps().clone())))
}

/// Pictures of a folder: MNIST's IDX files, or PNG and JPEG files in subfolders that have their labels as names.
pub fn pictures(
    folder: &Path,
    data: &Data,
    known: Option<&Steps>,
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<Example>> {
    let mut steps = match known {
        Some(Steps::Picture(steps)) => Some(*steps),
        _ => None,
    };
    let mut examples = Vec::new();
    for (images, labels) in idx_files(folder).map_err(Error::Data)? {
        let test = is_test(&images);
        let digits = read_idx(&images, &labels)?;
        for (index, (picture, label)) in digits.pictures.iter().zip(digits.labels).enumerate() {
            let steps = steps.get_or_insert_with(|| PictureSteps::like(picture, data));
            let frames = idx_frames(steps, picture, &images, index)?;
            examples.push(Read { label: label.to_string(), frames, path: images.clone(), test });
        }
    }
    if examples.is_empty() {
        let files = by_folder(folder, PICTURES, notes)?;
        let mut brought = 0;
        examples = kept(files, data.skip_bad, notes, |path| {
            let there = read_picture(path, Colour::Rgb, None)?;
            let steps = steps.get_or_insert_with(|| PictureSteps::like(&there, data));
            brought += usize::from((there.width, there.height) != (steps.width, steps.height));
            Ok(steps.frames(&steps.read(path)?)?)
        })?;
        if let (1.., Some(PictureSteps { width, height, .. })) = (brought, steps) {
            let count = examples.len();
            notes(&format!(
                "{brought} of {count} pictures have another size and were brought to {width}x{height} pixels"
            ));
        }
    }
    let Some(steps) = steps.filter(|_| !examples.is_empty()) else { return Err(nothing(folder, "picture")) };
    Ok(with_steps(examples, Steps::Picture(steps)))
}

/// A file that was read, or a part of one.
struct Read {
    label: String,
    frames: Frames,
    path: PathBuf,
    test: bool,
}

fn with_steps(read: Vec<Read>, steps: Steps) -> Vec<Example> {
    let steps = Arc::new(steps);
    let example = |Read { label, frames, path, test }| Example {
        label,
        value: Raw::Frames(frames),
        steps: steps.clone(),
        path,
        line: 0,
        test,
    };
    read.into_iter().map(example).collect()
}

/// The frames of a picture in an IDX file, which cannot be brought to another size.
pub fn idx_frames(steps: &PictureSteps, picture: &Picture, path: &Path, index: usize) -> Result<Frames> {
    if !steps.fit(picture) {
        let found = format!("picture {} has {}x{} gray pixels", index + 1, picture.width, picture.height);
        let wanted = format!("{}x{} as in training are needed", steps.width, steps.height);
        return Err(Error::Malformed { path: path.to_owned(), reason: format!("{found}, {wanted}") });
    }
    Ok(steps.frames(picture)?)
}

/// Whether a file's name says that it is for a test, as MNIST's `t10k-images-idx3-ubyte` does.
fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.starts_with("t10k") || name.starts_with("test")
}

/// The files of one kind in class-named subfolders; of others it is said how many there are.
fn by_folder(
    folder: &Path,
    extensions: &[&str],
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<(String, PathBuf)>> {
    let sorted = sorted_files(folder, extensions)?;
    if let (Some(first), count) = (sorted.others.first(), sorted.others.len()) {
        let kinds = extensions.join(", ");
        let which = if count == 1 {
            "is not of a kind".to_owned()
        } else {
            format!("and {} more are not of a kind", count - 1)
        };
        notes(&format!("{} {which} that is read here ({kinds}), and skipped", first.display()));
    }
    Ok(sorted.files)
}

/// The examples that can be read; of what cannot, it is said, or the first one ends it.
fn kept(
    files: Vec<(String, PathBuf)>,
    skip_bad: bool,
    notes: &mut dyn FnMut(&str),
    mut read: impl FnMut(&Path) -> Result<Frames>,
) -> Result<Vec<Read>> {
    let mut examples = Vec::with_capacity(files.len());
    for (label, path) in files {
        match read(&path) {
            Ok(frames) => {
                examples.push(Read { label, frames, path, test: false });
            }
            Err(error) if skip_bad => notes(&format!("{error} (skipped)")),
            Err(error) => return Err(error),
        }
    }
    Ok(examples)
}

fn nothing(folder: &Path, what: &str) -> Error {
    let reason =
        format!("no {what} to learn from was found; a folder has a subfolder for each class, with its files");
    Error::Malformed { path: folder.to_owned(), reason }
}
