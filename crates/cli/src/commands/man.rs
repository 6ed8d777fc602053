//! `anaphora man`: the manual, from the same definitions as the help.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anaphora::run::atomic::write_atomic;
use clap_mangen::Man;

use crate::error::{Failure, Result};
use crate::output::{counted, print, refuse_overwriting, tell};

const EXAMPLES: &str = "\
Examples:
  anaphora man | man -l -             the first page
  anaphora man --out man/             all pages, for instance for ~/.local/share/man/man1";

/// Write the manual: one page a command
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder for a page of each command; without it the program's own page goes to standard output
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write over pages that are there
    #[arg(long, requires = "out")]
    force: bool,
}

/// Writes the pages.
pub fn run(args: &Args, mut program: clap::Command) -> Result<()> {
    program.build();
    let Some(folder) = &args.out else { return print(&page(&program)?) };
    let mut pages = Vec::new();
    add_pages(&program, folder, &mut pages)?;
    for (path, _) in &pages {
        refuse_overwriting(path, args.force)?;
    }
    fs::create_dir_all(folder).map_err(Failure::io("create", folder))?;
    for (path, page) in &pages {
        write_atomic(path, |writer| writer.write_all(page.as_bytes()))?;
    }
    tell(&format!("{} written to {}", counted(pages.len(), "page"), folder.display()));
    Ok(())
}

/// Adds the page of a command and those of the commands below it. What clap adds to every level, `help`, needs none.
fn add_pages(command: &clap::Command, folder: &Path, pages: &mut Vec<(PathBuf, String)>) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push((folder.join(format!("{name}.1")), page(command)?));
    let below = command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set());
    below.into_iter().try_for_each(|below| add_pages(below, folder, pages))
}

fn page(command: &clap::Command) -> Result<String> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).map_err(Failure::failed)?;
    String::from_utf8(page).map_err(Failure::failed)
}
