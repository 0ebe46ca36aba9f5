//! docs/performance.md: the targets, a table for each subject and kernel, the pictures.

mod plots;
mod tables;
mod targets;

use crate::{
    bed::{self, repository},
    figures::Figure,
};
use std::{fmt::Write as _, fs};

/// Prints the tables of a part as plain text.
pub(crate) fn print(figures: &[Figure]) {
    for table in &tables::ALL {
        for kernel in ["v1", "v2"] {
            if let Some(text) = table.text(figures, kernel) {
                println!("\n{}, cgroup {kernel}\n{text}", table.title);
            }
        }
    }
}

/// Writes the page and its pictures.
pub(crate) fn write(figures: &[Figure]) {
    println!("\n{}", targets::text(figures));
    let pictures = plots::draw(figures, &repository("docs/pictures"));
    let mut page = introduction(figures.iter().any(|figure| figure.kernel == "v2"));
    let _ = write!(page, "\n## Targets\n\n{}", targets::text(figures));
    for table in &tables::ALL {
        let texts: Vec<_> = ["v1", "v2"].into_iter().filter_map(|it| Some((it, table.text(figures, it)?))).collect();
        if texts.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {}\n\n{}\n", table.title, table.about);
        for picture in pictures.iter().filter(|picture| picture.table == table.name) {
            let _ = write!(page, "\n![{}](pictures/{})\n", picture.title, picture.file);
        }
        for (kernel, text) in texts {
            let _ = write!(page, "\nCgroup {kernel}:\n\n{text}");
        }
    }
    fs::write(repository("docs/performance.md"), page).expect("docs/performance.md");
    println!("written: docs/performance.md, {} pictures", pictures.len());
}

/// What was measured, where, and how to do it again.
fn introduction(is_booted_too: bool) -> String {
    let cpu = bed::sh("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1");
    let object = fs::metadata(bed::object()).expect("the object").len();
    format!(
        "# Performance\n\n\
        What the library, the command, the kernel and real lxcfs take, in turns within one run. This page is written by\n\n\
        ```sh\n\
        tests/bed/setup packages busybox libcs lxcfs roots kernel\n\
        packaging/compile amd64\n\
        cargo bench --locked -p cgproc-bench               # --long: more rounds, more cgroups; -- PART: a part alone\n\
        ```\n\n\
        as root on Debian 12. The figures are this machine's ({}, {} CPUs, kernel {}){}. Each cell is a median, with the quartiles in brackets. `lxcfs 5` is Debian 12's, `lxcfs 7` the newest one. With \
        io_uring between it and the kernel it is measured where `fuse.enable_uring` is on: it is a parameter of the whole \
        machine, off by default, and the suite does not touch it.\n\n\
        The object has {object} bytes. Instructions are counted, and held, by tests/instructions.rs; system calls by \
        tests/syscalls.rs.\n",
        cpu.trim(),
        bed::host().cpus,
        bed::sh("uname -r").trim(),
        if is_booted_too {
            "; those of cgroup v2 are a booted User-Mode Linux's, whose system calls take several times as long, so only \
            its ratios mean something"
        } else {
            ""
        },
    )
}
