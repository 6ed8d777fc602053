//! Tokens in a file, for streams that are too large to be kept in memory: written once, from the first to the last, and
//! read again wherever it pleases.
//!
//! The file is not mapped into memory but read by position. The operating system keeps what is read often in its cache
//! either way; but so, a file that is cut off while it is in use is an error and no signal, and what a training holds
//! in memory does not grow with what it has read.
//!
//! All numbers are little-endian: `anaphtok`, version and bytes a token as `u32`, numbers of tokens and of pieces and the
//! fingerprint as `u64`; the tokens; the end of each piece, in tokens, as `u64`.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"anaphtok";
const VERSION: u32 = 1;
/// Bytes before the first token.
const HEADER: u64 = 40;
/// Bytes that are written or looked through at once.
const BUFFER: usize = 1 << 20;

/// Why tokens cannot be kept in a file or read from it.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The attempted action: "read", "write".
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file does not hold the tokens that it should.
    #[error("{} is no sound file of tokens: {reason}; remove it, and the tokens are made again from the data", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ShardError {
    move |source| ShardError::Io { action, path: path.to_owned(), source }
}

/// What a file of tokens says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes a token.
    pub width: usize,
    pub tokens: usize,
    pub pieces: usize,
    pub fingerprint: u64,
}

impl Header {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(self.width as u32).to_le_bytes());
        for number in [self.tokens as u64, self.pieces as u64, self.fingerprint] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// Reads a header; why there is none, otherwise.
    fn from_bytes(bytes: &[u8; HEADER as usize]) -> Result<Self, String> {
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        let number = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if bytes[..8] != *MAGIC {
            return Err("it does not begin as one".to_owned());
        }
        if word(8) != VERSION {
            return Err(format!("it has version {}, this program reads version {VERSION}", word(8)));
        }
        let size = |at: usize| usize::try_from(number(at)).map_err(|e| e.to_string());
        Ok(Header { width: word(12) as usize, tokens: size(16)?, pieces: size(24)?, fingerprint: number(32) })
    }

    /// Bytes of the whole file; none where no file can be so large.
    fn file_size(&self) -> Option<u64> {
        let tokens = (self.tokens as u64).checked_mul(self.width as u64)?;
        let ends = (self.pieces as u64).checked_mul(8)?;
        HEADER.checked_add(tokens)?.checked_add(ends)
    }
}

/// A file to which tokens are written. Until it is finished it has another name, or none.
#[derive(Debug)]
pub(super) struct Writer {
    /// None once the file is finished.
    file: Option<BufWriter<File>>,
    /// Its final name and the one for the time being; none for a file that goes with this process.
    names: Option<[PathBuf; 2]>,
}

impl Writer {
    /// A new file; one without a name, among the system's temporary files, where there is no path.
    pub fn create(path: Option<&Path>) -> Result<Self, ShardError> {
        let (file, names) = match path {
            Some(path) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                fs::create_dir_all(folder).map_err(io_error("create", folder))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
                let open =
                    File::options().read(true).write(true).create(true).truncate(true).open(&temporary);
                (open.map_err(io_error("write", path))?, Some([path.to_owned(), temporary]))
            }
            None => (tempfile::tempfile().map_err(io_error("create", &scratch()))?, None),
        };
        let mut writer = Writer { file: Some(BufWriter::with_capacity(BUFFER, file)), names };
        writer.write(&[0; HEADER as usize])?;
        Ok(writer)
    }

    fn path(&self) -> PathBuf {
        self.names.as_ref().map_or_else(scratch, |[path, _]| path.clone())
    }

    /// Appends tokens that are bytes already.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ShardError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|source| ShardError::Io { action: "write", path: self.path(), source })
    }

    /// Closes the file with the ends of the pieces: from now on it has its name.
    pub fn finish(mut self, header: Header, ends: &[usize]) -> Result<Shard, ShardError> {
        for &end in ends {
            self.write(&(end as u64).to_le_bytes())?;
        }
        let path = self.path();
        let Some(file) = self.file.take() else { return Err(damaged(&path, "it was closed before")) };
        let close = || {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header.to_bytes())?;
            if let Some([path, temporary]) = &self.names {
                file.sync_all()?;
                fs::rename(temporary, path)?;
                sync_folder(path)?;
            }
            Ok(file)
        };
        let file = close().map_err(io_error("write", &path))?;
        self.names = None;
        Ok(Shard { file, path, width: header.width })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some([_, temporary]) = &self.names {
            self.file = None;
            // What led here is the error to report.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Makes a rename last through a power failure.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn scratch() -> PathBuf {
    std::env::temp_dir()
}

fn damaged(path: &Path, reason: impl Into<String>) -> ShardError {
    ShardError::Damaged { path: path.to_owned(), reason: reason.into() }
}

/// A finished file of tokens.
#[derive(Debug)]
pub(super) struct Shard {
    file: File,
    path: PathBuf,
    width: usize,
}

impl Shard {
    /// Opens a file, with what it says of itself and the ends of its pieces. `see` is shown all tokens, as bytes.
    pub fn open(path: &Path, mut see: impl FnMut(&[u8])) -> Result<(Self, Header, Vec<usize>), ShardError> {
        let failed = |source| ShardError::Io { action: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        if size < HEADER {
            return Err(damaged(path, format!("it has {size} bytes")));
        }
        let mut reader = BufReader::with_capacity(BUFFER, &file);
        let mut header = [0; HEADER as usize];
        reader.read_exact(&mut header).map_err(failed)?;
        let header = Header::from_bytes(&header).map_err(|reason| damaged(path, reason))?;
        if !matches!(header.width, 1 | 2 | 4) || header.file_size() != Some(size) {
            let Header { width, tokens, pieces, .. } = header;
            let says = format!("{tokens} tokens of {width} bytes in {pieces} pieces");
            return Err(damaged(path, format!("it has {size} bytes, which are not {says}")));
        }
        let mut left = header.tokens * header.width;
        let mut buffer = vec![0; BUFFER.min(left)];
        while left > 0 {
            let part = &mut buffer[..BUFFER.min(left)];
            reader.read_exact(part).map_err(failed)?;
            see(part);
            left -= part.len();
        }
        let mut ends = Vec::with_capacity(header.pieces);
        let mut before = 0;
        for _ in 0..header.pieces {
            let mut end = [0; 8];
            reader.read_exact(&mut end).map_err(failed)?;
            let end = usize::try_from(u64::from_le_bytes(end)).unwrap_or(usize::MAX);
            if end <= before || end > header.tokens {
                return Err(damaged(path, format!("a piece ends at token {end}, behind one at {before}")));
            }
            ends.push(end);
            before = end;
        }
        if before != header.tokens {
            return Err(damaged(path, format!("the last piece ends at token {before} of {}", header.tokens)));
        }
        Ok((Shard { file, path: path.to_owned(), width: header.width }, header, ends))
    }

    /// Fills `bytes` with the tokens from number `first` on.
    pub fn read(&self, first: usize, bytes: &mut [u8]) -> Result<(), ShardError> {
        let offset = HEADER + (first * self.width) as u64;
        read_exact_at(&self.file, bytes, offset).map_err(io_error("read", &self.path))
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}
