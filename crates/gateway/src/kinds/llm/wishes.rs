//! What a request wishes of the choice of deployments, in OpenRouter's words (`provider`) or Vercel's
//! (`providerOptions.gateway`). <https://openrouter.ai/docs/guides/routing/provider-selection>
//! <https://vercel.com/docs/ai-gateway/models-and-providers/provider-options>
//!
//! In: a request's body. Out: preferences, or which of them cannot be read. What neither of them knows is left to the
//! providers; a known one of a wrong type is the client's mistake, never ignored.

use yumen_config::{
    MaxPrice, PerToken, Percentile, Preferences, ProviderName, Quantization, Strategy, Wanted, Word,
};
use yumen_llm::json::{Field, Kind, Object, Read};

use crate::rejection::{Code, Rejection};

/// Providers that one list may name.
const NAMES_MOST: usize = 64;

/// The members of an object that wishes stand in.
struct Members<'b> {
    body: &'b [u8],
    object: Object,
    /// How the object is called in complaints.
    path: &'static str,
}

/// What a request wishes; none where it wishes nothing.
pub fn wishes(object: &Object, body: &[u8]) -> Result<Option<Box<Preferences>>, Rejection> {
    let mut wished = None;
    if let Some(provider) = within(object, body, "provider", "provider")? {
        wished = Some(Box::new(openrouter(&provider)?));
    }
    if let Some(options) = within(object, body, "providerOptions", "providerOptions")?
        && let Some(gateway) = within(&options.object, body, "gateway", "providerOptions.gateway")?
    {
        vercel(&gateway, wished.get_or_insert_default())?;
    }
    Ok(wished)
}

fn within<'b>(
    object: &Object,
    body: &'b [u8],
    name: &str,
    path: &'static str,
) -> Result<Option<Members<'b>>, Rejection> {
    match object.object(body, name) {
        Read::Is(object) => Ok(Some(Members { body, object, path })),
        Read::Missing | Read::Null => Ok(None),
        Read::Wrong(_) => Err(refused(path, "an object")),
    }
}

fn openrouter(provider: &Members<'_>) -> Result<Preferences, Rejection> {
    let (strategy, across_models) = provider.sort()?;
    Ok(Preferences {
        strategy,
        across_models,
        order: provider.providers("order")?,
        only: provider.providers("only")?,
        ignore: provider.providers("ignore")?,
        allow_fallbacks: provider.bool("allow_fallbacks")?,
        // The operator's to say: a client would be billed twice.
        rescue: None,
        require_parameters: provider.bool("require_parameters")?.unwrap_or(false),
        no_training: match provider.word("data_collection", &["allow", "deny"])? {
            Some(word) => word == "deny",
            None => false,
        },
        zero_retention: provider.bool("zdr")?.unwrap_or(false),
        distillable: provider.bool("enforce_distillable_text")?.unwrap_or(false),
        quantizations: provider.quantizations()?,
        max_price: provider.max_price()?,
        min_throughput: provider.wanted("preferred_min_throughput")?,
        max_latency: provider.wanted("preferred_max_latency")?,
        // Where servers stand and how failures are survived is the operator's alone to say.
        ..Preferences::default()
    })
}

fn vercel(gateway: &Members<'_>, wished: &mut Preferences) -> Result<(), Rejection> {
    let words = [("cost", Strategy::Price), ("ttft", Strategy::Latency), ("tps", Strategy::Throughput)];
    if let Some(word) = gateway.word("sort", &words.map(|(word, _)| word))? {
        wished.strategy = words.iter().find(|(known, _)| *known == word).map(|(_, strategy)| *strategy);
    }
    wished.order.extend(gateway.providers("order")?);
    wished.only.extend(gateway.providers("only")?);
    wished.zero_retention |= gateway.bool("zeroDataRetention")?.unwrap_or(false);
    wished.no_training |= gateway.bool("disallowPromptTraining")?.unwrap_or(false);
    Ok(())
}

fn refused(name: &str, expected: &str) -> Rejection {
    Rejection::new(Code::InvalidRequest, format!("`{name}` must be {expected}.")).param(name)
}

impl<'b> Members<'b> {
    fn wrong(&self, name: &str, expected: &str) -> Rejection {
        refused(&format!("{}.{name}", self.path), expected)
    }

