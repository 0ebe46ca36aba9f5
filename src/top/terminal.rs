//! The terminal while it is ours, and its return to whom it belongs, whatever ends us.

use super::{data::Data, screen, state::State, style::Styles};
use crossterm::{
    cursor, execute, queue,
    style::ResetColor,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, window_size},
};
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use rustix::{
    fs::{Mode, OFlags, open},
    io::write,
};
use std::{
    io::{self, BufWriter, Stdout, Write as _},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whether the terminal is ours.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Whether what is typed is for us.
static HAS_KEYS: AtomicBool = AtomicBool::new(false);

/// Whether what is typed is for us, not for whoever has the terminal before or after.
pub(super) fn has_keys() -> bool {
    HAS_KEYS.load(Ordering::SeqCst)
}

/// The terminal, which is given back when this is dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    area: Rect,
    styles: Styles,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Self> {
        restore_on_panic();
        take()?;
        let area = area();
        let options = TerminalOptions { viewport: Viewport::Fixed(area) };
        let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout()));
        let terminal = Terminal::with_options(backend, options).inspect_err(|_| restore())?;
        Ok(Self { terminal, area, styles: Styles::of_environment() })
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, data: &Data, state: &mut State) -> io::Result<()> {
        let area = area();
        if area != self.area {
            self.area = area;
            self.terminal.resize(area)?;
        }
        self.terminal.draw(|frame| screen::draw(frame, data, state, self.styles)).map(drop)
    }

    /// Forgets what is on the screen, so that all of it is drawn.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.terminal.resize(self.area)
    }

    /// Takes the terminal again, after somebody else had it.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        restore();
        take()?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.terminal.backend_mut().flush();
        restore();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    IS_OURS.store(true, Ordering::SeqCst);
    HAS_KEYS.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, cursor::Hide).inspect_err(|_| restore())
}

/// Gives the terminal back as it was. Only for the thread that draws: it waits until somebody reads what it writes.
pub(super) fn restore() {
    HAS_KEYS.store(false, Ordering::SeqCst);
    if IS_OURS.load(Ordering::SeqCst) {
        // First what needs nobody to read.
        let _ = disable_raw_mode();
        let mut out = io::stdout();
        let _ = leave(&mut out).and_then(|()| out.flush());
        IS_OURS.store(false, Ordering::SeqCst);
    }
}

/// The same for any thread, whoever else may be writing: it waits for nothing. A terminal that takes no output keeps
/// what is on its screen.
pub(super) fn restore_at_once() {
    HAS_KEYS.store(false, Ordering::SeqCst);
    if IS_OURS.load(Ordering::SeqCst) {
        let _ = disable_raw_mode();
        let mut words = Vec::new();
        let _ = leave(&mut words);
        // Opened once more: the flag must not count for others who have this one.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let _ = open("/proc/self/fd/1", flags, Mode::empty()).and_then(|again| write(again, &words));
    }
}

/// What makes a terminal show its shell again.
fn leave(out: &mut impl io::Write) -> io::Result<()> {
    queue!(out, ResetColor, LeaveAlternateScreen, cursor::Show)
}

/// A panic ends the process at once, so its message is all that can follow.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore_at_once();
            report(panic);
        }));
    });
}

/// The whole terminal. One that does not know its size has that of old.
fn area() -> Rect {
    let (columns, rows) = window_size().map_or((0, 0), |size| (size.columns, size.rows));
    let known = |size: u16, instead| if size == 0 { instead } else { size };
    Rect::new(0, 0, known(columns, 80), known(rows, 24))
}

/// How many columns the terminal has.
pub(super) fn columns() -> usize {
    usize::from(area().width)
}
