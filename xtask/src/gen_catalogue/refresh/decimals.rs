//! Floating-point numbers of the sources as exact decimals.
//!
//! In: a number that was read from JSON. Out: the decimal that its writer wrote, moved up by some places. Nothing
//! is rounded but what no price can be exact to.

/// The shortest decimal that reads back as `number`, moved up by `shift` places, with at most nine decimals.
pub(super) fn decimal(number: f64, shift: i32) -> String {
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let point = exponent.parse::<i32>().unwrap_or_default() + 1 + shift;
    let zeros = usize::try_from(-point).unwrap_or_default();
    let padded = format!("{}{digits}", "0".repeat(zeros));
    let whole = usize::try_from(point).unwrap_or_default();
    let padded = format!("{padded:0<whole$}");
    let (whole, fraction) = padded.split_at_checked(whole).unwrap_or((&padded, ""));
    let whole = if whole.is_empty() { "0" } else { whole };
    let places: String = fraction.chars().take(9).collect();
    // The last digit of a sum in binary (`0.30000000000000004`) was not meant.
    let meant =
        places.find("00000").filter(|at| fraction.len() > 12 && *at > 0).and_then(|at| places.get(..at));
    match meant.unwrap_or(&places).trim_end_matches('0') {
        "" => whole.to_owned(),
        places => format!("{whole}.{places}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_moved_without_rounding() {
        for (number, shift, expected) in [
            (1.5e-7, 6, "0.15"),
            (7.5e-8, 6, "0.075"),
            (1e-6, 6, "1"),
            (1.5e-5, 6, "15"),
            (1.68e-4, 6, "168"),
            (0.15, 0, "0.15"),
            (10.0, 0, "10"),
            (0.083_333, 0, "0.083333"),
            (0.083_333_333_333_333, 0, "0.083333333"),
            (0.300_000_000_000_000_04, 0, "0.3"),
            (1e-9, 0, "0.000000001"),
            (1e-11, 0, "0"),
        ] {
            assert_eq!(decimal(number, shift), expected, "{number} by {shift}");
        }
    }
}
