//! What can be wrong with data that a person gives.

use std::path::PathBuf;

/// Why data could not be read or split.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is no such file or folder.
    #[error("{}: no such file or folder", path.display())]
    Missing {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has no character other than white space.
    #[error("{}: the file is empty, text or ABC tunes are needed", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file holds a NUL byte, which no text does.
    #[error("{}: a binary file (NUL byte at offset {offset}), text in UTF-8 is needed", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// Offset of the first NUL, in bytes from 0.
        offset: usize,
    },
    /// The file is not UTF-8.
    #[error(
        "{}: byte 0x{byte:02X} at offset {offset} (line {line}) is not valid UTF-8, save the file in that encoding",
        path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first byte that cannot be decoded.
        byte: u8,
        /// Its offset, in bytes from 0.
        offset: usize,
        /// Its line, from 1.
        line: usize,
    },
    /// A folder without a file that could be read as the format asked for.
    #[error("{}: the folder holds no {wanted}", path.display())]
    NoText {
        /// The folder.
        path: PathBuf,
        /// The extensions looked for.
        wanted: &'static str,
    },
    /// A file that is to be ABC but has no tune.
    #[error("{}: no tune found, each has to begin with a line such as 'X:1'", path.display())]
    NoTune {
        /// The file.
        path: PathBuf,
    },
    /// Too few pieces to put one aside for validation.
    #[error("{found} cannot be split into training and validation data, {needed} needed")]
    TooLittle {
        /// What there is.
        found: String,
        /// What would do.
        needed: &'static str,
    },
    /// A validation share that leaves nothing to train or to validate on.
    #[error("a validation share of {0} was asked for, it has to be above 0 and below 1")]
    Fraction(f64),
}
