//! Files that are read, also where they are standard input or a pipe.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Failure, Result};
use crate::output::call_by;

pub use anaphora_data::lines::STANDARD_INPUT;

/// Keeps what can be read only once as files, for whoever reads it again; they are gone with this value.
#[derive(Default)]
pub struct Spool(Vec<tempfile::NamedTempFile>);

impl Spool {
    /// The path itself, or that of a file with all that comes from standard input (`-`) or a pipe.
    pub fn file(&mut self, path: &Path) -> Result<PathBuf> {
        if !is_read_once(path) {
            return Ok(path.to_owned());
        }
        let mut file =
            tempfile::Builder::new().prefix("anaphora-").tempfile().map_err(Failure::io("create", path))?;
        copy(path, file.as_file_mut())?;
        let kept = file.path().to_owned();
        let is_standard = path == Path::new(STANDARD_INPUT) || path == Path::new("/dev/stdin");
        call_by(&kept, &if is_standard { "standard input".into() } else { path.display().to_string() });
        self.0.push(file);
        Ok(kept)
    }
}

/// Whether a path is standard input, a pipe or the like, and not a file or a folder.
pub fn is_read_once(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT)
        || std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// Copies a file, or all that comes from standard input or a pipe.
pub fn copy(path: &Path, to: &mut impl Write) -> Result<()> {
    let mut source: Box<dyn Read> = match path == Path::new(STANDARD_INPUT) {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(path).map_err(Failure::io("read", path))?),
    };
    io::copy(&mut source, to).map(|_| ()).map_err(Failure::io("read", path))
}