    /// A member that is there; one that is repeated could be read in two ways.
    fn field(&self, name: &str) -> Result<Option<&Field>, Rejection> {
        let named = |field: &&Field| field.is_named(self.body, name);
        let mut fields = self.object.fields.iter().filter(named);
        match (fields.next(), fields.next()) {
            (_, Some(_)) => {
                let message = format!("`{}.{name}` stands there twice.", self.path);
                Err(Rejection::new(Code::AmbiguousField, message).param(format!("{}.{name}", self.path)))
            }
            (field, None) => Ok(field.filter(|field| field.kind != Kind::Null)),
        }
    }

    fn bool(&self, name: &str) -> Result<Option<bool>, Rejection> {
        match self.field(name)? {
            None => Ok(None),
            Some(field) => match field.value(self.body) {
                b"true" => Ok(Some(true)),
                b"false" => Ok(Some(false)),
                _ => Err(self.wrong(name, "true or false")),
            },
        }
    }

    fn word(&self, name: &str, words: &[&str]) -> Result<Option<String>, Rejection> {
        let Some(field) = self.field(name)? else { return Ok(None) };
        let word: Option<String> = serde_json::from_slice(field.value(self.body)).ok();
        match word.filter(|word| words.contains(&word.as_str())) {
            Some(word) => Ok(Some(word)),
            None => Err(self.wrong(name, &format!("one of {}", quoted(words)))),
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Rejection> {
        let Some(field) = self.field(name)? else { return Ok(Vec::new()) };
        let texts: Option<Vec<String>> = serde_json::from_slice(field.value(self.body)).ok();
        texts
            .filter(|texts| texts.len() <= NAMES_MOST)
            .ok_or_else(|| self.wrong(name, &format!("a list of at most {NAMES_MOST} texts")))
    }

    fn providers(&self, name: &str) -> Result<Vec<ProviderName>, Rejection> {
        let names = self.texts(name)?;
        let named: Option<Vec<ProviderName>> = names.iter().map(|text| ProviderName::parse(text)).collect();
        named.ok_or_else(|| self.wrong(name, "a list of providers' names"))
    }

    fn quantizations(&self) -> Result<Vec<Quantization>, Rejection> {
        let known = |text: &String| Quantization::ALL.iter().find(|known| known.word() == text).copied();
        let found: Option<Vec<Quantization>> = self.texts("quantizations")?.iter().map(known).collect();
        let words: Vec<&str> = Quantization::ALL.iter().map(|known| known.word()).collect();
        found.ok_or_else(|| self.wrong("quantizations", &format!("a list of {}", quoted(&words))))
    }

    /// `sort`, a word or `{by, partition}`. Beside OpenRouter's words those of our own strategies are known.
    fn sort(&self) -> Result<(Option<Strategy>, bool), Rejection> {
        let words: Vec<&str> = Strategy::ALL.iter().map(|strategy| strategy.word()).collect();
        let of = |word: Option<String>| {
            word.and_then(|word| Strategy::ALL.iter().find(|known| known.word() == word).copied())
        };
        match self.field("sort")? {
            Some(field) if field.kind == Kind::Object => {
                let sort = within(&self.object, self.body, "sort", "provider.sort")?;
                let Some(sort) = sort else { return Ok((None, false)) };
                let partition = sort.word("partition", &["model", "none"])?;
                Ok((of(sort.word("by", &words)?), partition.as_deref() == Some("none")))
            }
            _ => Ok((of(self.word("sort", &words)?), false)),
        }
    }

    fn max_price(&self) -> Result<MaxPrice, Rejection> {
        let Some(prices) = within(&self.object, self.body, "max_price", "provider.max_price")? else {
            return Ok(MaxPrice::default());
        };
        let read = |name: &str, parse: fn(&str) -> Option<PerToken>| {
            let Some(field) = prices.field(name)? else { return Ok(None) };
            let text = std::str::from_utf8(field.value(self.body)).unwrap_or_default().trim_matches('"');
            // A number may be written in other ways than as a plain decimal.
            let plain = || text.parse::<f64>().ok().map(|number| format!("{number:.9}"));
            let price = parse(text).or_else(|| parse(&plain()?));
            price.map(Some).ok_or_else(|| prices.wrong(name, "a price in US dollars, such as 0.5"))
        };
        Ok(MaxPrice {
            prompt: read("prompt", PerToken::per_million)?,
            completion: read("completion", PerToken::per_million)?,
            image: read("image", PerToken::each)?,
            audio: read("audio", PerToken::per_million)?,
        })
    }

    /// A number, which is meant for the median, or numbers by their shares of a hundred.
    fn wanted(&self, name: &'static str) -> Result<Vec<Wanted>, Rejection> {
        let expected = "a positive number, or an object of such for p50, p75, p90 and p99";
        let number = |field: &Field| {
            let number: Option<f64> = serde_json::from_slice(field.value(self.body)).ok();
            number.filter(|number| *number > 0.0).ok_or_else(|| self.wrong(name, expected))
        };
        let Some(field) = self.field(name)? else { return Ok(Vec::new()) };
        if field.kind != Kind::Object {
            return Ok(vec![Wanted { percentile: Percentile::P50, figure: number(field)? }]);
        }
        let Some(shares) = within(&self.object, self.body, name, "provider")? else { return Ok(Vec::new()) };
        let known = [
            ("p50", Percentile::P50),
            ("p75", Percentile::P75),
            ("p90", Percentile::P90),
            ("p99", Percentile::P99),
        ];
        let mut wanted = Vec::new();
        for (word, percentile) in known {
            if let Some(field) = shares.field(word)? {
                wanted.push(Wanted { percentile, figure: number(field)? });
            }
        }
        Ok(wanted)
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_llm::json::scan_object;

    fn read(body: &str) -> Result<Option<Box<Preferences>>, Rejection> {
        wishes(&scan_object(body.as_bytes(), 32).unwrap(), body.as_bytes())
    }

    #[test]
    fn all_of_openrouters_fields_are_read() {
        let body = r#"{"provider":{"order":["azure/eastus","openai"],"only":["openai"],"ignore":["x"],"allow_fallbacks":false,
            "require_parameters":true,"data_collection":"deny","zdr":true,"enforce_distillable_text":true,
            "quantizations":["fp8","unknown"],"sort":{"by":"latency","partition":"none"},
            "max_price":{"prompt":1,"completion":"2.5","image":4e-2},"preferred_min_throughput":50,
            "preferred_max_latency":{"p50":1.5,"p99":3},"options":{"openai":{"x":1}}}}"#;
        let wished = read(body).unwrap().unwrap();
        assert_eq!(wished.strategy, Some(Strategy::Latency));
        assert!(wished.across_models && wished.no_training && wished.zero_retention && wished.distillable);
        assert_eq!(wished.order[0].to_string(), "azure/eastus");
        assert_eq!(wished.quantizations, [Quantization::Fp8, Quantization::Unknown]);
        assert_eq!(wished.max_price.prompt, PerToken::per_million("1"));
        assert_eq!(wished.max_price.image, PerToken::each("0.04"));
        assert_eq!(wished.max_latency.len(), 2);
        assert_eq!(wished.min_throughput[0], Wanted { percentile: Percentile::P50, figure: 50.0 });
        assert_eq!(wished.allow_fallbacks, Some(false));
    }

    #[test]
    fn vercels_words_mean_the_same() {
        let body = r#"{"providerOptions":{"gateway":{"sort":"ttft","only":["a"],"zeroDataRetention":true,"tags":["x"],"models":["b"]}}}"#;
        let wished = read(body).unwrap().unwrap();
        assert_eq!(
            (wished.strategy, wished.zero_retention, wished.only.len()),
            (Some(Strategy::Latency), true, 1)
        );
        assert_eq!(read("{}").unwrap(), None);
        assert_eq!(read(r#"{"provider":null,"providerOptions":{"openai":{}}}"#).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_name() {
        for (provider, param) in [
            (r#"[]"#, "provider"),
            (r#"{"sort":"cheapest"}"#, "provider.sort"),
            (r#"{"sort":{"by":"price","partition":"all"}}"#, "provider.sort.partition"),
            (r#"{"order":"openai"}"#, "provider.order"),
            (r#"{"only":[""]}"#, "provider.only"),
            (r#"{"zdr":"yes"}"#, "provider.zdr"),
            (r#"{"zdr":true,"zdr":false}"#, "provider.zdr"),
            (r#"{"quantizations":["fp7"]}"#, "provider.quantizations"),
            (r#"{"max_price":{"prompt":-1}}"#, "provider.max_price.prompt"),
            (r#"{"max_price":3}"#, "provider.max_price"),
            (r#"{"preferred_max_latency":0}"#, "provider.preferred_max_latency"),
            (r#"{"data_collection":"maybe"}"#, "provider.data_collection"),
        ] {
            let rejection = read(&format!(r#"{{"provider":{provider}}}"#)).unwrap_err();
            assert_eq!((rejection.status, rejection.param.as_deref()), (400, Some(param)), "{provider}");
        }
    }
}
