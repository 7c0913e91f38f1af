//! An address as it is written, read strictly: what two readers could understand differently is refused.
//!
//! Browsers take `0x7f.1`, `2130706433` and `①27.0.0.1` for addresses of IPv4, resolvers some of them, and both do so in ways
//! of their own (<https://url.spec.whatwg.org/#concept-ipv4-parser>). Nobody writes a picture's address so.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use yumen_config::Scheme;

use super::refusal::Refusal;

/// Longest address in bytes.
const LONGEST: usize = 8192;
/// Longest name of a host, and longest label in it (RFC 1035).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Where a file lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) scheme: Scheme,
    /// A name, or an address without brackets.
    pub(super) host: String,
    /// The address, where the host is one.
    pub(super) literal: Option<IpAddr>,
    pub(super) port: u16,
    /// Path and query, all of it ASCII.
    pub(super) target: String,
}

impl Place {
    /// Reads an absolute address.
    pub(super) fn read(address: &str) -> Result<Self, Refusal> {
        let (scheme, rest) = address.split_once("://").ok_or(Refusal::Spelling)?;
        let (scheme, default_port) = match scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, 443),
            scheme if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, 80),
            _ => return Err(Refusal::Spelling),
        };
        if address.len() > LONGEST {
            return Err(Refusal::Spelling);
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(Refusal::Credentials);
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            None | Some("") => default_port,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|port| *port != 0).ok_or(Refusal::Spelling)?
            }
            Some(_) => return Err(Refusal::Spelling),
        };
        let (host, literal) = read_host(host)?;
        Ok(Self { scheme, host, literal, port, target: target(tail) })
    }

    /// Where a redirect leads, whose `Location` may say only what is new (RFC 3986, section 5.2).
    pub(super) fn follow(&self, location: &str) -> Result<Self, Refusal> {
        // A header's own white space is none of the address; any other is, and no host has it.
        let location = location.trim_matches([' ', '\t']);
        let word = if self.scheme == Scheme::Https { "https" } else { "http" };
        if location.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':')) {
            return Self::read(location);
        }
        if location.starts_with("//") {
            return Self::read(&format!("{word}:{location}"));
        }
        let path = self.target.split('?').next().unwrap_or_default();
        let tail = if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{path}{location}")
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{location}")
        };
        if tail.len() > LONGEST {
            return Err(Refusal::Spelling);
        }
        Ok(Self { target: target(&tail), ..self.clone() })
    }

    /// Host and port as they stand in a request's head.
    pub(super) fn authority(&self) -> String {
        let host = match self.literal {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.host.clone(),
        };
        match (self.scheme, self.port) {
            (Scheme::Https, 443) | (Scheme::Http, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// The host, with its brackets where it has some, and what follows its colon.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), Refusal> {
    if authority.starts_with('[') {
        let (host, rest) = authority.split_once(']').ok_or(Refusal::Spelling)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(Refusal::Spelling),
        };
        return Ok((host, port));
    }
    Ok(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))))
}

