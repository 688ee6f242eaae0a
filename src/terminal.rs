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
        // What is in it went through all of the masks, and it has to stay JSON.
        line(&self.hidden.apply_to_forms(object));
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

/// Asks for a secret without showing what is typed, and without holding up anything else. What cannot have been meant is asked for
/// again.
///
/// # Errors
///
/// `Interrupted` for Ctrl-C; any other when there is no terminal to ask on.
#[cfg(unix)]
pub(crate) async fn ask_secret(question: String) -> io::Result<Secret> {
    let modes = Modes::set(Shown::No)?;
    let (kept, changed) = (modes.kept.clone(), modes.changed.clone());
    let answer = tokio::task::spawn_blocking(move || {
        let modes = Modes { kept, changed };
        loop {
            let line = read_line(&question, &modes)?;
            // The line break was not shown either.
            end_line();
            let line = line.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "standard input has ended"))?;
            match std::str::from_utf8(&line) {
                Ok(text) if !text.contains(char::is_control) => return Ok(Secret::new(text.to_owned())),
                _ => self::line("That has a character in it that cannot be typed here; type it again."),
            }
        }
    });
    answer.await.map_err(io::Error::other)?
}

#[cfg(not(unix))]
pub(crate) async fn ask_secret(question: String) -> io::Result<Secret> {
    let answer = tokio::task::spawn_blocking(move || {
        // A question that cannot be shown can still be answered.
        ask_for(&question);
        let answer = rpassword::read_password().map(Secret::new);
        if answer.is_ok() {
            OPEN.store(NOTHING, Ordering::Relaxed);
        }
        answer
    });
    answer.await.map_err(io::Error::other)?
}

/// Asks for a line, which is shown as it is typed; `None` where there is none any more. Nothing else is held up.
///
/// # Errors
///
/// Those of standard input.
pub(crate) async fn ask(question: &'static str) -> io::Result<Option<Secret>> {
    let answer = tokio::task::spawn_blocking(move || read_line(question, &Modes::as_they_are()));
    let line = answer.await.map_err(io::Error::other)??;
    Ok(line.map(|line| Secret::new(String::from_utf8_lossy(&line).into_owned())))
}

/// The same for a line that may be longer than the system takes at once.
///
/// # Errors
///
/// Those of standard input.
pub(crate) async fn ask_for_long(question: &'static str) -> io::Result<Option<Secret>> {
    let modes = Modes::set(Shown::Yes)?;
    let (kept, changed) = (modes.kept.clone(), modes.changed.clone());
    let answer = tokio::task::spawn_blocking(move || read_line(question, &Modes { kept, changed }));
    let line = answer.await.map_err(io::Error::other)??;
    Ok(line.map(|line| Secret::new(String::from_utf8_lossy(&line).into_owned())))
}

/// Whether what is typed is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Yes,
    #[cfg_attr(not(unix), expect(dead_code, reason = "a library hides what is typed there"))]
    No,
}

/// Writes a question, behind which the answer is typed.
fn ask_for(question: &str) {
    write(&format!("{}: ", printable(question)));
    OPEN.store(QUESTION, Ordering::Relaxed);
}

/// Reads a line of standard input. On a terminal this takes the part of the system, which by the line would cut what is longer
/// than 1,024 or 4,096 characters, and the address that a sign-in ends at may be; the keys are those that the person has set.
fn read_line(question: &str, modes: &Modes) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    /// More than any address has.
    const LONGEST: usize = 64 << 10;
    let is_terminal = can_ask();
    if is_terminal {
        ask_for(question);
    }
    // Large enough for any address: growing would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut had_any = false;
    for byte in io::stdin().lock().take(LONGEST as u64).bytes() {
        had_any = true;
        let byte = byte?;
        match if is_terminal { modes.key(byte) } else { None } {
            None if byte == b'\n' => break,
            None => line.push(byte),
            Some(Key::End) => {
                end_line();
                had_any = !line.is_empty();
                break;
            }
            Some(Key::EraseLine) => line.clear(),
            Some(Key::EraseWord) => {
                while line.pop_if(|last| *last == b' ').is_some() {}
                while line.pop_if(|last| *last != b' ').is_some() {}
            }
            // A character takes several bytes, of which all but the first begin with the bits 10 (RFC 3629 section 3).
            Some(Key::Erase) => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            Some(Key::Signal(signal)) => {
                line.clear();
                modes.pass_on(signal)?;
                ask_for(question);
            }
        }
    }
    OPEN.store(NOTHING, Ordering::Relaxed);
    Ok(had_any.then_some(line))
}

