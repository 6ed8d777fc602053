//! The server's own folder among the system's temporary ones: what is kept for a while lies there, and is gone with the server,
//! or, where that was killed, when the next one starts.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// What begins the name of such a folder.
const PREFIX: &str = "anaphora-serve-";
/// The file that is locked as long as its server lives; the system lets go of it however the server ends.
const LOCK: &str = ".lock";
/// How old a folder without that file has to be, so that it is not one whose server is just starting.
const STARTED: Duration = Duration::from_secs(60);

/// The folder of a server that lives.
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes it among the system's, and removes those of servers that were killed.
    ///
    /// # Errors
    /// A system that lets none be made.
    pub fn new() -> io::Result<Self> {
        Self::within(&std::env::temp_dir())
    }

    fn within(place: &Path) -> io::Result<Self> {
        sweep(place);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
        // It is locked before it has its name: another server that finds it never sees it free.
        let coming = folder.path().join(".coming");
        let lock = File::create_new(&coming)?;
        lock.lock()?;
        fs::rename(coming, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    /// A new folder in it, of a name that begins so; it is gone with the value.
    ///
    /// # Errors
    /// A disk that takes none.
    pub fn folder(&self, prefix: &str) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix(prefix).rand_bytes(16).tempdir_in(self.folder.path())
    }

    /// Removes all, also what is still read: the process ends.
    pub fn close(&self) {
        // What cannot be removed is left to the next server; nobody is here to be told.
        let _ = fs::remove_dir_all(self.folder.path());
    }
}

/// Removes the folders of servers that live no more. What cannot be removed, as it is another user's, stays.
fn sweep(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for folder in entries.filter_map(|entry| abandoned(&entry)) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// The path of what is the folder of a server that lives no more.
fn abandoned(entry: &DirEntry) -> Option<PathBuf> {
    let is_ours = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
    // No link is followed.
    if !is_ours || !entry.file_type().ok()?.is_dir() {
        return None;
    }
    let is_dead = match File::open(entry.path().join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let age = SystemTime::now().duration_since(entry.metadata().ok()?.modified().ok()?);
            age.is_ok_and(|age| age > STARTED)
        }
        Err(_) => false,
    };
    is_dead.then(|| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_server_left_is_swept_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let names = || {
            let names = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        // One that was killed holds no lock, but a folder with a file in it; one that is about to start has none yet.
        let killed = place.path().join(format!("{PREFIX}killed"));
        fs::create_dir_all(killed.join("u-1")).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        fs::write(killed.join("u-1/data.csv"), "1,2").unwrap();
        let starting = format!("{PREFIX}starting");
        fs::create_dir(place.path().join(&starting)).unwrap();
        fs::create_dir(place.path().join("another's")).unwrap();
        let lives = Scratch::within(place.path()).unwrap();
        let own = lives.folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        let mut expected = vec![own, starting, "another's".to_owned()];
        expected.sort();
        assert_eq!(names(), expected);
        // Another server leaves one alone that lives, and what it keeps.
        let kept = lives.folder("u-").unwrap();
        let other = Scratch::within(place.path()).unwrap();
        assert!(kept.path().is_dir() && other.folder.path().is_dir());
        other.close();
        drop((kept, lives));
        assert_eq!(names().len(), 2, "{:?}", names());
    }
}
