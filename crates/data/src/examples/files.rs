//! Examples that are files of their own: sounds and pictures, sorted into folders or told apart by their names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Example, ExampleError, ExampleFault, ExampleOptions, Input, PICTURES, Raw, Steps};
use crate::audio::{Sound, list_takes, read_wav};
use crate::error::{At, counted};
use crate::folders::sorted_files;
use crate::frames::{Frames, PictureFrames, PictureSteps, SoundFrames, SoundReader, SoundSteps};
use crate::picture::{Colour, Fit, Picture, idx_files, read_idx, read_picture};

/// Sounds of a folder: those in subfolders have their names as labels, others the part of their own name before the `_`.
pub fn sounds(
    folder: &Path,
    options: &ExampleOptions,
    known: Option<&Steps>,
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<Example>, ExampleError> {
    let mut files = by_folder(folder, &["wav"], notes)?;
    if files.is_empty() {
        files = list_takes(folder)?.into_iter().map(|take| (take.label, take.path)).collect();
    }
    let mut reader = match known {
        Some(Steps::Sound(steps)) => Some(SoundReader::new(steps.clone())?),
        _ => None,
    };
    let mut others = 0;
    let examples = kept(files, options.skip_bad(), notes, |path| {
        if reader.is_none() {
            let steps = sound_steps(&read_wav(path, options.sample_rate)?.sound, options);
            reader = Some(SoundReader::new(steps)?);
        }
        let Some(reader) = &reader else { unreachable!("it was made") };
        let (frames, other) = reader.read(path)?;
        others += usize::from(other.is_some());
        Ok((frames, other.map(|other| resampled(other, reader.steps().rate)).into_iter().collect()))
    })?;
    let Some(reader) = reader.filter(|_| !examples.is_empty()) else { return Err(nothing(folder, "sound")) };
    if others > 0 {
        let (count, rate) = (examples.len(), reader.steps().rate);
        let (sounds, have) = (counted(count, "sound"), if others == 1 { "has" } else { "have" });
        notes(&format!("{others} of {sounds} {have} another rate: resampled to {rate} Hz"));
    }
    Ok(with_steps(examples, Steps::Sound(reader.steps().clone())))
}

/// What is said of a sound of another rate.
pub fn resampled(from: u32, to: u32) -> String {
    format!("resampled from {from} to {to} Hz")
}

/// What is asked for of a sound like this.
fn sound_steps(sound: &Sound, options: &ExampleOptions) -> SoundSteps {
    let frames = match options.input {
        // A hundredth of a second.
        Input::Samples => SoundFrames::Samples(options.patch.unwrap_or(sound.rate as usize / 100).max(1)),
        _ => SoundFrames::Mel(options.mels),
    };
    SoundSteps { rate: sound.rate, frames }
}

/// Pictures of a folder: MNIST's IDX files, or PNG and JPEG files in subfolders that have their labels as names.
pub fn pictures(
    folder: &Path,
    options: &ExampleOptions,
    known: Option<&Steps>,
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<Example>, ExampleError> {
    let mut steps = match known {
        Some(Steps::Picture(steps)) => Some(*steps),
        _ => None,
    };
    let frames = |width, height| match (options.input, options.patch) {
        (Input::Pixels, _) => PictureFrames::Pixels,
        (Input::Picture, _) => PictureFrames::Whole,
        (Input::Patches, Some(side)) => PictureFrames::Patches(side),
        (Input::Patches, None) => PictureFrames::patches_of(width, height),
        _ => PictureFrames::Rows,
    };
    let mut examples = Vec::new();
    for (images, labels) in idx_files(folder)? {
        let test = is_test(&images);
        let digits = read_idx(&images, &labels)?;
        for (index, (picture, label)) in digits.pictures.iter().zip(digits.labels).enumerate() {
            let steps = steps.get_or_insert_with(|| PictureSteps::like(picture, frames));
            let frames = idx_frames(steps, picture, &images, index)?;
            examples.push(Read {
                label: label.to_string(),
                frames,
                path: images.clone(),
                test,
                notes: Vec::new(),
            });
        }
    }
    if examples.is_empty() {
        let files = by_folder(folder, PICTURES, notes)?;
        let (mut brought, mut transparent, mut gray) = (0, 0, 0);
        examples = kept(files, options.skip_bad(), notes, |path| {
            let steps = match steps {
                Some(steps) => steps,
                None => {
                    let first = read_picture(path, Colour::Rgb, None)?;
                    *steps.insert(PictureSteps::like(&first, frames))
                }
            };
            let (picture, changed) = steps.read(path, Fit::Stretch)?;
            brought += usize::from(changed.size.is_some());
            transparent += usize::from(changed.transparent);
            gray += usize::from(changed.colours);
            Ok((steps.frames(&picture)?, changed.notes()))
        })?;
        let pictures = counted(examples.len(), "picture");
        let have = |count: usize| if count == 1 { "has" } else { "have" };
        if let (1.., Some(PictureSteps { width, height, .. })) = (brought, steps) {
            let have = have(brought);
            notes(&format!(
                "{brought} of {pictures} {have} another size: brought to {width}x{height} pixels"
            ));
        }
        if transparent > 0 {
            notes(&format!(
                "{transparent} of {pictures} {} transparent parts: laid on white",
                have(transparent)
            ));
        }
        if gray > 0 {
            notes(&format!("{gray} of {pictures} {} colours: read as gray", have(gray)));
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
    notes: Vec<String>,
}

fn with_steps(read: Vec<Read>, steps: Steps) -> Vec<Example> {
    let steps = Arc::new(steps);
    let example = |Read { label, frames, path, test, notes }| Example {
        label,
        value: Raw::Frames(frames),
        steps: steps.clone(),
        path,
        line: 0,
        test,
        notes,
    };
    read.into_iter().map(example).collect()
}

/// The frames of a picture in an IDX file, which cannot be brought to another size.
pub fn idx_frames(
    steps: &PictureSteps,
    picture: &Picture,
    path: &Path,
    index: usize,
) -> Result<Frames, ExampleError> {
    if !steps.fit(picture) {
        let (found, wanted) = ([picture.width, picture.height], [steps.width, steps.height]);
        return Err(At::new(path, 0, ExampleFault::Size { number: index + 1, found, wanted }).into());
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
) -> Result<Vec<(String, PathBuf)>, ExampleError> {
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
    mut read: impl FnMut(&Path) -> Result<(Frames, Vec<String>), ExampleError>,
) -> Result<Vec<Read>, ExampleError> {
    let mut examples = Vec::with_capacity(files.len());
    for (label, path) in files {
        match read(&path) {
            Ok((frames, notes)) => examples.push(Read { label, frames, path, test: false, notes }),
            Err(error) if skip_bad => notes(&format!("{error} (skipped)")),
            Err(error) => return Err(error),
        }
    }
    Ok(examples)
}

fn nothing(folder: &Path, what: &'static str) -> ExampleError {
    At::new(folder, 0, ExampleFault::None(what)).into()
}
