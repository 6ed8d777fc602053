//! The new folder of a run, until the run is committed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{CHECKPOINTS, LOCK, RECIPE, Run, RunInfo, lock, refuse_foreign};
use crate::error::{Error, Result};
use crate::recipe::Recipe;
use crate::run::assets::TOKENS;
use crate::run::atomic::{remove_temporaries, sync_folder};

/// A new folder that is filled until a run is made of it. Dropped before, it removes the folder, its lock
/// and its tokens.
#[derive(Debug)]
pub struct NewFolder {
    path: PathBuf,
    /// None once the run is made.
    lock: Option<File>,
    /// Folders that were not there before, from the innermost.
    made: Vec<PathBuf>,
}

impl NewFolder {
    /// Makes the folder and locks it, so that large data can be written there before everything is known about the run.
    pub fn prepare(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let named = path.ancestors().filter(|folder| !folder.as_os_str().is_empty());
        let made = named.take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
        fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
        // Files of an earlier, killed run are not known yet; `create` looks again.
        let ours = |name: &OsStr| name.as_encoded_bytes().ends_with(b".json");
        refuse_foreign(&path, ours)?;
        let folder = Self { lock: Some(lock(&path)?), path, made };
        // Again, for another process may have made a run here in between.
        refuse_foreign(&folder.path, ours)?;
        remove_temporaries(&folder.path)?;
        remove_tokens(&folder.path)?;
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the run, as [`Run::create`] does.
    pub fn create(mut self, recipe: &Recipe, assets: &[(String, String)], info: RunInfo) -> Result<Run> {
        let path = self.path.clone();
        refuse_foreign(&path, |name| assets.iter().any(|(ours, _)| name == ours.as_str()))?;
        let checkpoints = path.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(Error::io("create", &checkpoints))?;
        recipe.write(path.join(RECIPE))?;
        let mut run = Run { path, info, _lock: None };
        for (name, content) in assets {
            run.write(name, content.as_bytes())?;
        }
        run.write_info()?;
        run._lock = self.lock.take();
        if let Some(parent) = run.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent).map_err(Error::io("write", parent))?;
        }
        Ok(run)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        // The caller reports the error that led here.
        let _ = remove_tokens(&self.path);
        let _ = fs::remove_file(self.path.join(LOCK));
        drop(lock);
        for folder in &self.made {
            // Others may have put something there meanwhile.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Removes the tokens of a run that was not made.
fn remove_tokens(folder: &Path) -> Result<()> {
    let tokens = folder.join(TOKENS);
    match fs::remove_dir_all(&tokens) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", &tokens)(error))
        }
        _ => Ok(()),
    }
}
