//! Reading what the settings point to: files, standard input, programs. Everything is bounded, in size and in time.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::layer::SecretSource;
use super::parameters::{self, Parameters};
use crate::env::Env;
use crate::error::{Error, UsageError};
use crate::secret::Secret;

/// The largest parameters file, in bytes.
const PARAMETERS_LIMIT: usize = 128 << 10;
/// The largest file of certificate authorities, in bytes: a system's whole bundle is a quarter of a megabyte.
const CA_FILE_LIMIT: usize = 16 << 20;
/// The largest secret, in bytes.
const SECRET_LIMIT: usize = 64 << 10;

/// The most of a text that is looked at, in bytes.
pub(crate) const TEXT_LIMIT: usize = 1 << 20;

/// When the command's time is up, and how long it was, for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) deadline: Instant,
    pub(crate) timeout: Duration,
}

impl Limit {
    pub(crate) fn from_now(timeout: Duration) -> Limit {
        Limit { deadline: Instant::now() + timeout, timeout }
    }
}

/// Reads the file of `--ca-file`.
pub(crate) fn read_ca_file(path: &Path, limit: Limit) -> Result<Zeroizing<Vec<u8>>, Error> {
    let name = crate::redact::foreign(&path.to_string_lossy());
    let read = read_source(&SecretSource::File(path.to_owned()), CA_FILE_LIMIT, limit, &name);
    read.map(|(pem, _)| pem).map_err(|problem| match problem {
        Problem::Failed(error) => error,
        Problem::Unreadable(why) => UsageError::new(format!("the file {name} of --ca-file cannot be used: {why}")).into(),
        Problem::TooLarge => UsageError::new(format!("the file {name} of --ca-file is larger than {CA_FILE_LIMIT} bytes")).into(),
    })
}

/// Reads a text from standard input, as much of it as is looked at, and whether that is all. What is no UTF-8 is replaced.
pub(crate) fn read_text(limit: Limit) -> Result<(Zeroizing<String>, bool), Error> {
    let name = "standard input";
    let read = bounded(limit, name, || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 << 10));
        io::stdin().lock().take(TEXT_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = read.map_err(|problem| match problem {
        Problem::Failed(error) => error,
        Problem::Unreadable(why) => UsageError::new(format!("{name} cannot be read: {why}")).into(),
        Problem::TooLarge => UsageError::new(format!("{name} is too large")).into(),
    })?;
    let is_all = bytes.len() <= TEXT_LIMIT;
    let mut text = decoded(&bytes[..bytes.len().min(TEXT_LIMIT)]);
    if !is_all {
        // Half a word is another one.
        let end = text.rfind(char::is_whitespace).unwrap_or_default();
        text.truncate(end);
    }
    Ok((text, is_all))
}

/// A text in UTF-8, or in UTF-16 as Windows PowerShell writes it. What cannot be read is replaced.
fn decoded(bytes: &[u8]) -> Zeroizing<String> {
    let units = |read: fn([u8; 2]) -> u16| bytes[2..].as_chunks::<2>().0.iter().map(|pair| read(*pair)).collect::<Vec<u16>>();
    let units = match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => return Zeroizing::new(String::from_utf8_lossy(bytes).into_owned()),
    };
    Zeroizing::new(String::from_utf16_lossy(&Zeroizing::new(units)))
}

/// Reads a parameters file (`-` is standard input), and warns where it holds a secret that others can read.
pub(crate) fn read_parameters(path: &Path, limit: Limit) -> Result<Parameters, Error> {
    let is_standard_input = path.as_os_str() == "-";
    let name = if is_standard_input { "standard input".to_owned() } else { crate::redact::foreign(&path.to_string_lossy()) };
    let source = if is_standard_input { SecretSource::StandardInput } else { SecretSource::File(path.to_owned()) };
    let read = read_source(&source, PARAMETERS_LIMIT, limit, &name);
    let (bytes, open_to_others) = read.map_err(|problem| match problem {
        Problem::Failed(error) => error,
        Problem::Unreadable(why) => UsageError::new(format!("the parameters file {} cannot be read: {why}", unread(path, &name)))
            .fix("check the path; - is standard input")
            .into(),
        Problem::TooLarge => UsageError::new(format!("the parameters file {name} is larger than {PARAMETERS_LIMIT} bytes")).into(),
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|error| not_utf8(&name, &bytes, error.valid_up_to()))?;
    let folder = if is_standard_input { Path::new("") } else { path.parent().unwrap_or(Path::new("")) };
    let mut parameters = parameters::parse(&name, text, folder)?;
    if open_to_others && parameters.holds_secret {
        parameters.warnings.push(format!("{name} holds a secret and can be read by other users; chmod 600 closes it, and {{\"env\": \"NAME\"}} or {{\"file\": \"PATH\"}} keeps the secret elsewhere"));
    }
    Ok(parameters)
}

fn not_utf8(name: &str, bytes: &[u8], at: usize) -> UsageError {
    let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    let error = UsageError::new(format!("{name} line {line} is not UTF-8 text"));
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => error.why("it is UTF-16, as Windows PowerShell writes").fix("save it as UTF-8"),
        _ => error.fix("save it as UTF-8"),
    }
}

