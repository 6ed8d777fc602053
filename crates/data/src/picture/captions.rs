//! A folder of pictures and a table of their captions.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use super::{PictureError, decode};
use crate::error::At;
use crate::files::{files_of, has_extension, read};
use crate::table::{Layout, RowFault, TableError, TableOptions, parse_table};

/// A picture and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captioned {
    /// The picture's file.
    pub path: PathBuf,
    /// Its captions, one or more, in the order of the table.
    pub captions: Vec<String>,
    /// The line of the first one, from 1.
    pub line: usize,
}

/// What was read: at least one picture, and what was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionedPictures {
    /// The pictures in the order of their first captions.
    pub pictures: Vec<Captioned>,
    /// Captions and pictures that were left out, where that was asked for.
    pub skipped: Vec<At<CaptionFault>>,
    /// What a person should know of how they were read, a sentence each.
    pub notes: Vec<String>,
}

/// Faults of a caption or a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptionFault {
    /// Wrong already as a row of a table.
    #[error(transparent)]
    Row(#[from] RowFault),
    /// A caption whose picture is not there.
    #[error("the folder holds no picture '{name}', each caption needs its picture")]
    NoPicture {
        /// The picture's name.
        name: String,
    },
    /// A picture that lies elsewhere.
    #[error("the picture '{name}' does not lie in the folder of the pictures, a name in it is needed")]
    Outside {
        /// The picture's name.
        name: String,
    },
    /// A file that is not a picture.
    #[error("no picture that can be read, a PNG or JPEG file is needed ({reason})")]
    Unreadable {
        /// The decoder's message.
        reason: String,
    },
    /// A picture without a caption.
    #[error("the picture has no caption, one or more are needed")]
    NoCaption,
}

/// Where the pictures lie and their table of captions is: a table, or a folder with one in it, whose pictures lie
/// beside it or in a folder `images`.
///
/// # Errors
/// A folder that cannot be read, or holds not one table.
pub fn captions_in(path: &Path) -> Result<(PathBuf, PathBuf), PictureError> {
    let table = if path.is_dir() { table_in(path)? } else { path.to_owned() };
    let beside = table.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let images = beside.join("images");
    Ok((if images.is_dir() { images } else { beside.to_owned() }, table))
}

/// Whether a name leads to nothing outside of a folder: data may come from anyone.
fn is_inside(name: &str) -> bool {
    let stays = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    Path::new(name).components().all(stays)
}

/// The one table in a folder.
fn table_in(folder: &Path) -> Result<PathBuf, PictureError> {
    let mut tables = files_of(folder)?.into_iter().filter(|path| has_extension(path, &["csv", "tsv", "txt"]));
    match (tables.next(), tables.next()) {
        (Some(table), None) => Ok(table),
        (found, _) => {
            let found = if found.is_some() { "several" } else { "no" };
            Err(PictureError::WhichTable { path: folder.to_owned(), found })
        }
    }
}

/// Reads a table whose first two columns (or those named `image` and `caption`) are names of pictures in `folder` and
/// captions; a picture may have several. Of each picture, only the head is looked at.
///
/// # Errors
/// A table or folder that cannot be read; unless they are skipped, bad rows, captions without a picture, files that are
/// no picture, and pictures (`.png`, `.jpg`, `.jpeg`) without a caption.
pub fn read_captions(
    folder: &Path,
    table: &Path,
    options: &TableOptions,
) -> Result<CaptionedPictures, PictureError> {
    let content = read(table)?;
    // A caption may hold anything, the first line has to do.
    let first = content.split(|&b| b == b'\n').next().map(String::from_utf8_lossy).unwrap_or_default();
    let detected =
        if first.starts_with("sep=") { None } else { Some(Layout::of_line(&first).unwrap_or(Layout::Comma)) };
    let options = TableOptions { layout: options.layout.or(detected), ..*options };
    let rows = parse_table(&content, table, &options)?;
    let mut columns = rows.data_columns();
    let (first, second) = (columns.next().unwrap_or(0), columns.next());
    let image = rows.column_called(&["image", "picture", "file"]).unwrap_or(first);
    let Some(caption) = rows.column_called(&["caption", "text"]).or(second) else {
        let path = table.to_owned();
        return Err(
            TableError::WhichColumn { path, what: "caption", columns: rows.describe_columns() }.into()
        );
    };
    let mut skipped: Vec<At<CaptionFault>> =
        rows.skipped.iter().map(|at| At::new(table, at.line, at.fault.clone().into())).collect();
    let mut skip = |at: At<CaptionFault>| {
        if !options.skip_bad {
            return Err(at);
        }
        skipped.push(at);
        Ok(())
    };
    let mut pictures: Vec<Captioned> = vec![];
    // Where a picture is in the list; none where it cannot be used.
    let mut known: HashMap<&str, Option<usize>> = HashMap::new();
    for row in &rows.rows {
        let (name, text) = (row.cells[image].as_str(), row.cells[caption].as_str());
        if text.is_empty() {
            skip(At::new(table, row.line, RowFault::EmptyText.into()))?;
            continue;
        }
        if !is_inside(name) {
            skip(At::new(table, row.line, CaptionFault::Outside { name: name.to_owned() }))?;
            continue;
        }
        let path = folder.join(name);
        let place = match known.get(name) {
            Some(&place) => place,
            None if name.is_empty() || !path.is_file() => None,
            None => match decode::check(&read(&path)?) {
                Ok(()) => {
                    pictures.push(Captioned { path, captions: vec![], line: row.line });
                    Some(pictures.len() - 1)
                }
                Err(reason) => {
                    skip(At::new(&path, 0, CaptionFault::Unreadable { reason }))?;
                    known.insert(name, None);
                    continue;
                }
            },
        };
        known.insert(name, place);
        match place {
            Some(place) => pictures[place].captions.push(text.to_owned()),
            None => skip(At::new(table, row.line, CaptionFault::NoPicture { name: name.to_owned() }))?,
        }
    }
    let named: HashSet<PathBuf> = known.keys().map(|name| folder.join(name)).collect();
    for path in files_of(folder)? {
        if has_extension(&path, &["png", "jpg", "jpeg"]) && !named.contains(&path) {
            skip(At::new(&path, 0, CaptionFault::NoCaption))?;
        }
    }
    if pictures.is_empty() {
        return Err(TableError::NoRow { path: table.to_owned(), skipped: skipped.len() }.into());
    }
    Ok(CaptionedPictures { pictures, skipped, notes: rows.notes.clone() })
}