/// What a key means, where the system leaves that to who reads.
#[cfg_attr(not(unix), expect(dead_code, reason = "the console does that itself"))]
enum Key {
    End,
    Erase,
    EraseLine,
    EraseWord,
    Signal(KeySignal),
}

#[cfg(unix)]
type KeySignal = rustix::process::Signal;
#[cfg(not(unix))]
type KeySignal = std::convert::Infallible;

/// The terminal's modes while a question is open. They are put back when it is dropped: whoever waits for an answer may be ended
/// before it comes.
#[cfg(unix)]
#[derive(Debug)]
struct Modes {
    /// As they were; none where standard input is no terminal. What is no terminal's business leaves it alone.
    kept: Option<rustix::termios::Termios>,
    changed: Option<rustix::termios::Termios>,
}

impl Modes {
    /// The system's own, in which the person mends what they type.
    fn as_they_are() -> Modes {
        Modes { kept: None, changed: None }
    }
}

#[cfg(unix)]
impl Modes {
    /// What is typed is taken as it comes, and hidden where it is not to be shown.
    fn set(shown: Shown) -> io::Result<Modes> {
        use rustix::termios::{LocalModes, SpecialCodeIndex, tcgetattr};
        if !can_ask() {
            return Ok(Modes::as_they_are());
        }
        let kept = tcgetattr(io::stdin())?;
        let mut changed = kept.clone();
        // The signals too: the system would stop the command with the echo off.
        changed.local_modes.remove(LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        if shown == Shown::No {
            changed.local_modes.remove(LocalModes::ECHO);
        }
        changed.special_codes[SpecialCodeIndex::VMIN] = 1;
        changed.special_codes[SpecialCodeIndex::VTIME] = 0;
        let modes = Modes { kept: Some(kept), changed: Some(changed) };
        apply(modes.changed.as_ref())?;
        Ok(modes)
    }

    /// What a byte means by the keys that are set.
    fn key(&self, byte: u8) -> Option<Key> {
        use rustix::process::Signal;
        use rustix::termios::SpecialCodeIndex as Index;
        let codes = &self.kept.as_ref()?.special_codes;
        // A code that is zero is switched off (POSIX, `_POSIX_VDISABLE`).
        let is = |index: Index| byte != 0 && codes[index] == byte;
        match byte {
            _ if is(Index::VEOF) => Some(Key::End),
            // Some terminals send the other one, whatever is set.
            0x08 | 0x7f => Some(Key::Erase),
            _ if is(Index::VERASE) => Some(Key::Erase),
            _ if is(Index::VKILL) => Some(Key::EraseLine),
            _ if is(Index::VWERASE) => Some(Key::EraseWord),
            _ if is(Index::VINTR) => Some(Key::Signal(Signal::INT)),
            _ if is(Index::VQUIT) => Some(Key::Signal(Signal::QUIT)),
            _ if is(Index::VSUSP) => Some(Key::Signal(Signal::TSTP)),
            _ => None,
        }
    }

    /// Does what the system does for such a key, with the terminal as it was: all processes of the job get the signal. Who was
    /// stopped goes on when it is in the foreground again.
    fn pass_on(&self, signal: KeySignal) -> io::Result<()> {
        // A signal to all may reach this thread's caller a moment later.
        const MOMENT: std::time::Duration = std::time::Duration::from_millis(100);
        apply(self.kept.as_ref())?;
        end_line();
        rustix::process::kill_current_process_group(signal)?;
        std::thread::sleep(MOMENT);
        if signal != rustix::process::Signal::TSTP {
            return Err(io::ErrorKind::Interrupted.into());
        }
        apply(self.changed.as_ref())
    }
}

#[cfg(unix)]
fn apply(modes: Option<&rustix::termios::Termios>) -> io::Result<()> {
    match modes {
        Some(modes) => Ok(rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, modes)?),
        None => Ok(()),
    }
}

#[cfg(unix)]
impl Drop for Modes {
    fn drop(&mut self) {
        // A terminal that has gone needs no modes.
        let _ = apply(self.kept.as_ref());
    }
}

/// The console's modes are put back by the one who changes them.
#[cfg(not(unix))]
#[derive(Debug)]
struct Modes {
    kept: Option<()>,
    changed: Option<()>,
}

#[cfg(not(unix))]
impl Modes {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    fn set(_shown: Shown) -> io::Result<Modes> {
        Ok(Modes::as_they_are())
    }

    fn key(&self, _byte: u8) -> Option<Key> {
        None
    }

    fn pass_on(&self, signal: KeySignal) -> io::Result<()> {
        match signal {}
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
