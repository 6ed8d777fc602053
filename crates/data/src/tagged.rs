//! Sentences whose words have tags, in columns as the CoNLL shared tasks have them: a line a word, an empty line behind
//! each sentence.

mod encoded;
mod lexicon;

pub use encoded::{Encoded, SentenceFault};
pub use lexicon::{Lexicon, LexiconOptions};

use std::path::{Path, PathBuf};

use crate::encoding::Encoding;
use crate::error::{At, sift};
use crate::files::{Decoded, decode, decode_lines, has_extension, read};
use crate::table::{Cells, Column, Layout, Row, RowFault, TableError, TableOptions, columns};
use crate::wanted;

/// How sentences in columns are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaggedOptions {
    /// What stands between columns (where not given, tabulators in a file most of whose lines have some; else a line's
    /// tabulators, or its white space, of which a no-break space is none), and whether sentences with a bad line are left out.
    /// There is no header.
    pub table: TableOptions,
    /// The word's column; else the first one, the second of a `.conllu` file.
    pub word: Option<Column>,
    /// The tag's column; else the last one, the fourth of a `.conllu` file.
    pub tag: Option<Column>,
}

/// A sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentence {
    /// Its words.
    pub words: Vec<String>,
    /// The tag of each; none at all where only words were asked for.
    pub tags: Vec<String>,
    /// The line of each, from 1.
    pub lines: Vec<usize>,
}

/// What was read: at least one sentence, each with a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The sentences in the order of the file.
    pub sentences: Vec<Sentence>,
    /// The first bad line of each sentence that was left out, where that was asked for.
    pub skipped: Vec<At<RowFault>>,
}

/// Reads sentences of words with tags.
///
/// Lines that begin a sentence with `# ` are comments, and so are those between words that have another number of columns;
/// lines of `-DOCSTART-` are passed over, and in a `.conllu` file those of multiword tokens (`1-2`) and empty nodes
/// (`2.1`). There are as many columns as most lines have.
///
/// # Errors
/// A file that is missing or no text, one without a word, a column that is not there; unless they are skipped, sentences
/// with lines that have other columns, or an empty word or tag.
pub fn read_tagged(path: &Path, options: &TaggedOptions) -> Result<Tagged, TableError> {
    parse_tagged(&read(path)?, path, options, true)
}

/// Reads sentences of words; a column of tags is passed over where there is one.
///
/// # Errors
/// Those of [`read_tagged`].
pub fn read_words(path: &Path, options: &TaggedOptions) -> Result<Tagged, TableError> {
    parse_tagged(&read(path)?, path, options, false)
}

/// Whether a file of words has them in columns, a line a word, and not in lines that are a sentence each: its extension
/// says so, or all its lines have a tabulator or are one word, and one of them is empty.
///
/// # Errors
/// A file that is missing or no text.
pub fn is_in_columns(path: &Path, encoding: Encoding) -> Result<bool, TableError> {
    if has_extension(path, &["conll", "conllu", "iob", "iob2", "bio", "tsv"]) {
        return Ok(true);
    }
    let text = decode(&read(path)?, path, encoding)?;
    let text = text.trim();
    let in_columns = |line: &str| line.contains('\t') || line.split_ascii_whitespace().count() < 2;
    Ok(text.lines().any(|line| line.trim().is_empty()) && text.lines().all(in_columns))
}

