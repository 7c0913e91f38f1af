//! The target of the guard between clients' addresses and the network around the gateway.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use url::{Host, Url};
use yumen_config::Network;
use yumen_gateway::fuzz::{Led, led};

static NONE: &[Network] = &[];
/// What an operator has opened; nothing else of what is closed may be open.
static OPENED: LazyLock<Vec<Network>> =
    LazyLock::new(|| ["10.1.0.0/16", "169.254.0.0/16"].into_iter().filter_map(Network::parse).collect());

/// Addresses in every spelling, and what divides them.
pub(crate) const ADDRESSES: &[&str] = &[
    "http://",
    "https://",
    "hTTp://",
    "//",
    "\\\\",
    "/",
    "\\",
    "@",
    ":",
    ":80",
    ":443",
    ":0",
    ":65536",
    "?",
    "#",
    ".",
    "..",
    "[",
    "]",
    "%25",
    "%2e",
    "%00",
    "\n",
    "\t",
    "\r",
    " ",
    "\u{3002}",
    "\u{2460}",
    "\u{ff11}",
    "\u{ad}",
    "xn--",
    "localhost",
    "example.com",
    "metadata.google.internal",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "10.1.2.3",
    "10.2.3.4",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "192.168.0.1",
    "198.18.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "8.8.8.8",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:0:10.0.0.1]",
    "[::10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::808:808]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[2001:4860:4860::8888]",
    "[fd00:ec2::254]",
    "[fe80::1%25eth0]",
    "[fec0::1]",
    "[ff02::1]",
];

/// The first line is an address, each further one a redirect. What is read is what a browser reads, too; what leads to an
/// address that is not public is not open, in whatever way the address is written.
pub(crate) fn egress(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let address = lines.next().unwrap_or_default();
    let redirects: Vec<&str> = lines.take(8).collect();
    let opened = led(address, redirects.iter().copied(), &OPENED);
    let Ok(places) = led(address, redirects.iter().copied(), NONE) else {
        assert!(opened.is_err(), "how an address is read depends on what is open");
        return;
    };
    let opened = opened.unwrap_or_default();
    assert_eq!(opened.len(), places.len());
    for (place, opened) in places.iter().zip(&opened) {
        look(place);
        if let (Some((address, true)), Some((_, false))) = (opened.literal, place.literal) {
            let is_meant = |place: Ipv4Addr| matches!(place.octets(), [10, 1, ..] | [169, 254, ..]);
            assert!(embedded(address).into_iter().all(is_meant), "{address} was opened by nobody");
            assert!(embedded(address).into_iter().all(|one| !is_metadata(one)), "{address} is open");
        }
    }
    if let Some(first) = places.first() {
        assert!(is_as_read(first, &Url::parse(address)), "{address} is read as {first:?}");
    }
    for (step, location) in places.windows(2).zip(&redirects) {
        let [from, to] = step else { continue };
        // One that is no address anywhere else stays where it stands.
        let stays = (&from.authority, from.is_secure) == (&to.authority, to.is_secure);
        // A browser reads no redirect of a place that it cannot read.
        let Ok(base) = Url::parse(&written(from)) else { continue };
        assert!(stays || is_as_read(to, &base.join(location)), "{location} leads from {from:?} to {to:?}");
    }
}

/// What holds of every place by itself.
fn look(place: &Led) {
    assert!(place.target.starts_with('/') && place.target.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!place.target.contains('#') && place.port != 0);
    let again = led(&written(place), [], NONE);
    assert!(again.is_ok_and(|again| again == [place.clone()]), "said, it is read otherwise: {place:?}");
    match place.literal {
        Some((address, is_open)) => {
            let is_closed = embedded(address).into_iter().any(is_closed) || is_closed_v6(address);
            assert!(!(is_open && is_closed), "{address} is open");
        }
        None => {
            let last = place.host.rsplit('.').next().unwrap_or_default();
            let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
            assert!(!is_number, "{} could be an address", place.host);
            assert!(place.host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%'), "{}", place.host);
        }
    }
}

fn written(place: &Led) -> String {
    let scheme = if place.is_secure { "https" } else { "http" };
    format!("{scheme}://{}{}", place.authority, place.target)
}

/// Whether a browser's reader takes an address for the same place. Punycode it checks, which names do not need.
fn is_as_read(place: &Led, read: &Result<Url, url::ParseError>) -> bool {
    let is_puny = place.host.split('.').any(|label| label.starts_with("xn--"));
    let Ok(read) = read else { return is_puny };
    let is_host = match read.host() {
        Some(Host::Domain(name)) => {
            place.literal.is_none() && (is_puny || name.strip_suffix('.').unwrap_or(name) == place.host)
        }
        Some(Host::Ipv4(address)) => place.literal.is_some_and(|(one, _)| one == IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => place.literal.is_some_and(|(one, _)| one == IpAddr::V6(address)),
        None => false,
    };
    let scheme = if place.is_secure { "https" } else { "http" };
    is_host && read.scheme() == scheme && read.port_or_known_default() == Some(place.port)
}

/// The addresses of IPv4 that are reached by an address: itself, or those that stand in it.
fn embedded(address: IpAddr) -> Vec<Ipv4Addr> {
    let address = match address {
        IpAddr::V4(address) => return vec![address],
        IpAddr::V6(address) => address,
    };
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match [a, b, c, d, e, f] {
        // Compatible, mapped, translated, and as NAT64 writes them.
        [0, 0, 0, 0, 0, 0] | [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, ..] => {
            vec![of(g, h)]
        }
        [0x2002, high, low, ..] => vec![of(high, low)],
        // Teredo: the server's, and the client's turned over.
        [0x2001, 0, high, low, ..] => vec![of(high, low), of(!g, !h)],
        _ => Vec::new(),
    }
}

fn is_metadata(address: Ipv4Addr) -> bool {
    matches!(
        address.octets(),
        [169, 254, 169, 254] | [169, 254, 170, 2] | [100, 100, 100, 200] | [168, 63, 129, 16]
    )
}

fn is_closed(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || is_metadata(address)
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
}

fn is_closed_v6(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return false };
    let first = address.segments().first().copied().unwrap_or_default();
    let is_local = address.is_unique_local() || address.is_unicast_link_local() || first & 0xffc0 == 0xfec0;
    is_local || address.is_multicast() || address == Ipv6Addr::LOCALHOST || address.is_unspecified()
}
