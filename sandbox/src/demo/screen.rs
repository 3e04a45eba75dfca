//! Progress: bars on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Without a terminal: time between two lines of one bar.
const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR: &str = "{prefix:>18.bold} {bar:32.cyan/dim} {pos:>9}/{len:<9} {wide_msg}";
const SPIN: &str = "{prefix:>18.bold} {spinner} {wide_msg}";

/// Where progress is shown.
#[derive(Clone, Debug)]
pub struct Screen {
    bars: MultiProgress,
    terminal: bool,
    started: Instant,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    name: String,
    bar: ProgressBar,
    screen: Screen,
    last_line: Arc<Mutex<Option<Instant>>>,
}

impl Default for Screen {
    fn default() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { bars: MultiProgress::new(), terminal, started: Instant::now() }
    }
}

impl Screen {
    /// Says something that stays.
    pub fn say(&self, text: &str) {
        let seconds = self.started.elapsed().as_secs();
        if self.terminal {
            // A terminal that went away is no reason to end.
            let _ = self.bars.println(format!("[{seconds:>4} s] {text}"));
        } else {
            eprintln!("[{seconds:>4} s] {text}");
        }
    }

    /// A bar; `length` 0: only a message.
    pub fn bar(&self, name: &str, length: u64) -> Bar {
        let bar = self.bars.add(ProgressBar::new(length));
        // The templates are constants that a test parses.
        if let Ok(style) = ProgressStyle::with_template(if length == 0 { SPIN } else { BAR }) {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        if self.terminal && length == 0 {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Bar {
            name: name.to_owned(),
            bar,
            screen: self.clone(),
            last_line: Arc::new(Mutex::new(None)),
        }
    }

    /// Takes all bars away, for the table at the end.
    pub fn clear(&self) {
        // As in `say`.
        let _ = self.bars.clear();
    }
}

impl Bar {
    /// Adds to the position.
    pub fn add(&self, n: u64) {
        self.bar.inc(n);
        self.line(false);
    }

    /// Sets position and length.
    pub fn set(&self, position: u64, length: u64) {
        self.bar.set_length(length.max(position));
        self.bar.set_position(position);
        self.line(false);
    }

    /// Sets the text beside the bar.
    pub fn tell(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        self.line(false);
    }

    /// Leaves the bar as it is, with a last word.
    pub fn done(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        self.line(true);
        self.bar.abandon();
    }

    fn line(&self, last: bool) {
        if self.screen.terminal {
            return;
        }
        let mut told = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if !last && told.is_some_and(|at| at.elapsed() < LINE_EVERY) {
            return;
        }
        *told = Some(Instant::now());
        let (position, length) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let count = if length > 0 { format!("{position}/{length} ") } else { String::new() };
        let seconds = self.screen.started.elapsed().as_secs();
        eprintln!("[{seconds:>4} s] {:>18}: {count}{}", self.name, self.bar.message());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_parse() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
        assert!(ProgressStyle::with_template(SPIN).is_ok());
    }
}
