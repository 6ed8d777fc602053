//! Deleting a run: first out of sight, then for good.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// What begins the name of the folder of a run that is being deleted.
const PREFIX: &str = ".deleted-";

/// A run's folder that is no run any more; a process that is killed before [`Deleted::remove`] has ended leaves it to [`sweep`].
#[derive(Debug)]
pub struct Deleted(PathBuf);

impl Deleted {
    /// Takes a run's folder out of sight in one step, so that there is never half of a run; of a link to a run the link alone.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be renamed.
    pub fn new(run: &Path) -> Result<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = run.file_name().unwrap_or_default().to_string_lossy();
        let aside = run.with_file_name(format!("{PREFIX}{now}-{name}"));
        fs::rename(run, &aside).map_err(Error::io("delete", run))?;
        Ok(Self(aside))
    }

    /// Removes what was in it.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be removed.
    pub fn remove(self) -> Result<()> {
        remove(&self.0).map_err(Error::io("delete", &self.0))
    }
}

/// Whether a folder is one of a run that is being deleted.
pub fn is_deleted(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
}

/// Removes what deletions left in a folder of runs whose processes were killed.
///
/// # Errors
/// [`Error::Io`] where it cannot be read or removed.
pub fn sweep(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("read", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if is_deleted(&path) {
            remove(&path).map_err(Error::io("delete", &path))?;
        }
    }
    Ok(())
}

/// Removes a folder or a link; another process may do so too.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Run;

    #[test]
    fn a_run_is_gone_at_once_and_what_is_left_is_swept() {
        let place = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            fs::create_dir(place.path().join(name)).unwrap();
            fs::write(place.path().join(name).join("run.json"), "{}").unwrap();
        }
        let listed = || Run::list(place.path()).unwrap().len();
        let count = || fs::read_dir(place.path()).unwrap().count();
        assert_eq!((listed(), count()), (2, 2));
        // A process that is killed here leaves a folder that nobody sees.
        let _ = Deleted::new(&place.path().join("one")).unwrap();
        assert_eq!((listed(), count()), (1, 2));
        sweep(place.path()).unwrap();
        assert_eq!((listed(), count()), (1, 1));
        Deleted::new(&place.path().join("two")).unwrap().remove().unwrap();
        assert_eq!(count(), 0);
        assert!(Deleted::new(&place.path().join("two")).is_err());
        sweep(&place.path().join("none")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn of_a_link_the_link_goes() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("run")).unwrap();
        std::os::unix::fs::symlink(place.path().join("run"), place.path().join("link")).unwrap();
        Deleted::new(&place.path().join("link")).unwrap().remove().unwrap();
        assert!(place.path().join("run").is_dir() && !place.path().join("link").exists());
    }
}
