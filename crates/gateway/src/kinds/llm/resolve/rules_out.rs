//! Hard filters: why a deployment may not be tried. They fail closed: what is not known is not allowed.

use yumen_config::{Deployment, MaxPrice, PerToken, Preferences};

use super::{Levels, Variant};

/// Why a deployment is not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no such model.
    NotServed,
    /// Nothing that it speaks can say this request.
    Unspoken,
    /// It is ignored, or not among those beside which none is allowed.
    Providers,
    /// Its model is not among those beside which none is allowed.
    Models,
    /// It may train on what it is sent.
    Training,
    /// It may keep what it is sent.
    Retention,
    /// Its servers stand elsewhere, or nobody says where.
    Region,
    /// It is dearer than allowed, or nobody says what it costs.
    MaxPrice,
    /// Its weights are stored in a way that is not allowed.
    Quantization,
    /// What it says may not be used to train others.
    Distillable,
    /// It cannot search the web.
    WebSearch,
    /// Others may not be tried in place of the first.
    NoFallbacks,
}

impl Reason {
    /// OpenRouter's word in `availability.excluded_by`, or one in its manner.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotServed => "model",
            Self::Unspoken => "operation",
            Self::Providers => "allowed_providers",
            Self::Models => "allowed_models",
            Self::Training => "data_policy:training",
            Self::Retention => "data_policy:zdr",
            Self::Region => "data_region",
            Self::MaxPrice => "max_price",
            Self::Quantization => "quantization",
            Self::Distillable => "distillable",
            Self::WebSearch => "web_search",
            Self::NoFallbacks => "allow_fallbacks",
        }
    }

    /// The reason as the end of a sentence on a provider.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotServed => "has no such model",
            Self::Unspoken => "cannot serve this kind of request",
            Self::Providers => "is not among the allowed providers",
            Self::Models => "has no model that is allowed",
            Self::Training => "may train on what it is sent",
            Self::Retention => "is not known to keep nothing of what it is sent",
            Self::Region => "is not known to stand in an allowed region",
            Self::MaxPrice => "is dearer than `max_price`, or its price is not known",
            Self::Quantization => "is not of an allowed quantization",
            Self::Distillable => "has no model whose answers may be used to train others",
            Self::WebSearch => "is not known to search the web",
            Self::NoFallbacks => "is a fallback, and fallbacks are not allowed",
        }
    }
}

/// Why a deployment may not be tried, if it may not.
pub fn reason(levels: &Levels<'_>, deployment: &Deployment) -> Option<Reason> {
    if levels.variant == Some(Variant::Free) && !is_free(deployment) {
        return Some(Reason::MaxPrice);
    }
    levels.all().find_map(|level| of_level(level, deployment))
}

/// Whether it is known to cost nothing.
pub fn is_free(deployment: &Deployment) -> bool {
    FREE.allows(deployment.model.price.as_ref())
}

/// What costs nothing.
const FREE: MaxPrice = MaxPrice {
    prompt: Some(PerToken(0)),
    completion: Some(PerToken(0)),
    image: Some(PerToken(0)),
    audio: Some(PerToken(0)),
};

fn of_level(level: &Preferences, deployment: &Deployment) -> Option<Reason> {
    let (provider, model) = (&*deployment.provider, &*deployment.model);
    let named = |names: &[yumen_config::ProviderName]| names.iter().any(|name| name.is(provider));
    if !level.only.is_empty() && !named(&level.only) || named(&level.ignore) {
        return Some(Reason::Providers);
    }
    if level.models.as_ref().is_some_and(|allowed| !allowed.allows(model.name())) {
        return Some(Reason::Models);
    }
    if level.no_training && provider.data_policy.trains != Some(false) {
        return Some(Reason::Training);
    }
    if level.zero_retention && !provider.keeps_nothing() {
        return Some(Reason::Retention);
    }
    if !level.regions.is_empty() && !level.regions.iter().any(|region| provider.stands_in(region)) {
        return Some(Reason::Region);
    }
    if !level.max_price.allows(model.price.as_ref()) {
        return Some(Reason::MaxPrice);
    }
    if !level.quantizations.is_empty() && !level.quantizations.contains(&model.quantization) {
        return Some(Reason::Quantization);
    }
    if level.distillable && model.facts.distillable != Some(true) {
        return Some(Reason::Distillable);
    }
    None
}
