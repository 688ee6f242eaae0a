//! The process: its memory, its signals, and the runtime that a flow runs in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{Error, Signal};

/// No core file and no debugger of the same user shall see a secret in this process.
#[cfg(unix)]
pub(crate) fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    // Where the system does not let us, the command still works.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(not(unix))]
pub(crate) fn keep_memory_private() {}

/// Runs a flow to its end, or until a signal ends it. An async runtime is built here and nowhere else, so a command that asks
/// nobody has none.
///
/// # Errors
///
/// The flow's own, or `Interrupted`.
pub(crate) fn within_runtime<T>(flow: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::System(format!("no request can be made: {error}")))?;
    let result = runtime.block_on(async {
        #[cfg(unix)]
        let _listener = survive_limits();
        // Whoever listens for signals comes first: the flow may be long at work before it waits for anything.
        let mut flow = std::pin::pin!(flow);
        tokio::select! {
            biased;
            signal = interruption() => {
                if IN_HAND.load(Ordering::Relaxed) {
                    // What comes of it is kept, and the command ends all the same.
                    let _ = tokio::time::timeout(GRACE, flow).await;
                }
                Err(Error::Interrupted(signal))
            }
            result = &mut flow => result,
        }
    });
    // A name that is being looked up cannot be called off, and nobody waits for it.
    runtime.shutdown_background();
    result
}

/// How long a command goes on after a signal, to keep what would else be lost.
const GRACE: Duration = Duration::from_secs(3);

/// Whether something is in hand that must not be dropped: what is used up already, and what takes its place is on its way.
static IN_HAND: AtomicBool = AtomicBool::new(false);

/// Something is in hand until this is dropped.
#[derive(Debug)]
pub(crate) struct InHand(());

impl InHand {
    pub(crate) fn begin() -> InHand {
        IN_HAND.store(true, Ordering::Relaxed);
        InHand(())
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        IN_HAND.store(false, Ordering::Relaxed);
    }
}

/// A file that may not grow (`ulimit -f`) is an error like a full disk, and not the end of the process, once somebody listens to
/// the signal that says so.
#[cfg(unix)]
fn survive_limits() -> Option<tokio::signal::unix::Signal> {
    let number = rustix::process::Signal::XFSZ.as_raw();
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(number)).ok()
}

/// Waits for a signal that ends the command, and tells which.
#[cfg(unix)]
async fn interruption() -> Signal {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        // Without handlers the signals do what they always do.
        return std::future::pending().await;
    };
    // Without a handler it does what it always does: end the process, or nothing where that was asked for (`nohup`).
    let mut hangup = if ends_at_hangup() { signal(SignalKind::hangup()).ok() } else { None };
    let hangup = async {
        match &mut hangup {
            Some(hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt.recv() => Signal::Interrupt,
        _ = terminate.recv() => Signal::Terminate,
        _ = hangup => Signal::Hangup,
    }
}

/// Whether the process is to end with its terminal, as far as that can be told: a handler would undo what `nohup` did.
#[cfg(unix)]
fn ends_at_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is the signal with number 1.
    ignored.is_some_and(|mask| mask & 1 == 0)
}

#[cfg(not(unix))]
async fn interruption() -> Signal {
    match tokio::signal::ctrl_c().await {
        Ok(()) => Signal::Interrupt,
        Err(_) => std::future::pending().await,
    }
}
