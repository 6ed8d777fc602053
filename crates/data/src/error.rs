//! What can be wrong with data that a person gives.

use std::fmt;
use std::path::{Path, PathBuf};

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
    #[error("{}: cannot be read: {}", path.display(), refusal(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file has no character other than white space.
    #[error("{}: the file is empty, text or ABC tunes are needed", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file holds a NUL byte, which no text does.
    #[error("{}: a binary file (NUL byte at offset {offset}), text is needed", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// Offset of the first NUL, in bytes from 0.
        offset: usize,
    },
    /// The file is not in the encoding that it is read as.
    #[error(
        "{}: byte 0x{byte:02X} at offset {offset} (line {line}) is not valid {encoding}; mend the file, or name its encoding with data.encoding",
        path.display()
    )]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first byte that cannot be decoded.
        byte: u8,
        /// Its offset, in bytes from 0.
        offset: usize,
        /// Its line, from 1.
        line: usize,
        /// The encoding.
        encoding: String,
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

/// A fault and where it is: an error, or, where bad input is to be skipped, what is reported of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<F> {
    /// The file or folder.
    pub path: PathBuf,
    /// The line, from 1; 0 where the fault is the whole file's.
    pub line: usize,
    /// What was found, and what would be right.
    pub fault: F,
}

impl<F> At<F> {
    pub(crate) fn new(path: &Path, line: usize, fault: F) -> At<F> {
        At { path: path.to_owned(), line, fault }
    }
}

impl<F: fmt::Display> fmt::Display for At<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let At { path, line, fault } = self;
        match line {
            0 => write!(f, "{}: {fault}", path.display()),
            _ => write!(f, "{}, line {line}: {fault}", path.display()),
        }
    }
}

impl<F: fmt::Debug + fmt::Display> std::error::Error for At<F> {}

/// What the system refused, in words where it says that by a number.
pub fn refusal(error: &std::io::Error) -> String {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied, StorageFull};
    match error.kind() {
        NotFound => "there is no such file or folder".to_owned(),
        IsADirectory => "it is a folder, and a file is needed".to_owned(),
        NotADirectory => "a file stands where a folder is needed".to_owned(),
        PermissionDenied => "there is no permission for it".to_owned(),
        StorageFull => "the disk is full".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_owned()
        }
    }
}

/// A count with the word for what is counted: `1 row`, `2 rows`.
pub fn counted(number: usize, one: &str) -> String {
    let plural = match number {
        1 => "",
        _ if one.ends_with("ch") || one.ends_with("ss") => "es",
        _ => "s",
    };
    format!("{number} {one}{plural}")
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Names in a sentence, the first ones of many.
pub fn listed(names: &[String]) -> String {
    const MOST: usize = 12;
    let mut text = names[..names.len().min(MOST)].join(", ");
    if names.len() > MOST {
        text += &format!(" and {} more", names.len() - MOST);
    }
    text
}

/// What is to be said of words or characters, `one` of which is called so, that a model does not know: how many there are, and which.
/// Nothing where there are none.
pub fn not_known(one: &str, found: &[&str]) -> Option<String> {
    let mut different: Vec<String> = Vec::new();
    for part in found {
        // Quotation marks are no reason for a backslash.
        let seen: String = part
            .chars()
            .map(|c| if matches!(c, '\'' | '"') { c.to_string() } else { c.escape_debug().to_string() })
            .collect();
        let seen = format!("'{seen}'");
        if !different.contains(&seen) {
            different.push(seen);
        }
    }
    let are = if found.len() == 1 { "is" } else { "are" };
    (!found.is_empty())
        .then(|| format!("{} {are} not in the vocabulary: {}", counted(found.len(), one), listed(&different)))
}

/// What is good, and the faults of what is not.
pub(crate) type Sifted<T, F> = (Vec<T>, Vec<At<F>>);

/// Takes what is good; of what is not, keeps the fault where bad input is skipped and stops where it is not.
pub(crate) fn sift<T, F>(
    results: impl IntoIterator<Item = Result<T, At<F>>>,
    skip_bad: bool,
) -> Result<Sifted<T, F>, At<F>> {
    let (mut good, mut skipped) = (vec![], vec![]);
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(at) if skip_bad => skipped.push(at),
            Err(at) => return Err(at),
        }
    }
    Ok((good, skipped))
}
