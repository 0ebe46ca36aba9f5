//! Screens as they are drawn, as text.

use super::*;
use crate::{
    stats::sample::Sample,
    top::{
        columns::Column,
        data::Details,
        rows::tests,
        state::tests::{key, state},
    },
};
use crossterm::event::KeyCode;
use ratatui::{Terminal, backend::TestBackend};

/// What a screen of this size shows, line by line.
fn drawn(data: &Data, state: &mut State, columns: u16, rows: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, data, state, Styles::plain())).unwrap();
    let cells = terminal.backend().buffer().content();
    let lines = cells.chunks(usize::from(columns));
    lines.map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
}

fn data() -> Data {
    let mut data = Data::default();
    data.take(tests::sample());
    data
}

fn shown(columns: u16) -> Vec<String> {
    let data = data();
    drawn(&data, &mut state(&data.sample), columns, 12)
}

#[test]
fn twenty_columns_have_names_and_a_figure() {
    let expected = [
        "6 rows, 2 container…",
        "by MEM, all cgroups…",
        "NAME             MEM",
        "/b.slice        400M",
        "/a.slice        300M",
    ];
    assert_eq!(shown(20)[..5], expected.map(str::to_owned));
    assert_eq!(shown(20)[11], "q quit   h help");
}

#[test]
fn eighty_columns() {
    let lines = shown(80);
    assert_eq!(lines[0], "6 rows, 2 containers, 4 CPUs, 1.00G");
    assert_eq!(lines[1], "by MEM, all cgroups, every 2 s");
    assert_eq!(lines[2], "NAME              CPU  %CPU  %THR    MEM  LIMIT  %MEM  LOAD1 READ/s   PIDS   AGE");
    assert_eq!(lines[3], "/b.slice            -     -     -   400M      -  39.1      -      -      -     -");
    assert!(lines[11].starts_with("q quit   h help   Enter details"), "{}", lines[11]);
}

#[test]
fn two_hundred_columns_have_all_of_the_usual_ones() {
    let titles = &shown(200)[2];
    for title in ["CPUS", "CACHE", "SWAP", "PSICPU", "PSIMEM", "PSIIO", "READ/s", "WRIT/s", "MAX", "AGE"] {
        assert!(titles.contains(title), "{titles}");
    }
}

#[test]
fn no_size_is_too_small_or_too_large() {
    let data = data();
    let pages = [Page::Table, Page::Details(2), Page::Help(usize::MAX), Page::Columns(26)];
    for (columns, rows) in [(1, 1), (2, 3), (20, 2), (20, 5), (300, 100), (19, 60), (500, 1)] {
        for page in &pages {
            let mut state = state(&data.sample);
            state.page = page.clone();
            drawn(&data, &mut state, columns, rows);
        }
    }
}

#[test]
fn the_mark_is_always_seen() {
    let mut data = Data::default();
    let cgroups = (0..100).map(|id| tests::cgroup(id, &format!("/c{id:03}"), None, 1000 - id)).collect();
    data.take(Sample { cgroups, ..Default::default() });
    let mut state = state(&data.sample);
    drawn(&data, &mut state, 40, 14);
    for (pressed, seen) in
        [(KeyCode::End, "/c099"), (KeyCode::PageUp, "/c089"), (KeyCode::Up, "/c088"), (KeyCode::Home, "/c000")]
    {
        state.press(key(pressed), &data.sample);
        let lines = drawn(&data, &mut state, 40, 14);
        assert!(lines[3..13].iter().any(|line| line.starts_with(seen)), "{seen}: {lines:#?}");
    }
}

#[test]
fn names_cannot_do_anything_to_the_screen() {
    let mut data = Data::default();
    let name = format!("/a\x1b[31m\n数据库{}", "x".repeat(4000));
    data.take(Sample { cgroups: vec![tests::cgroup(1, &name, None, 7)], ..Default::default() });
    for columns in [20, 80, 200] {
        let lines = drawn(&data, &mut state(&data.sample), columns, 8);
        assert!(lines[3].starts_with("/a\\u"), "{lines:#?}");
        assert!(columns < 200 || lines[3].contains("\\n数 据 库 xx"), "{lines:#?}");
        assert!(lines[3].contains("7.00M"), "{lines:#?}");
    }
}

#[test]
fn what_the_user_chose_is_said() {
    let mut data = data();
    data.load_from = "load: from the sampler".into();
    data.sample.left_out = 7;
    let mut state = state(&data.sample);
    for c in "/we".chars() {
        state.press(key(KeyCode::Char(c)), &data.sample);
    }
    assert_eq!(drawn(&data, &mut state, 80, 12)[11], "filter: we");
    state.press(key(KeyCode::Enter), &data.sample);
    for c in "rt ".chars() {
        state.press(key(KeyCode::Char(c)), &data.sample);
    }
    let lines = drawn(&data, &mut state, 80, 12);
    assert_eq!(lines[0], "6 rows, 2 containers, 4 CPUs, 1.00G, 7 cgroups left out  load: from the sampler");
    assert_eq!(lines[1], "PAUSED, by MEM, reversed, filter we, tree of all cgroups, every 2 s");
}

