//! Times and durations as people write them on the command line.
//!
//! In: text. Out: a number, or a message that says what to write instead. It knows no calendar but RFC 3339.

use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;

const WRITE: &str = "write a whole number and its unit: 90s, 30m, 24h, 7d or 2w";

/// A duration such as `90s`, `30m`, `24h`, `7d`, `2w`.
pub fn duration(text: &str) -> anyhow::Result<Duration> {
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let Some((number, unit)) = text.split_at_checked(digits).filter(|(number, _)| !number.is_empty()) else {
        bail!("{WRITE}");
    };
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        "" => bail!("the unit is missing, as in `{number}h`; {WRITE}"),
        _ => match nearest(unit) {
            Some(near) => bail!("did you mean `{number}{near}`? {WRITE}"),
            None => bail!("{WRITE}"),
        },
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
    let Some(seconds) = seconds.filter(|seconds| i64::try_from(*seconds).is_ok()) else {
        bail!("that is too long");
    };
    Ok(Duration::from_secs(seconds))
}

/// When something ends, in Unix seconds: a time, or how long it is until then.
pub fn expiry(text: &str) -> anyhow::Result<i64> {
    let now = Timestamp::now().as_second();
    let moment = match text.parse::<Timestamp>() {
        Ok(time) => time.as_second(),
        Err(_) => match duration(text) {
            Ok(after) => now.saturating_add(i64::try_from(after.as_secs())?),
            Err(error) => bail!("{error}, or a time: 2027-01-31T00:00:00Z"),
        },
    };
    if moment <= now {
        bail!("that is not in the future");
    }
    Ok(moment)
}

/// When something was, in Unix microseconds: a time, a day, or how long ago it was.
pub fn past(text: &str) -> anyhow::Result<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_microsecond());
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        return Ok(day.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_microsecond());
    }
    match duration(text) {
        Ok(back) => {
            let back = i64::try_from(back.as_micros()).unwrap_or(i64::MAX);
            Ok(Timestamp::now().as_microsecond().saturating_sub(back).max(0))
        }
        Err(error) => bail!("{error}, or a time: 2026-11-20T00:00Z, 2026-11-20"),
    }
}

/// The unit that was probably meant.
fn nearest(unit: &str) -> Option<&'static str> {
    let unit = unit.trim().to_lowercase();
    Some(match unit.as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "wk" | "week" | "weeks" => "w",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("24h").unwrap(), Duration::from_secs(86_400));
        assert_eq!(duration("2w").unwrap(), Duration::from_secs(1_209_600));
        for bad in
            ["", "h", "24", "-1h", "1y", "1.5h", "٣h", "1h30m", "99999999999999999999s", "9999999999999999w"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_near_miss_is_told_what_to_write() {
        for (near, right) in [("24", "`24h`"), ("24H", "`24h`"), ("7 days", "`7d`"), ("30min", "`30m`")] {
            let said = duration(near).unwrap_err().to_string();
            assert!(said.contains(right), "{near}: {said}");
        }
    }

    #[test]
    fn moments_of_the_past() {
        assert_eq!(past("2026-11-20T00:00Z").unwrap(), 1_795_132_800_000_000);
        assert_eq!(past("2026-11-20").unwrap(), past("2026-11-20T00:00:00Z").unwrap());
        assert!(past("7d").unwrap() < past("24h").unwrap());
        assert_eq!(past("99999w").unwrap(), 0);
        for bad in ["yesterday", "7", "2026-13-01", ""] {
            assert!(past(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn expiries() {
        assert_eq!(expiry("9999-01-31T00:00:00Z").unwrap(), 253_373_356_800);
        assert!(expiry("30d").unwrap() > Timestamp::now().as_second());
        for bad in ["tomorrow", "2020-01-01T00:00:00Z", "0s", "9999999999999999w"] {
            assert!(expiry(bad).is_err(), "{bad}");
        }
    }
}