/// Reads a file's content; `path` serves for the kind of file and for messages.
fn parse_tagged(
    content: &[u8],
    path: &Path,
    options: &TaggedOptions,
    with_tags: bool,
) -> Result<Tagged, TableError> {
    let Decoded { text, damaged, fault } = decode_lines(content, path, options.table.encoding)?;
    if let Some(fault) = fault.filter(|_| !options.table.skip_bad) {
        return Err(fault.into());
    }
    let is_conllu = has_extension(path, &["conllu"]);
    let Lines { names, blocks } = lines(&text, options.table.layout, is_conllu);
    // The lines of what nobody wants any more may not be all.
    wanted::check()?;
    let (needed, as_on) = columns(blocks.iter().flatten());
    if needed == 0 {
        return Err(TableError::NoRow { path: path.to_owned(), skipped: 0 });
    }
    let index = |column: &Column| {
        let index = match column {
            Column::Number(number) => number.checked_sub(1).filter(|&index| index < needed),
            Column::Name(name) => names.iter().position(|known| known == name),
        };
        index.filter(|&index| index < needed).ok_or_else(|| TableError::NoColumn {
            path: path.to_owned(),
            wanted: column.clone(),
            columns: if names.is_empty() {
                format!("1 to {needed}, without names")
            } else {
                format!("'{}'", names.join("', '"))
            },
        })
    };
    let conllu = |index: usize| Some(Column::Number(index)).filter(|_| is_conllu);
    let word = options.word.clone().or(conllu(2)).map_or(Ok(0), |column| index(&column))?;
    let tag = options.tag.clone().or(conllu(4)).map(|column| index(&column));
    let tag = if with_tags { Some(tag.transpose()?.unwrap_or(needed - 1)) } else { None };

    let sentence = |rows: Vec<Row>| {
        let mut sentence = Sentence::default();
        for Row { line, cells } in rows {
            let found = cells.len();
            let mut fault = (found != needed).then_some(RowFault::Columns { found, needed, as_on });
            if damaged.binary_search(&line).is_ok() {
                fault = Some(RowFault::NotText);
            }
            if fault.is_some() && (&cells[0] == "#" || cells[0].starts_with("# ")) {
                continue;
            }
            if fault.is_none() && tag == Some(word) {
                fault = Some(RowFault::NoTag);
            }
            if let (None, Some(tag)) = (&fault, tag) {
                sentence.tags.push(cells[tag].to_owned());
                fault = sentence.tags.last().is_some_and(String::is_empty).then_some(RowFault::EmptyLabel);
            }
            if fault.is_none() {
                sentence.words.push(cells[word].to_owned());
                fault = sentence.words.last().is_some_and(String::is_empty).then_some(RowFault::EmptyText);
            }
            if let Some(fault) = fault {
                return Err(At::new(path, line, fault));
            }
            sentence.lines.push(line);
        }
        Ok(sentence)
    };
    let (mut sentences, skipped) = sift(blocks.into_iter().map(sentence), options.table.skip_bad)?;
    sentences.retain(|sentence| !sentence.words.is_empty());
    if sentences.is_empty() {
        return Err(TableError::NoRow { path: PathBuf::from(path), skipped: skipped.len() });
    }
    Ok(Tagged { sentences, skipped })
}

/// The lines of a file as cells.
struct Lines<'a> {
    /// The names of columns, where a comment of CoNLL-U Plus gives them.
    names: Vec<&'a str>,
    /// Those of each sentence.
    blocks: Vec<Vec<Row>>,
}

fn lines(text: &str, layout: Option<Layout>, is_conllu: bool) -> Lines<'_> {
    // In a file of tabulators a line without one is a single column, whatever blanks it has.
    let is_tabbed = |line: &&str| line.contains('\t');
    let words = || text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let tabbed = 2 * words().filter(is_tabbed).count() > words().count();
    let layout = layout.or(tabbed.then_some(Layout::Tab));
    let (mut names, mut blocks, mut block) = (Vec::new(), Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate().take_while(|_| wanted::is_wanted()) {
        let content = line.trim();
        let is_break = content.is_empty() || content.split_ascii_whitespace().next() == Some("-DOCSTART-");
        if is_break {
            blocks.push(std::mem::take(&mut block));
        } else if block.is_empty() && (content == "#" || content.starts_with("# ")) {
            if let Some(listed) = content.strip_prefix("# global.columns =") {
                names = listed.split_whitespace().collect();
            }
        } else {
            let cells = cells(line, layout);
            if !(is_conllu && cells[0].contains(['-', '.'])) {
                block.push(Row { line: index + 1, cells });
            }
        }
    }
    blocks.push(block);
    Lines { names, blocks }
}

/// The cells of a line, at least one.
fn cells(line: &str, layout: Option<Layout>) -> Cells {
    let separator = match layout {
        Some(Layout::Tab) => Some('\t'),
        Some(Layout::Comma) => Some(','),
        Some(Layout::Semicolon) => Some(';'),
        Some(Layout::Bar) => Some('|'),
        Some(Layout::Space | Layout::Head) => None,
        None => line.contains('\t').then_some('\t'),
    };
    match separator {
        Some(separator) => line.split(separator).map(str::trim_ascii).collect(),
        // A no-break space is a part of its word.
        None => line.split_ascii_whitespace().collect(),
    }
}
