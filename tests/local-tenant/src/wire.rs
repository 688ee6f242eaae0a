//! The bytes below HTTP: a stream that can stop the server's answer at a byte, and what is sent in its place.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// What happens to the bytes of an answer.
#[derive(Debug, Default)]
pub(crate) enum Plan {
    /// They pass.
    #[default]
    Pass,
    /// So many may still pass; then the connection breaks.
    Cut(usize),
    /// None pass; these do.
    Replace(Vec<u8>),
    /// None pass; an endless answer does.
    Endless { head: Vec<u8>, chunk: Vec<u8>, pause: Duration, limit: Option<u64> },
}

/// A connection's plan, shared by its stream and its requests.
pub(crate) type SharedPlan = Arc<Mutex<Plan>>;

/// A stream under a plan.
pub(crate) struct Stream<S> {
    inner: S,
    plan: SharedPlan,
    /// Whether bytes of an answer that is to be cut have passed, and whether all there were have been flushed.
    has_written: bool,
    is_over: bool,
    /// Waits for input; woken when there will be none.
    reader: Option<Waker>,
}

impl<S> Stream<S> {
    pub(crate) fn new(inner: S, plan: SharedPlan) -> Stream<S> {
        Stream { inner, plan, has_written: false, is_over: false, reader: None }
    }

    pub(crate) fn into_inner(self) -> S {
        self.inner
    }

    /// How many of so many bytes may pass; `None` is all.
    fn allowance(&self) -> Option<usize> {
        match &*self.plan.lock().expect("no holder of the plan panics") {
            Plan::Pass => None,
            Plan::Cut(left) => Some(*left),
            Plan::Replace(_) | Plan::Endless { .. } => Some(0),
        }
    }

    fn spend(&self, bytes: usize) {
        if let Plan::Cut(left) = &mut *self.plan.lock().expect("no holder of the plan panics") {
            *left -= bytes;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // An answer that is shorter than its cut is sent whole; the end of input then makes hyper stop.
        if self.is_over {
            return Poll::Ready(Ok(()));
        }
        self.reader = Some(cx.waker().clone());
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(allowance) = self.allowance() else {
            return Pin::new(&mut self.inner).poll_write(cx, bytes);
        };
        if allowance == 0 {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let part = &bytes[..bytes.len().min(allowance)];
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, part))?;
        self.spend(written);
        self.has_written = true;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        if self.has_written {
            self.is_over = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Ends a connection as its plan says. Errors are the client's going away, which is its right.
pub(crate) async fn finish<S: AsyncWrite + Unpin>(mut stream: S, plan: &SharedPlan, sent: &AtomicU64) {
    let plan = std::mem::take(&mut *plan.lock().expect("no holder of the plan panics"));
    match plan {
        Plan::Pass => {}
        // No TLS close_notify: the connection breaks, it does not end.
        Plan::Cut(_) => return,
        Plan::Replace(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Plan::Endless { head, chunk, pause, limit } => {
            let _ = send_endlessly(&mut stream, &head, &chunk, pause, limit, sent).await;
        }
    }
    let _ = stream.shutdown().await;
}

async fn send_endlessly<S: AsyncWrite + Unpin>(
    stream: &mut S,
    head: &[u8],
    chunk: &[u8],
    pause: Duration,
    limit: Option<u64>,
    sent: &AtomicU64,
) -> io::Result<()> {
    stream.write_all(head).await?;
    stream.flush().await?;
    let mut left = limit.unwrap_or(u64::MAX);
    while left > 0 && !chunk.is_empty() {
        let length = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        stream.write_all(&chunk[..length]).await?;
        stream.flush().await?;
        left -= length as u64;
        sent.fetch_add(length as u64, Ordering::Relaxed);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    Ok(())
}