#[test]
fn an_empty_table_says_why() {
    let data = Data::default();
    let mut state = state(&data.sample);
    assert_eq!(drawn(&data, &mut state, 60, 8)[3], "no cgroups");
    state.choice.is_all = false;
    assert_eq!(drawn(&data, &mut state, 60, 8)[3], "no containers (a: all cgroups)");
    state.choice.filter = "x".into();
    assert_eq!(drawn(&data, &mut state, 60, 8)[3], "none matches the filter (Esc ends it)");
}

#[test]
fn details_have_a_history_and_limits() {
    let mut data = Data::default();
    for mib in [0, 50, 100] {
        let cgroups = vec![tests::cgroup(2, "/a.slice/docker-web", None, mib)];
        data.take(Sample { cgroups, ..Default::default() });
    }
    let limits = vec![["memory.total", "512.0 MiB", "/sys/fs/cgroup/memory/a.slice"].map(str::to_owned)];
    data.details =
        Some(Details { id: 2, cgroup: data.sample.cgroups[0].clone(), limits: Some(limits), is_gone: false });
    let mut state = state(&data.sample);
    state.page = Page::Details(2);
    let lines = drawn(&data, &mut state, 60, 12);
    assert_eq!(lines[..3], ["web", "/a.slice/docker-web", "docker web, processes -, threads -, age -"]);
    assert_eq!(lines[3], "MEM 100M, highest 100M, of 3 samples");
    assert!(lines[4].ends_with('█') && lines[8].ends_with("▅█") || lines[8].ends_with("██"), "{lines:#?}");
    assert_eq!(lines[10], "memory.total 512.0 MiB  /sys/fs/cgroup/memory/a.slice");
    data.details.as_mut().unwrap().limits = Some(Vec::new());
    assert_eq!(drawn(&data, &mut state, 60, 12)[10], "none: it can have all of the machine");
    data.details.as_mut().unwrap().limits = None;
    assert_eq!(drawn(&data, &mut state, 60, 12)[10], "not known: it is gone, or its path is too long");
    data.sample.cgroups.clear();
    data.details.as_mut().unwrap().is_gone = true;
    let lines = drawn(&data, &mut state, 60, 12);
    assert_eq!(lines[1], "GONE: this is what was seen of it");
}

#[test]
fn a_graph_tells_only_of_what_it_shows() {
    let mut data = Data::default();
    for mib in [900].into_iter().chain([100; 60]) {
        let cgroups = vec![tests::cgroup(2, "/a.slice/docker-web", None, mib)];
        data.take(Sample { cgroups, ..Default::default() });
    }
    data.details = Some(Details { id: 2, cgroup: data.sample.cgroups[0].clone(), ..Default::default() });
    let mut state = state(&data.sample);
    state.page = Page::Details(2);
    let narrow = drawn(&data, &mut state, 60, 12);
    assert_eq!(narrow[3], "MEM 100M, highest 100M, of 60 samples");
    assert_eq!(narrow[4], "█".repeat(60));
    assert_eq!(drawn(&data, &mut state, 90, 12)[3], "MEM 100M, highest 900M, of 61 samples");
}

#[test]
fn the_help_has_every_key_and_column() {
    let data = data();
    let mut state = state(&data.sample);
    state.page = Page::Help(0);
    let lines = drawn(&data, &mut state, 80, 80);
    for keys in &crate::top::keys::KEYS {
        assert!(lines.iter().any(|line| line.starts_with(keys.names) && line.ends_with(keys.about)), "{}", keys.names);
    }
    assert!(lines.contains(&"%THR       periods in which its quota ran out, in percent".to_owned()), "{lines:#?}");
    state.page = Page::Help(usize::MAX);
    drawn(&data, &mut state, 80, 10);
    assert!(matches!(state.page, Page::Help(line) if line < 80), "the last page is a whole one");
}

#[test]
fn columns_are_chosen_from_a_list() {
    let data = data();
    let mut state = state(&data.sample);
    state.page = Page::Columns(0);
    let lines = drawn(&data, &mut state, 80, 40);
    assert!(lines.iter().any(|line| line.starts_with("[x] MEM     mem       sorted by")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("[ ] OOM     oom")), "{lines:#?}");
    state.columns.toggle(Column::named("oom").unwrap());
    assert!(drawn(&data, &mut state, 80, 40).iter().any(|line| line.starts_with("[x] OOM")));
}
