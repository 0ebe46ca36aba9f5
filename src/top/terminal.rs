//! The terminal while it is ours, and its return to whom it belongs, whatever ends us.

use super::{data::Data, screen, state::State, style::Styles};
use crossterm::{
    cursor, execute, queue,
    style::ResetColor,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, window_size},
};
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
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
    execute!(io::stdout(), EnterAlternateScreen, cursor::Hide).inspect_err(|_| restore())
}

/// Gives the terminal back as it was.
pub(super) fn restore() {
    if IS_OURS.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = queue!(out, ResetColor, LeaveAlternateScreen, cursor::Show).and_then(|()| out.flush());
        let _ = disable_raw_mode();
    }
}

/// A panic ends the process at once, so its message is all that can follow.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
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
