//! The calling key as OpenRouter's clients read it, and what it has cost.
//!
//! In: a virtual key, and sums from the ledger. Out: `GET /key` and `GET /credits`. There are no budgets: limits are null.
//! Sums are whole nano-dollars until the last step, in which each becomes one number of dollars.

use serde_json::{Value, json};
use yumen_config::VirtualKey;
use yumen_llm::skins::openrouter::dollars;

use super::json_of;
use crate::answers::ledger_unavailable;
use crate::kinds::llm::Answer;
use crate::rejection::Rejection;
use crate::route::Lookup;
use crate::worker::Gateway;

const HOUR_SECONDS: i64 = 3600;
const DAY_HOURS: i64 = 24;
/// OpenRouter's way of saying that nothing is limited, in fields that cannot be null.
const UNLIMITED: i64 = -1;

pub(super) async fn answer(
    gateway: &Gateway,
    key: &VirtualKey,
    lookup: &Lookup,
) -> Result<Answer, Rejection> {
    let since = spans(jiff::Timestamp::now());
    let spent = gateway.lookup.spent(&key.id, since).await.map_err(ledger_unavailable)?;
    let [all, ..] = spent;
    Ok(json_of(&match lookup {
        // Nothing is paid ahead: what is used has been granted, and neither more nor less.
        Lookup::Credits => json!({ "data": { "total_credits": dollars(all), "total_usage": dollars(all) } }),
        _ => json!({ "data": described(key, spent) }),
    }))
}

/// The Unix hours in which everything, this day, this week (from Monday) and this month began, in UTC.
fn spans(now: jiff::Timestamp) -> [i64; 4] {
    let day = now.as_second().div_euclid(HOUR_SECONDS * DAY_HOURS);
    // The first day of 1970 was a Thursday.
    let week = day - (day + 3).rem_euclid(7);
    let of_month = i64::from(now.to_zoned(jiff::tz::TimeZone::UTC).day());
    let month = day - (of_month - 1);
    [i64::MIN, day * DAY_HOURS, week * DAY_HOURS, month * DAY_HOURS]
}

fn described(key: &VirtualKey, [all, day, week, month]: [u64; 4]) -> Value {
    let expires_at = key.expires_at.and_then(|at| jiff::Timestamp::from_second(at).ok());
    json!({
        "label": key.name,
        "limit": null, "limit_remaining": null, "limit_reset": null, "include_byok_in_limit": false,
        "usage": dollars(all), "usage_daily": dollars(day),
        "usage_weekly": dollars(week), "usage_monthly": dollars(month),
        "byok_usage": 0, "byok_usage_daily": 0, "byok_usage_weekly": 0, "byok_usage_monthly": 0,
        "is_free_tier": false, "is_management_key": false, "is_provisioning_key": false,
        "expires_at": expires_at.map(|at| at.to_string()),
        "creator_user_id": null, "organization_id": null, "workspace_id": null,
        "allowed_data_regions": ["global"],
        "free_model_daily_requests": { "limit": UNLIMITED, "remaining": UNLIMITED, "used": 0 },
        "rate_limit": {
            "requests": key.requests_per_minute.map_or(UNLIMITED, i64::from), "interval": "1m",
            "note": "-1 means that the key has no limit of requests.",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_weeks_and_months_begin_at_midnight_utc() {
        let hours = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second() / HOUR_SECONDS;
        let [_, day, week, month] = spans("2026-11-26T01:30:00Z".parse().unwrap());
        assert_eq!(day, hours("2026-11-26T00:00:00Z"));
        assert_eq!(week, hours("2026-11-23T00:00:00Z"), "a Monday");
        assert_eq!(month, hours("2026-11-01T00:00:00Z"));
        let [_, _, week, _] = spans("2026-11-23T00:00:00Z".parse().unwrap());
        assert_eq!(week, hours("2026-11-23T00:00:00Z"));
    }

    #[test]
    fn dollars_do_not_drift() {
        for (nanos, expected) in [(0, "0.0"), (1, "1e-9"), (100_000_000, "0.1"), (300_000_001, "0.300000001")]
        {
            assert_eq!(dollars(nanos).to_string(), expected);
        }
    }
}
