//! Networks in CIDR notation, such as `10.1.0.0/16`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: the addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `address/bits`, or one address alone. `None` when it is neither, or when bits behind the prefix are set: then
    /// one of the two is a slip.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => most,
        };
        let network = Self { address, bits };
        (bits <= most && first(address, bits) == address).then_some(network)
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && first(address, self.bits) == self.address
    }
}

/// The address with all bits behind the first `bits` cleared.
fn first(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_begin_as_it_does() {
        for (network, inside, outside) in [
            ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
            ("192.168.7.1", "192.168.7.1", "192.168.7.2"),
            ("127.0.0.0/8", "127.9.9.9", "::1"),
            ("fd00:1::/32", "fd00:1:ffff::9", "fd00:2::"),
            ("::1/128", "::1", "127.0.0.1"),
            ("0.0.0.0/0", "8.8.8.8", "::"),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network:?} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network:?} {outside}");
        }
        for wrong in
            ["10.1.0.0/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/24", "::/129", "host/8", ""]
        {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
