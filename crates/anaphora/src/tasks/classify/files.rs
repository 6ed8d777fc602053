//! Examples that are files of their own: sounds and pictures, sorted into folders or told apart by their names.

use std::path::{Path, PathBuf};

use anaphora_data::audio::{list_takes, read_wav};
use anaphora_data::folders::sorted_files;
use anaphora_data::picture::{Colour, Picture, idx_files, read_idx, read_picture};

use super::read::{Example, Labelled, PICTURES, Raw};
use super::steps::{Ear, PictureSteps, Steps};
use crate::recipe::Data;
use crate::{Error, Result};

/// Sounds of a folder: those in subfolders have their names as labels, others the part of their own name before the `_`.
pub fn sounds(folder: &Path, data: &Data, known: Option<&Steps>) -> Result<Labelled> {
    let mut notes = Vec::new();
    let mut files = by_folder(folder, &["wav"], &mut notes)?;
    if files.is_empty() {
        files = list_takes(folder)?.into_iter().map(|take| (take.label, take.path)).collect();
    }
    let mut ear = match known {
        Some(Steps::Sound(steps)) => Some(Ear::new(steps.clone())?),
        _ => None,
    };
    let mut resampled = 0;
    let examples = kept(files, data.skip_bad, &mut notes, |path| {
        if ear.is_none() {
            ear = Some(Ear::like(&read_wav(path, data.sample_rate)?.sound, data)?);
        }
        let Some(ear) = &ear else { unreachable!("it was made") };
        let (frames, other) = ear.read(path)?;
        resampled += usize::from(other.is_some());
        Ok(frames)
    })?;
    let Some(ear) = ear.filter(|_| !examples.is_empty()) else { return Err(nothing(folder, "sound")) };
    if resampled > 0 {
        let (count, rate) = (examples.len(), ear.steps().rate);
        notes
            .push(format!("{resampled} of {count} sounds have another rate and were resampled to {rate} Hz"));
    }
    Ok(Labelled { examples, steps: Steps::Sound(ear.steps().clone()), notes })
}

/// Pictures of a folder: MNIST's IDX files, or PNG and JPEG files in subfolders that have their labels as names.
pub fn pictures(folder: &Path, data: &Data, known: Option<&Steps>) -> Result<Labelled> {
    let mut steps = match known {
        Some(Steps::Picture(steps)) => Some(*steps),
        _ => None,
    };
    let pairs = idx_files(folder).map_err(Error::Data)?;
    let (mut examples, mut notes) = (Vec::new(), Vec::new());
    for (images, labels) in pairs {
        let test = is_test(&images);
        let digits = read_idx(&images, &labels)?;
        for (index, (picture, label)) in digits.pictures.iter().zip(digits.labels).enumerate() {
            let steps = steps.get_or_insert_with(|| PictureSteps::like(picture, data));
            let value = Raw::Frames(idx_frames(steps, picture, &images, index)?);
            let (label, path) = (label.to_string(), images.clone());
            examples.push(Example { label, value, path, line: 0, test });
        }
    }
    if examples.is_empty() {
        let files = by_folder(folder, PICTURES, &mut notes)?;
        let mut brought = 0;
        examples = kept(files, data.skip_bad, &mut notes, |path| {
            let there = read_picture(path, Colour::Rgb, None)?;
            let steps = steps.get_or_insert_with(|| PictureSteps::like(&there, data));
            brought += usize::from((there.width, there.height) != (steps.width, steps.height));
            Ok(steps.frames(&steps.read(path)?)?)
        })?;
        if let (1.., Some(PictureSteps { width, height, .. })) = (brought, steps) {
            let count = examples.len();
            notes.push(format!(
                "{brought} of {count} pictures have another size and were brought to {width}x{height} pixels"
            ));
        }
    }
    let Some(steps) = steps.filter(|_| !examples.is_empty()) else { return Err(nothing(folder, "picture")) };
    Ok(Labelled { examples, steps: Steps::Picture(steps), notes })
}

/// The frames of a picture in an IDX file, which cannot be brought to another size.
pub fn idx_frames(
    steps: &PictureSteps,
    picture: &Picture,
    path: &Path,
    index: usize,
) -> Result<anaphora_data::Frames> {
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
fn by_folder(folder: &Path, extensions: &[&str], notes: &mut Vec<String>) -> Result<Vec<(String, PathBuf)>> {
    let sorted = sorted_files(folder, extensions)?;
    if let (Some(first), count) = (sorted.others.first(), sorted.others.len()) {
        let kinds = extensions.join(", ");
        let which = if count == 1 {
            "is not of a kind".to_owned()
        } else {
            format!("and {} more are not of a kind", count - 1)
        };
        notes.push(format!("{} {which} that is read here ({kinds}), and skipped", first.display()));
    }
    Ok(sorted.files)
}

/// The examples that can be read; of what cannot, it is said, or the first one ends it.
fn kept(
    files: Vec<(String, PathBuf)>,
    skip_bad: bool,
    notes: &mut Vec<String>,
    mut read: impl FnMut(&Path) -> Result<anaphora_data::Frames>,
) -> Result<Vec<Example>> {
    let mut examples = Vec::with_capacity(files.len());
    for (label, path) in files {
        match read(&path) {
            Ok(frames) => {
                examples.push(Example { label, value: Raw::Frames(frames), path, line: 0, test: false });
            }
            Err(error) if skip_bad => notes.push(format!("{error} (skipped)")),
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
