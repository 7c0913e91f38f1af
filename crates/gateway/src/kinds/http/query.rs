//! What of a client's query goes to the provider.
//!
//! In: a query as it was sent. Out: its parameters byte for byte and in their order, but for those that name our key, or that
//! the gateway itself sets.

use yumen_config::{Base, Credential, Proof, TokenSource};
use yumen_llm::percent::percent_decode;

/// The parameter in which Google's clients send their key, and so ours.
const KEY: &str = "key";
/// The parameter in which a token of Baidu's goes.
const ACCESS_TOKEN: &str = "access_token";

/// The query without the client's key, under whatever name it stands there.
pub fn without_key(query: &str, secret: &str) -> String {
    kept(query, |name, value| {
        !name.eq_ignore_ascii_case(KEY)
            && (secret.is_empty() || !(name.contains(secret) || value.contains(secret)))
    })
}

/// The query without what the base URL and the credential say themselves: of two values a provider could take the client's.
pub fn without_ours(query: &str, base: &Base, credential: Option<&Credential>) -> String {
    let ours = match credential.map(|credential| &credential.proof) {
        Some(Proof::Query { pair }) => name_of(pair.expose()),
        Some(Proof::Token(source)) if matches!(**source, TokenSource::Baidu(_)) => ACCESS_TOKEN.to_owned(),
        _ => String::new(),
    };
    let of_base: Vec<String> = base.query().unwrap_or_default().split('&').map(name_of).collect();
    kept(query, |name, _| {
        name.is_empty()
            || !(name.eq_ignore_ascii_case(&ours) || of_base.iter().any(|own| own.eq_ignore_ascii_case(name)))
    })
}

/// The value of a parameter, where it is spelt plainly and not empty.
pub fn value(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode(pair)).filter(|value| !value.is_empty())
}

fn kept(query: &str, keep: impl Fn(&str, &str) -> bool) -> String {
    let pairs = query.split('&').filter(|pair| {
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        keep(&name_of(pair), &decoded(value))
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn name_of(pair: &str) -> String {
    decoded(pair.split_once('=').map_or(pair, |(name, _)| name))
}

fn decoded(text: &str) -> String {
    percent_decode(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_key_goes_no_further() {
        for (query, expected) in [
            ("", ""),
            ("a=1&b&c=%20x&a=2", "a=1&b&c=%20x&a=2"),
            ("key=sk-yu-secret&limit=2", "limit=2"),
            ("limit=2&KEY=x&%6Bey=y&k%65y", "limit=2"),
            ("keys=1&other_key=2", "keys=1&other_key=2"),
            ("x=sk-yu-secret&y=a%73k-yu-secretb&z=%73k-yu-secre", "z=%73k-yu-secre"),
            ("sk-yu-secret", ""),
            ("&&a==b&", "&&a==b&"),
        ] {
            assert_eq!(without_key(query, "sk-yu-secret"), expected, "{query}");
        }
        assert_eq!(without_key("a=1&b=", ""), "a=1&b=");
    }
}
