//! A value that must not be seen: it has no `Display`, its `Debug` says so, and its memory is wiped when it is dropped.

use std::fmt;
use std::io;

use zeroize::Zeroizing;

/// A secret: a client secret, a token, an assertion.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the value over; no copy is left behind.
    pub(crate) fn new(value: String) -> Secret {
        Secret(Zeroizing::new(value))
    }

    /// The value itself. Each call is a place to ask where it goes.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is the same as a text from elsewhere, in a time that tells nothing about how much of it is.
    pub(crate) fn is(&self, other: &str) -> bool {
        let differences = self.0.bytes().zip(other.bytes()).fold(0, |all, (one, other)| std::hint::black_box(all | (one ^ other)));
        differences == 0 && self.0.len() == other.len()
    }
}

/// The bytes of a file that holds secrets, wiped when dropped: as a block, because byte by byte takes longer than reading does
/// where there are millions.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Wiped(Vec<u8>);

impl Wiped {
    /// Reads to the end of a file of that size; one that has grown meanwhile is read too.
    ///
    /// # Errors
    ///
    /// The file's.
    pub(crate) fn read(mut file: impl io::Read, size: usize) -> io::Result<Wiped> {
        // One more, so that the end is seen without growing, which would leave a copy behind.
        let mut bytes = Wiped(Vec::with_capacity(size + 1));
        file.read_to_end(&mut bytes.0)?;
        Ok(bytes)
    }
}

impl std::ops::Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.fill(0);
        // Else the compiler may see that nobody reads them any more; that it does not is as much as can be had without unsafe code.
        std::hint::black_box(&self.0);
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "[redacted]");
        assert_eq!(format!("{:?}", Wiped::read(&b"hunter2"[..], 7).unwrap()), "[redacted]");
    }
}