/// Reads a secret; `place` is where the setting was given, for messages. They do not quote the setting's value: a secret
/// that was put where its place belongs is a common mistake, in CI above all.
pub(crate) fn read_secret(source: &SecretSource, place: &str, environment: &Env, limit: Limit) -> Result<Secret, Error> {
    let name = match source {
        SecretSource::Literal(secret) => return Ok(secret.clone()),
        SecretSource::Environment(name) => return from_environment(name, place, environment).map_err(Error::from),
        SecretSource::File(_) => format!("the file that {place} names"),
        SecretSource::StandardInput => "standard input".to_owned(),
        SecretSource::Command(_) => format!("the program that {place} names"),
    };
    let read = read_source(source, SECRET_LIMIT, limit, &name);
    let (bytes, _) = read.map_err(|problem| match problem {
        Problem::Failed(error) => error,
        Problem::Unreadable(why) => UsageError::new(format!("the secret cannot be read from {name}: {why}"))
            .fix("the setting says where the secret is, not what it is: check the path, or the program")
            .into(),
        Problem::TooLarge => UsageError::new(format!("the secret in {name} is larger than {SECRET_LIMIT} bytes")).into(),
    })?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(UsageError::new(format!("the secret in {name} is not UTF-8 text"))
            .fix("save it as UTF-8, without a byte order mark")
            .into());
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Editors and `echo` end a file with a line break that is not meant.
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Secret::new(text.to_owned()))
}

fn from_environment(name: &str, place: &str, environment: &Env) -> Result<Secret, UsageError> {
    let is_usual = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let variable = if is_usual {
        format!("the environment variable {name}, which {place} names,")
    } else {
        format!("the environment variable that {place} names")
    };
    match environment.named(name) {
        Ok(Some(value)) => Ok(Secret::new(value)),
        Ok(None) => {
            Err(UsageError::new(format!("{variable} is not set")).fix("set it to the secret; the setting holds the variable's name"))
        }
        Err(_) => Err(UsageError::new(format!("{variable} is not UTF-8 text"))),
    }
}

/// What an error calls a parameters file that cannot be read. A secret that was put in its place is not shown.
fn unread(path: &Path, name: &str) -> String {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_usual = (1..=5).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_lowercase());
    if is_usual || name == "standard input" || path.exists() { name.to_owned() } else { "named on the command line".to_owned() }
}

/// Why nothing was read.
enum Problem {
    /// The command is over.
    Failed(Error),
    /// The source cannot be read, with the cause.
    Unreadable(String),
    TooLarge,
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        let text = error.to_string();
        Problem::Unreadable(text.split(" (os error").next().unwrap_or(&text).to_lowercase())
    }
}

type Bytes = Zeroizing<Vec<u8>>;

/// The bytes, and whether they are in a file that other users can read.
fn read_source(source: &SecretSource, most: usize, limit: Limit, name: &str) -> Result<(Bytes, bool), Problem> {
    match source {
        SecretSource::File(path) => {
            let metadata = std::fs::metadata(path)?;
            if metadata.is_dir() {
                return Err(Problem::Unreadable("it is a folder".to_owned()));
            }
            if metadata.is_file() {
                if metadata.len() > most as u64 {
                    return Err(Problem::TooLarge);
                }
                return Ok((read_all(File::open(path)?, most)?, is_open_to_others(&metadata)));
            }
            // A pipe or a device may block, as it does when nobody writes.
            let path: PathBuf = path.clone();
            bounded(limit, name, move || read_all(File::open(path)?, most)).map(|bytes| (bytes, false))
        }
        SecretSource::StandardInput => bounded(limit, name, move || read_all(io::stdin().lock(), most)).map(|bytes| (bytes, false)),
        SecretSource::Command(words) => run(words, most, limit, name).map(|bytes| (bytes, false)),
        SecretSource::Literal(_) | SecretSource::Environment(_) => Err(Problem::Unreadable("it is no file".to_owned())),
    }
}

fn read_all(source: impl Read, most: usize) -> Result<Bytes, Problem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 << 10));
    source.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most { Err(Problem::TooLarge) } else { Ok(bytes) }
}

/// Runs a read that may block for ever in a thread of its own, which ends with the process.
fn bounded(limit: Limit, name: &str, read: impl FnOnce() -> Result<Bytes, Problem> + Send + 'static) -> Result<Bytes, Problem> {
    let (sender, receiver) = mpsc::channel();
    // The receiver may have given up: then nobody wants the result.
    std::thread::spawn(move || sender.send(read()).ok());
    let left = limit.deadline.saturating_duration_since(Instant::now());
    receiver.recv_timeout(left).unwrap_or_else(|_| {
        Err(Problem::Failed(Error::TimedOut { after: limit.timeout, doing: format!("reading {name}"), correlation_id: None }))
    })
}

/// Runs a program, without a shell, and takes what it writes to standard output.
fn run(words: &[String], most: usize, limit: Limit, name: &str) -> Result<Bytes, Problem> {
    let Some((program, arguments)) = words.split_first() else { return Err(Problem::Unreadable("it names no program".to_owned())) };
    let mut child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let Some(output) = child.stdout.take() else { return Err(Problem::Unreadable("its output cannot be read".to_owned())) };
    let read = bounded(limit, name, move || read_all(output, most));
    // What it has to say is said when its output ends; some programs take a moment longer to be gone.
    while read.is_ok() && Instant::now() < limit.deadline && child.try_wait()?.is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let overdue = child.try_wait()?.is_none();
    if overdue {
        // It may have ended by itself meanwhile.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let bytes = read?;
    if overdue {
        return Err(Problem::Failed(Error::TimedOut { after: limit.timeout, doing: format!("waiting for {name}"), correlation_id: None }));
    }
    match status.success() {
        true => Ok(bytes),
        false => Err(Problem::Unreadable(match status.code() {
            Some(code) => format!("it ended with status {code}"),
            None => "it was ended by a signal".to_owned(),
        })),
    }
}

#[cfg(unix)]
fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_metadata: &std::fs::Metadata) -> bool {
    false
}
