//! Atomic writes: a file's content is always whole, even after a crash.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Ending of a name under which a file is written before it gets its own.
const TEMPORARY: &str = ".tmp";

/// Writes a file so that a reader, now or after a crash, sees the old content or the new and nothing between:
/// to a temporary name in the same folder, synced, renamed, the folder synced.
///
/// On an error (a full disk, say) the temporary file is removed and an earlier file of that name is untouched.
/// After `kill -9` the temporary file may stay; [`remove_temporaries`] clears it away.
pub fn write_atomic(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let temporary = temporary_name(path);
    let replace = || {
        let mut writer = BufWriter::with_capacity(1 << 18, File::create(&temporary)?);
        write(&mut writer)?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder(folder_of(path))
    };
    replace().map_err(|source| {
        // The first error is the one to report; the file may be gone or never have been.
        let _ = fs::remove_file(&temporary);
        Error::Io { action: "write", path: path.to_owned(), source }
    })
}

/// Removes the files that interrupted calls of [`write_atomic`] left in `folder`, and returns their number.
///
/// Only for the one process that may write there: it would take another's file away from under it.
pub fn remove_temporaries(folder: impl AsRef<Path>) -> Result<usize> {
    let folder = folder.as_ref();
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        if is_temporary(&entry.file_name()) {
            fs::remove_file(entry.path()).map_err(Error::io("remove", entry.path()))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// A file that grows by whole pieces: where one does not fit on the disk, none of it stays.
#[derive(Debug)]
pub(crate) struct Appender {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Appender {
    /// Opens a file at its end, and creates it where it is missing.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = File::options().create(true).append(true).open(&path).map_err(Error::io("open", &path))?;
        let length = file.metadata().map_err(Error::io("open", &path))?.len();
        Ok(Self { path, file, length })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts the file to its first bytes.
    pub fn truncate(&mut self, length: u64) -> Result<()> {
        self.file.set_len(length).map_err(Error::io("write", &self.path))?;
        self.length = length;
        Ok(())
    }

    /// Hands a piece to the operating system: it survives the end of this process.
    pub fn append(&mut self, piece: &[u8]) -> Result<()> {
        if let Err(error) = self.file.write_all(piece) {
            // A half piece would spoil what follows it. The first error is the one to report.
            let _ = self.file.set_len(self.length);
            return Err(Error::io("write", &self.path)(error));
        }
        self.length += piece.len() as u64;
        Ok(())
    }

    /// Waits until everything is on the disk: it survives a power failure.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::io("write", &self.path))
    }
}

/// Whether a file's name is one under which [`write_atomic`] writes.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(TEMPORARY.as_bytes())
}

/// `folder/name` → `folder/.name.<process>.tmp`
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}{TEMPORARY}", std::process::id()));
    path.with_file_name(name)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a rename in the folder last through a power failure.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows has no such call, and needs none: it journals its folders.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writes_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, |w| w.write_all(b"one")).unwrap();
        write_atomic(&path, |w| w.write_all(b"two")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_failed_write_keeps_the_earlier_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, |w| w.write_all(b"one")).unwrap();
        let error = write_atomic(&path, |w| {
            w.write_all(b"half of t")?;
            w.flush()?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {}: the disk is full", path.display()));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn what_a_kill_leaves_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, |w| w.write_all(b"one")).unwrap();
        // As after a kill between the write and the rename, by an earlier process.
        fs::write(folder.path().join(".a.txt.1.tmp"), b"half").unwrap();
        fs::write(folder.path().join("mine.tmp"), b"not ours").unwrap();
        assert_eq!(remove_temporaries(folder.path()).unwrap(), 1);
        assert_eq!(names(folder.path()), ["a.txt", "mine.tmp"]);
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/a.txt");
        let message = write_atomic(&path, |_| Ok(())).unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot write {}", path.display())), "{message}");
    }

    #[test]
    fn a_piece_that_does_not_fit_leaves_nothing() {
        let Some(disk) = crate::run::small_disk::SmallDisk::mount("8k") else { return };
        let mut file = Appender::open(disk.path().join("a.txt")).unwrap();
        file.append(b"one\n").unwrap();
        let message = file.append(&[b'x'; 20_000]).unwrap_err().to_string();
        assert!(message.contains("a.txt: the disk is full"), "{message}");
        file.append(b"two\n").unwrap();
        file.sync().unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), b"one\ntwo\n");
    }
}
