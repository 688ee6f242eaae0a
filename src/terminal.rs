//! The one file that writes to standard error, and that asks a person for something.
//!
//! What a person is told loses its control characters and known secrets here, before it is styled and written.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Read, Write};
#[cfg(unix)]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU8, Ordering};

use clap::builder::styling::{AnsiColor, Style};
use zeroize::Zeroizing;

use crate::redact::{Masks, printable};
use crate::secret::Secret;

/// How to talk to the person.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// Colours on standard error.
    pub(crate) color: bool,
    /// No warnings.
    pub(crate) quiet: bool,
    /// One JSON object in place of text.
    pub(crate) json: bool,
    /// What can be done with a line that is written.
    lines: Lines,
    /// Warnings that wait for the object that ends the command, where that is the form.
    held: RefCell<Vec<String>>,
    /// What no error and no warning shows, wherever it turns up: a secret may stand where a name or a path belongs.
    hidden: Masks,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// It stays as it was written.
    Stay,
    /// It can be written over.
    Change,
}

impl Terminal {
    pub(crate) fn new(color: bool, quiet: bool, json: bool, hidden: Masks) -> Terminal {
        Terminal { color, quiet, json, lines: Lines::Stay, held: RefCell::default(), hidden }
    }

    /// The same, where lines may be written over because somebody watches them.
    pub(crate) fn watched(self, is_watched: bool) -> Terminal {
        Terminal { lines: if is_watched { Lines::Change } else { Lines::Stay }, ..self }
    }

    /// Says something that does not end the command.
    pub(crate) fn warn(&self, text: &str) {
        let text = self.hidden.apply(text);
        match (self.quiet, self.json) {
            (true, _) => {}
            (false, true) => self.held.borrow_mut().push(text),
            (false, false) => line(&format!("{} {}", self.styled("warning:", AnsiColor::Yellow), printable(&text))),
        }
    }

    /// Says what takes its time, to a person who waits for it.
    pub(crate) fn progress(&self, text: &str) {
        if shows_to_person() {
            self.note(text);
        }
        log::info!("{text}");
    }

    /// Says what was done, where somebody listens.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            line(&printable(&self.hidden.apply(text)));
        }
    }

    /// Says what a person has to know to go on, whatever else is switched off.
    pub(crate) fn say(&self, text: &str) {
        line(&printable(&self.hidden.apply(text)));
    }

    /// Whether somebody watches a line that changes.
    pub(crate) fn counts_down(&self) -> bool {
        self.lines == Lines::Change && !self.quiet && !self.json
    }

    /// Writes a line over the one before.
    pub(crate) fn countdown(&self, text: &str) {
        if self.counts_down() {
            overwrite(&printable(text));
        }
    }

    /// Takes the line away again.
    pub(crate) fn end_countdown(&self) {
        self.countdown("");
    }

    /// Shows an error for a person: a headline and labelled lines.
    pub(crate) fn error(&self, headline: &str, lines: &[(&str, String)]) {
        line(&format!("{} {}", self.styled("error:", AnsiColor::Red), printable(&self.hidden.apply(headline))));
        for (label, text) in lines {
            line(&format!("  {label}:  {}", printable(&self.hidden.apply(text))));
        }
    }

    /// Writes one line that is JSON already.
    pub(crate) fn json(&self, object: &str) {
        line(&self.hidden.apply(object));
    }

    /// The warnings that were held back.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        self.held.take()
    }

    fn styled(&self, word: &str, color: AnsiColor) -> String {
        let style = if self.color { Style::new().bold().fg_color(Some(color.into())) } else { Style::new() };
        format!("{style}{word}{style:#}")
    }
}

