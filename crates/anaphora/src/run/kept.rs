//! Data that a training was given as they are, and not as a path.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{DATA, Run};
use crate::error::{Error, Result};

/// Data kept in the folder of the run that is to learn them, so that the run can be resumed. Where there is no run in the end,
/// they are gone with this value.
#[derive(Debug)]
pub struct Kept {
    run: PathBuf,
}

impl Kept {
    /// Makes the folder of a run that is to be.
    ///
    /// # Errors
    /// [`Error::FolderTaken`] where there is something already, [`Error::Io`] where it cannot be made.
    pub fn new(run: impl Into<PathBuf>) -> Result<Self> {
        let run = run.into();
        if let Some(parent) = run.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        }
        match fs::create_dir(&run) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::FolderTaken(run)),
            made => made.map(|()| Self { run: run.clone() }).map_err(Error::io("create", &run)),
        }
    }

    /// The folder of the run.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Makes a file for data, of a name without folders.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made.
    pub fn create(&self, name: &str) -> Result<(PathBuf, File)> {
        let folder = self.run.join(DATA);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let path = folder.join(name);
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        Ok((path, file))
    }

    /// Keeps a copy of a file or folder, under its own name.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made, as where there is one of that name already.
    pub fn copy(&self, from: &Path) -> Result<PathBuf> {
        let folder = self.run.join(DATA);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let path = folder.join(from.file_name().unwrap_or("data".as_ref()));
        copy(from, &path).map_err(Error::io("create", &path))?;
        Ok(path)
    }
}

/// Copies a file or folder to where nothing is: by a second name where both lie on one disk, for data are never changed.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::hard_link(from, to).or_else(|_| {
            let mut new = File::create_new(to)?;
            io::copy(&mut File::open(from)?, &mut new)?;
            new.sync_all()
        });
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

impl Drop for Kept {
    fn drop(&mut self) {
        if Run::open(&self.run).is_err() {
            // The caller reports the error that led here.
            let _ = fs::remove_dir_all(self.run.join(DATA));
            let _ = fs::remove_dir(&self.run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_copied() {
        let place = tempfile::tempdir().unwrap();
        let from = place.path().join("pets");
        fs::create_dir_all(from.join("cats")).unwrap();
        fs::write(from.join("cats/1.txt"), "a cat").unwrap();
        let kept = Kept::new(place.path().join("run")).unwrap();
        let path = kept.copy(&from).unwrap();
        assert_eq!(path, place.path().join("run/data/pets"));
        fs::remove_dir_all(&from).unwrap();
        assert_eq!(fs::read_to_string(path.join("cats/1.txt")).unwrap(), "a cat");
        fs::write(&from, "a file").unwrap();
        assert!(matches!(kept.copy(&from), Err(Error::Io { .. })), "there is one already");
        assert!(path.join("cats/1.txt").is_file());
    }

    #[test]
    fn data_without_a_run_are_gone() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("runs/new");
        let kept = Kept::new(&run).unwrap();
        assert!(matches!(Kept::new(&run), Err(Error::FolderTaken(_))));
        let (path, _) = kept.create("data.train").unwrap();
        assert!(path.is_file());
        drop(kept);
        assert!(!run.exists() && place.path().join("runs").exists());
    }
}
