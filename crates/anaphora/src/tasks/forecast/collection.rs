//! Reading and cutting series as the recipe says.

use std::path::Path;

use anaphora_data::builtin;
use anaphora_data::series::{Collection, CutOptions, Cuts, SeriesOptions, read_series};
use anaphora_data::table::Column;

use crate::Result;
use crate::recipe::{Builtin, Data, Series};
use crate::tasks::shared::{column, note_encoding, table_options};

/// Hours of the built-in series, and the seed that it is made from.
const SEASONAL: (u64, usize) = (1, 24 * 7 * 52);

/// Reads the series of the training data, or of `other`. `notes` takes a sentence for each thing that was repaired, and for what is
/// to be known of how it was read.
pub fn read(
    data: &Data,
    series: &Series,
    other: Option<&Path>,
    notes: &mut dyn FnMut(&str),
) -> Result<Collection> {
    let path = match (other.or(data.train.as_deref()), data.builtin) {
        (Some(path), _) => path,
        (None, Some(Builtin::Seasonal)) => return Ok(builtin::seasonal(SEASONAL.0, SEASONAL.1).into()),
        (None, _) => Path::new(""),
    };
    let options = SeriesOptions {
        table: table_options(data),
        date: series.date_column.as_deref().map(column),
        date_format: series.date_format.clone(),
        columns: series.columns.as_deref().map(columns),
        fill: series.fill,
    };
    note_encoding(path, data, notes)?;
    let found = read_series(path, &options)?;
    found.notes.iter().for_each(|note| notes(note));
    found.repaired.iter().for_each(|fault| notes(&format!("{fault} (repaired)")));
    Ok(found.into())
}

/// Columns, parted by commas.
pub fn columns(names: &str) -> Vec<Column> {
    names.split(',').map(column).collect()
}

/// Where the recipe cuts a series; validation takes a share, but `least` steps, of what comes before the test.
pub fn cuts(data: &Data, series: &Series, collection: &Collection, least: usize) -> Result<Cuts> {
    let options = CutOptions {
        validation_from: series.validation_from.as_deref(),
        test_from: series.test_from.as_deref(),
        until: series.until.as_deref(),
        validation_fraction: data.validation_fraction,
        validation_least: least,
    };
    let member = &collection.members[0];
    Ok(Cuts::new(collection.steps(0), member.calendar.as_ref(), &options, &member.name)?)
}