/// Asks for a secret without showing what is typed. Blocks until there is an answer.
///
/// # Errors
///
/// `Interrupted` for Ctrl-C; any other when there is no terminal to ask on.
pub(crate) fn ask_secret(question: &str) -> io::Result<Secret> {
    #[cfg(unix)]
    {
        let answer = read_line(question, Shown::No)?;
        // The line break was not shown either.
        end_line();
        answer.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "standard input has ended"))
    }
    #[cfg(not(unix))]
    {
        // A question that cannot be shown can still be answered.
        write(&format!("{}: ", printable(question)));
        OPEN.store(QUESTION, Ordering::Relaxed);
        let answer = rpassword::read_password().map(Secret::new);
        if answer.is_ok() {
            OPEN.store(NOTHING, Ordering::Relaxed);
        }
        answer
    }
}

/// Asks for a line, which is shown as it is typed; `None` where there is none any more. Blocks until there is an answer.
///
/// # Errors
///
/// Those of standard input.
pub(crate) fn ask_line(question: &str) -> io::Result<Option<Secret>> {
    read_line(question, Shown::Yes)
}

/// Whether what is typed is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Yes,
    #[cfg_attr(not(unix), expect(dead_code, reason = "a library hides what is typed there"))]
    No,
}

fn read_line(question: &str, shown: Shown) -> io::Result<Option<Secret>> {
    /// More than any address has.
    const LONGEST: usize = 64 << 10;
    /// What the keys send where the system leaves them alone: Ctrl-D, the erasing ones.
    const END: u8 = 4;
    const ERASED: u8 = 127;
    const BACKSPACE: u8 = 8;
    const ERASED_LINE: u8 = 21;
    if can_ask() {
        write(&format!("{}: ", printable(question)));
        OPEN.store(QUESTION, Ordering::Relaxed);
    }
    let _settings = Settings::by_character(shown)?;
    // Large enough for any address: growing would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut had_any = false;
    for byte in io::stdin().lock().take(LONGEST as u64).bytes() {
        had_any = true;
        match byte? {
            b'\n' => break,
            END if can_ask() => {
                end_line();
                had_any = !line.is_empty();
                break;
            }
            ERASED_LINE if can_ask() => line.clear(),
            // A character takes several bytes, of which all but the first begin with the bits 10 (RFC 3629 section 3).
            ERASED | BACKSPACE if can_ask() => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            byte => line.push(byte),
        }
    }
    OPEN.store(NOTHING, Ordering::Relaxed);
    let line = String::from_utf8_lossy(&line).into_owned();
    Ok(had_any.then(|| Secret::new(line)))
}

/// The same without holding up anything else.
///
/// # Errors
///
/// Those of standard input.
pub(crate) async fn ask(question: &'static str) -> io::Result<Option<Secret>> {
    // Whoever waits may be ended before the one who asks. What is no terminal's business leaves it alone: a job in the background
    // would be stopped.
    let _settings = can_ask().then(Settings::keep);
    tokio::task::spawn_blocking(move || ask_line(question)).await.map_err(io::Error::other)?
}

/// The terminal's settings, put back when dropped: whoever waits for an answer without echo may be ended before it comes.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Settings(Option<rustix::termios::Termios>);

#[cfg(unix)]
impl Settings {
    pub(crate) fn keep() -> Settings {
        Settings(rustix::termios::tcgetattr(io::stdin()).ok())
    }
}

#[cfg(unix)]
impl Settings {
    /// The same, with what is typed hidden where it is not to be shown, and taken as it comes until it is dropped: by the line, systems cut what is longer than 1,024 or
    /// 4,096 characters, and the address that a sign-in ends at may be.
    fn by_character(shown: Shown) -> io::Result<Settings> {
        use rustix::termios::{LocalModes, OptionalActions, tcsetattr};
        if !can_ask() {
            return Ok(Settings(None));
        }
        let kept = Settings::keep();
        let mut changed = rustix::termios::tcgetattr(io::stdin())?;
        changed.local_modes.remove(LocalModes::ICANON);
        if shown == Shown::No {
            changed.local_modes.remove(LocalModes::ECHO);
        }
        tcsetattr(io::stdin(), OptionalActions::Now, &changed)?;
        Ok(kept)
    }
}

