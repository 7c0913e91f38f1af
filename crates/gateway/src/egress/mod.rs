//! Calls to addresses that a client names: the one guard between a request and the network around the gateway.
//!
//! In: addresses from a request, and the settings of `gateway.fetch`. Out: the bytes of pictures and documents, or why there
//! are none. Only public addresses are connected to, and those that the operator has allowed; the very address that was
//! checked is the one that is connected to, so a name cannot change its mind in between; each redirect is checked
//! anew. Bounds: ports, redirects, bytes, time, files, and the bytes of all requests together. It sends nothing of the client's or ours, never believes what the
//! other side says of its bytes, and does not tell hosts that may not be reached from those that do not exist.

mod address;
mod fetch;
mod files;
mod kind;
mod place;
mod refusal;
mod room;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use yumen_config::{Network, Scheme};

pub use files::Files;
pub use refusal::Refusal;
pub use room::Room;

/// Where an address leads: what is connected to, and what is said there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Led {
    /// Whether TLS is spoken.
    pub is_secure: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// The address, where the host is one, and whether it may be connected to. A name's are looked at when it is resolved.
    pub literal: Option<(IpAddr, bool)>,
    /// The port.
    pub port: u16,
    /// Host and port as they are said.
    pub authority: String,
    /// Path and query as they are said.
    pub target: String,
}

/// Where an address leads, and then each of the `redirects` as far as they can be read, without asking the network.
pub fn led<'a>(
    address: &str,
    redirects: impl IntoIterator<Item = &'a str>,
    allowed: &[Network],
) -> Result<Vec<Led>, Refusal> {
    let mut place = place::Place::read(address)?;
    let mut led = vec![of(&place, allowed)];
    for location in redirects {
        let Ok(next) = place.follow(location) else { break };
        place = next;
        led.push(of(&place, allowed));
    }
    Ok(led)
}

fn of(place: &place::Place, allowed: &[Network]) -> Led {
    Led {
        is_secure: place.scheme == Scheme::Https,
        host: place.host.clone(),
        literal: place.literal.map(|address| (address, address::is_open(address, allowed))),
        port: place.port,
        authority: place.authority(),
        target: place.target.clone(),
    }
}
