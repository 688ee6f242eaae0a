//! The memory of requests that failed, beside the tokens: for moments, and for whoever asks the same.

use std::time::SystemTime;

use super::Store;
use crate::cache::failure::Failure;
use crate::cache::partition::Partition;
use crate::folder::Folder;

/// The largest memory of a failure, in bytes.
const FAILURE_LIMIT: usize = 64 << 10;

impl Store {
    /// The failure that is remembered for a partition.
    pub(crate) fn failure(&self, partition: &Partition) -> Option<Failure> {
        let (path, own) = self.own(partition)?;
        let folder = Folder::open(path, self.keeping()).ok()??;
        Failure::parse(&folder.read(&own.failure(), FAILURE_LIMIT).ok()??)
    }

    /// Remembers a failure, or forgets the one that is remembered. Where that is not possible, others ask for themselves.
    pub(crate) fn remember(&self, partition: &Partition, failure: Option<&Failure>) {
        let Some((path, own)) = self.own(partition) else { return };
        let Ok(Some(folder)) = Folder::open(path, self.keeping()) else { return };
        let _ = match failure {
            Some(failure) => folder.replace(own.failure(), failure.to_text().as_bytes()),
            None => folder.remove(&own.failure()),
        };
    }

    /// Takes away the memories of passwords that are over: who began long ago waits for none of them.
    pub(crate) fn forget_passwords(&self, partition: &Partition, now: SystemTime) {
        let Some((path, _)) = self.own(partition) else { return };
        let Ok(Some(folder)) = Folder::open(path, self.keeping()) else { return };
        for name in folder.names().unwrap_or_default().into_iter().filter(|name| Partition::is_of_password(name)) {
            let failure = folder.read(&name, FAILURE_LIMIT).ok().flatten().and_then(|text| Failure::parse(&text));
            if failure.is_none_or(|failure| failure.is_over(now, now)) {
                // Another process may have been first.
                let _ = folder.remove(&name);
            }
        }
    }
}
