//! How long a person may take, and how long the network has after that.

use std::time::Duration;

use tokio::time::Instant;

/// The time of a command that waits for a person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    time: Duration,
    deadline: Instant,
    /// What the network has once the person has acted; none where one limit holds for the whole command.
    network: Option<Duration>,
}

impl Patience {
    /// One limit for everything.
    pub(crate) fn within(time: Duration, deadline: Instant) -> Patience {
        Patience { time, deadline, network: None }
    }

    /// From now on so long for the person, and then so long for the network.
    pub(crate) fn from_now(person: Duration, network: Duration) -> Patience {
        Patience { time: person, deadline: Instant::now() + person, network: Some(network) }
    }

    /// How long the person may take, for messages.
    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// When the person's time is up.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What the network has, from now on.
    pub(crate) fn for_network(&self) -> Option<Duration> {
        self.network
    }
}
