//! `cgproc man`: the manual pages, for a reader or for a package. Those of the command and its commands are made from
//! the help texts; those of the settings file and of the library are in docs/man.

use super::Cli;
use crate::output;
use anyhow::{Context, Result, anyhow};
use clap::{Args, Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Inline, Roff, bold, roman},
};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

/// Print a manual page, or write all of them into a directory.
///
/// `cgproc man run | man -l -` shows one without installing it.
#[derive(Args)]
pub(super) struct ManArgs {
    /// A command, cgproc.conf for the settings file, or libcgproc for the library. Without PAGE: that of cgproc itself.
    #[arg(value_name = "PAGE")]
    page: Option<String>,
    /// Write all pages into DIR, which is created if need be; fails if one of them is there already.
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    output: Option<PathBuf>,
}

/// A page: its name, its section, and its text as troff(1) takes it.
struct Page {
    name: String,
    section: u8,
    text: Vec<u8>,
}

/// The pages that are written by hand. `@VERSION@` in them is ours.
const WRITTEN: [(&str, u8, &str); 3] = [
    ("cgproc-runtime", 8, include_str!("../../docs/man/cgproc-runtime.8")),
    ("cgproc.conf", 5, include_str!("../../docs/man/cgproc.conf.5")),
    ("libcgproc", 7, include_str!("../../docs/man/libcgproc.7")),
];

/// How the help text of a command begins that has its exit statuses.
const EXIT_STATUS: &str = "Exit status: ";

impl ManArgs {
    pub(super) fn obey(self) -> Result<()> {
        match self.output {
            Some(directory) => write_all(&directory),
            None => print(self.page.as_deref().unwrap_or("cgproc")),
        }
    }
}

/// Prints the page that `wanted` names: with or without `cgproc-` for a command.
fn print(wanted: &str) -> Result<()> {
    let pages = pages()?;
    let of_command = format!("cgproc-{wanted}");
    let page = pages.iter().find(|page| page.name == wanted || page.name == of_command).ok_or_else(|| {
        let names: Vec<&str> =
            pages.iter().map(|page| page.name.strip_prefix("cgproc-").unwrap_or(&page.name)).collect();
        anyhow!("no page {wanted}; there are {}", names.join(", "))
    })?;
    output::put(&page.text)
}

fn write_all(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    for page in pages()? {
        let path = directory.join(format!("{}.{}", page.name, page.section));
        File::create_new(&path)
            .and_then(|mut file| file.write_all(&page.text))
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn pages() -> Result<Vec<Page>> {
    // There is no page of `cgproc help`.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![of_command(&command)?];
    for command in command.get_subcommands() {
        pages.push(of_command(command)?);
    }
    pages.extend(WRITTEN.map(|(name, section, text)| Page {
        name: name.to_owned(),
        section,
        text: text.replace("@VERSION@", env!("CARGO_PKG_VERSION")).into_bytes(),
    }));
    Ok(pages)
}

/// The page of `cgproc` or of one of its commands.
fn of_command(command: &Command) -> Result<Page> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let is_whole = command.has_subcommands();
    let page = Man::new(command.clone().subcommand_help_heading("COMMANDS"));
    // The crate's title leaves out an empty date, and what follows takes its place.
    let title = concat!(" 1 \"\" \"cgproc ", env!("CARGO_PKG_VERSION"), "\" \"cgproc manual\"\n");
    let mut text = format!(".TH {name}{title}").into_bytes();
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if is_whole {
        page.render_subcommands_section(&mut text)?;
    }
    let mut end = Roff::new();
    if let Some(statuses) = command.get_after_help().map(ToString::to_string) {
        let statuses = statuses.strip_prefix(EXIT_STATUS).unwrap_or(&statuses);
        end.control("SH", ["EXIT STATUS"]).text([roman(sentence(statuses))]);
    }
    end.control("SH", ["SEE ALSO"]).text(see_also(is_whole));
    end.to_writer(&mut text)?;
    Ok(Page { name, section: 1, text })
}

/// The text with a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// References to other pages. That of `cgproc` has its commands' above.
fn see_also(is_whole: bool) -> Vec<Inline> {
    let whole = (!is_whole).then_some(("cgproc", 1));
    let written = WRITTEN.iter().map(|&(name, section, _)| (name, section));
    let mut words = Vec::new();
    for (name, section) in whole.into_iter().chain(written).chain([("cgroups", 7)]) {
        if !words.is_empty() {
            words.push(roman(", "));
        }
        words.extend([bold(name), roman(format!("({section})"))]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::settings::Key;

    #[test]
    fn each_setting_is_in_the_page_of_the_file() {
        let text = WRITTEN.iter().find(|page| page.0 == "cgproc.conf").map(|page| page.2).unwrap();
        for key in Key::all() {
            let name = String::from_utf8_lossy(key.name());
            assert!(
                [" ", "= "].iter().any(|after| text.contains(&format!("\n.BR {name}{after}"))
                    || text.contains(&format!("\n.BI {name}{after}"))),
                "{name}"
            );
        }
    }
}