#[cfg(unix)]
impl Drop for Settings {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            // A terminal that has gone needs no settings.
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, settings);
        }
    }
}

/// The console's settings are put back by the one who changes them.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Settings;

#[cfg(not(unix))]
impl Settings {
    pub(crate) fn keep() -> Settings {
        Settings
    }

    fn by_character(_shown: Shown) -> io::Result<Settings> {
        Ok(Settings)
    }
}

/// Whether standard input is a terminal, so that a person can be asked.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Whether standard error is a terminal.
pub(crate) fn shows_to_person() -> bool {
    io::stderr().is_terminal()
}

/// Switches on what `-v` (steps) and `-vv` (requests and answers) show.
pub(crate) fn trace(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => log::LevelFilter::Info,
        _ => log::LevelFilter::Debug,
    };
    // Only a second call could fail, and there is none.
    let _ = log::set_logger(&Trace);
    log::set_max_level(level);
}

/// Writes our own log records to standard error; the libraries' stay unsaid, because nobody masked them.
struct Trace;

impl log::Log for Trace {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let mark = if record.level() == log::Level::Debug { "" } else { "* " };
            line(&format!("{mark}{}", printable(&record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

/// Goes on in a line of its own.
fn end_line() {
    write("\n");
}

/// The line that the cursor is in, where it is not empty: a question that waits for its answer, or a countdown.
static OPEN: AtomicU8 = AtomicU8::new(NOTHING);
const NOTHING: u8 = 0;
const QUESTION: u8 = 1;
const COUNTDOWN: u8 = 2;

/// One line on standard error. When nobody can be told, there is nobody to tell that.
fn line(text: &str) {
    let before = match OPEN.swap(NOTHING, Ordering::Relaxed) {
        QUESTION => "\n",
        COUNTDOWN => ERASE,
        _ => "",
    };
    write(&format!("{before}{text}\n"));
}

/// Writes to standard error, as far as somebody reads it: a reader that has stopped stops nothing here.
fn write(text: &str) {
    let mut error = io::stderr().lock();
    for part in text.as_bytes().chunks(PIPE) {
        if !takes_more(&error) || error.write_all(part).is_err() {
            return;
        }
    }
    let _ = error.flush();
}

/// So much a pipe that has room takes at once (POSIX, `PIPE_BUF` on Linux).
const PIPE: usize = 4096;

/// Whether there is room for more, which is waited for a second, once.
#[cfg(unix)]
fn takes_more(error: &io::StderrLock<'_>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    static GIVEN_UP: AtomicBool = AtomicBool::new(false);
    // A person who has stopped their terminal goes on some time.
    if error.is_terminal() {
        return true;
    }
    let time = Timespec { tv_sec: i64::from(!GIVEN_UP.load(Ordering::Relaxed)), tv_nsec: 0 };
    let has_room = !matches!(poll(&mut [PollFd::new(error, PollFlags::OUT)], Some(&time)), Ok(0));
    GIVEN_UP.fetch_or(!has_room, Ordering::Relaxed);
    has_room
}

#[cfg(not(unix))]
fn takes_more(_error: &io::StderrLock<'_>) -> bool {
    true
}

/// Empties the line that the cursor is in (ECMA-48: carriage return, erase in line).
const ERASE: &str = "\r\u{1b}[K";

/// Writes over that line.
fn overwrite(text: &str) {
    OPEN.store(if text.is_empty() { NOTHING } else { COUNTDOWN }, Ordering::Relaxed);
    write(&format!("{ERASE}{text}"));
}

/// Reports a bug by its place in the source: the message of a panic may hold what was being worked on, a secret included.
pub(crate) fn report_bugs_without_their_values(exit_code: u8) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        line(&format!("error: internal error{place}"));
        line("  fix:  this is a bug: please report this line, with what you typed and without your secrets");
        std::process::exit(exit_code.into());
    }));
}
