//! A command that waits for a person, and what it has said so far.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::sandbox::Ran;

/// The longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command that runs.
pub(crate) struct Waiting {
    child: Child,
    lines: Receiver<String>,
    said: String,
    output: JoinHandle<String>,
}

impl Waiting {
    pub(crate) fn start(mut command: Command) -> Waiting {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started");
        let (sender, lines) = channel();
        let errors = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut stdout = child.stdout.take().expect("standard output is a pipe");
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).expect("the binary writes UTF-8");
            text
        });
        Waiting { child, lines, said: String::new(), output }
    }

    /// The next line on standard error that fits.
    #[track_caller]
    pub(crate) fn line(&mut self, fits: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no such line came: {}", self.said));
            self.said += &format!("{line}\n");
            if fits(&line) {
                return line;
            }
        }
    }

    /// The next address on a line of its own.
    #[track_caller]
    pub(crate) fn url(&mut self) -> String {
        self.line(|line| line.starts_with("http"))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to standard input.
    pub(crate) fn tell(&mut self, text: &str) {
        self.child.stdin.as_mut().expect("standard input is a pipe").write_all(text.as_bytes()).expect("it is read");
    }

    /// Ends it by a signal's name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill can be started").success());
    }

    /// How it ended, with everything that it said.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ran {
        drop(self.child.stdin.take());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("it does not end: {}", self.said + &self.lines.try_iter().collect::<Vec<_>>().join("\n"));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let stdout = self.output.join().expect("the reader does not panic");
        let rest: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        Ran { code: status.code(), stdout, stderr: self.said + &rest }
    }
}

/// The value of a parameter in an address.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).expect("a URL");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The port that a sign-in's answer is to come to.
pub(crate) fn port(url: &str) -> u16 {
    let redirect = parameter(url, "redirect_uri").expect("a redirect URI");
    url::Url::parse(&redirect).expect("a URL").port().expect("a port")
}