fn read_host(host: &str) -> Result<(String, Option<IpAddr>), Refusal> {
    if let Some(address) = host.strip_prefix('[') {
        // Neither zones nor escapes are read.
        let address: Ipv6Addr = address.parse().map_err(|_| Refusal::Spelling)?;
        return Ok((address.to_string(), Some(address.into())));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let good = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if name.len() > LONGEST_NAME || !name.split('.').all(good) {
        return Err(Refusal::Spelling);
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hex = last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    if is_hex || last.bytes().all(|byte| byte.is_ascii_digit()) {
        let address: Ipv4Addr = host.parse().map_err(|_| Refusal::Spelling)?;
        return Ok((address.to_string(), Some(address.into())));
    }
    Ok((name.to_ascii_lowercase(), None))
}

/// Path and query as they are sent: without a fragment, and with escapes for what may not stand there as it is.
fn target(tail: &str) -> String {
    let tail = tail.split('#').next().unwrap_or_default();
    let mut target = String::with_capacity(tail.len() + 1);
    if !tail.starts_with('/') {
        target.push('/');
    }
    for byte in tail.bytes() {
        match byte {
            0..=b' ' | 0x7f.. | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                // Writing to a string cannot fail.
                let _ = write!(target, "%{byte:02X}");
            }
            byte => target.push(char::from(byte)),
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_are_read() {
        for (address, host, port, target) in [
            ("https://example.com/a.png", "example.com", 443, "/a.png"),
            ("HTTP://Example.COM", "example.com", 80, "/"),
            ("http://example.com:8080?q=1#part", "example.com", 8080, "/?q=1"),
            ("https://example.com./a b/\u{e9}\\c", "example.com", 443, "/a%20b/%C3%A9%5Cc"),
            ("https://example.com:/a%20b", "example.com", 443, "/a%20b"),
            ("http://127.0.0.1:81/", "127.0.0.1", 81, "/"),
            ("http://[::1]/a", "::1", 80, "/a"),
            ("http://[::ffff:7f00:1]:80/a", "::ffff:127.0.0.1", 80, "/a"),
            ("https://example.com/@user:pass", "example.com", 443, "/@user:pass"),
            ("https://xn--fsqu00a.xn--0zwm56d/", "xn--fsqu00a.xn--0zwm56d", 443, "/"),
            ("https://2130706433.example/", "2130706433.example", 443, "/"),
        ] {
            let place = Place::read(address).unwrap();
            assert_eq!((&*place.host, place.port, &*place.target), (host, port, target), "{address}");
            assert_eq!(place.literal, host.parse().ok(), "{address}");
        }
    }

    #[test]
    fn what_could_be_read_in_several_ways_is_refused() {
        for address in [
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://127.0.0.256/",
            "http://1.2.3.4.5/",
            "http://127.0.0.0x1/",
            "http://example.0x/",
            "http://\u{2460}27.0.0.1/",
            "http://127\u{3002}0\u{3002}0\u{3002}1/",
            "http://127.0.0.1%2f@example.com/",
            "http://%31%32%37.0.0.1/",
            "http://localhost%00.example.com/",
            "http://example..com/",
            "http://example.com../",
            "http://./",
            "http:///a",
            "http://:80/",
            "http://example.com\\@127.0.0.1/",
            "http://example.com\\.evil/",
            "http://exa mple.com/",
            "http://example.com:80:80/",
            "http://example.com:+80/",
            "http://example.com:0/",
            "http://example.com:65536/",
            "http://[::1",
            "http://[::1]x/",
            "http://[fe80::1%25eth0]/",
            "http://[fe80::1%eth0]/",
            "http://[127.0.0.1]/",
            "http://::1/",
            "http:/example.com/",
            "http:example.com",
            "//example.com/",
            "file:///etc/passwd",
            "ftp://example.com/",
            "gopher://127.0.0.1:70/",
            " http://example.com/",
            "",
        ] {
            let refused = Place::read(address).unwrap_err();
            assert!(matches!(refused, Refusal::Spelling | Refusal::Credentials), "{address}");
        }
        for address in ["http://user@example.com/", "http://a:b@127.0.0.1/", "http://@example.com/"] {
            assert_eq!(Place::read(address), Err(Refusal::Credentials), "{address}");
        }
        assert_eq!(Place::read(&format!("http://a.example/{}", "a".repeat(LONGEST))), Err(Refusal::Spelling));
    }

    #[test]
    fn white_space_that_is_not_ascii_belongs_to_a_redirect() {
        let from = Place::read("https://example.com:8443/a").unwrap();
        assert_eq!(from.follow("//o\u{2002}"), Err(Refusal::Spelling));
        assert_eq!(from.follow(" \t//o "), Place::read("https://o"));
    }

    #[test]
    fn redirects_are_read_from_where_they_stand() {
        let from = Place::read("https://example.com:8443/a/b?c=1").unwrap();
        for (location, expected) in [
            ("http://other.example/x", "http://other.example/x"),
            ("//other.example/x", "https://other.example/x"),
            ("/x?y", "https://example.com:8443/x?y"),
            ("x", "https://example.com:8443/a/x"),
            ("x?u=http://other.example/", "https://example.com:8443/a/x?u=http://other.example/"),
            ("?d=2", "https://example.com:8443/a/b?d=2"),
        ] {
            assert_eq!(from.follow(location), Place::read(expected), "{location}");
        }
        for location in
            ["file:///etc/passwd", "http:127.0.0.1", "javascript:1", "//user@host/", "//2130706433/"]
        {
            assert!(from.follow(location).is_err(), "{location}");
        }
    }
}
