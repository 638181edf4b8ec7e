//! Numbers from text, and their rounding.

/// A double as Spark reads it from text.
pub(super) fn double(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str() {
        "nan" => return Some(f64::NAN),
        "infinity" | "inf" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        _ => {}
    }
    if text.trim_start_matches(['+', '-']).starts_with(['0']) && text.contains(['x', 'X']) {
        return hexadecimal(text);
    }
    let plain = text.trim_end_matches(['d', 'D', 'f', 'F']);
    if !plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    plain.parse().ok()
}

/// `0x1.8p1`: hexadecimal digits with a power of two.
fn hexadecimal(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))?;
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let exponent = exponent.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || all.len() > 13 || !all.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = u64::from_str_radix(&all, 16).ok()? as f64;
    let shift = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len() * 4).ok()?)?;
    // In two steps: the power alone may be too small for a double.
    let scaled = value * 2_f64.powi(shift / 2) * 2_f64.powi(shift - shift / 2);
    Some(if negative { -scaled } else { scaled })
}

/// A decimal from its digits, perhaps with an exponent, rounded half up to the scale; `None` if it is no number or too
/// large.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if !all.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // So many of the digits stand before the point once the scale is applied.
    let keep = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(scale);
    let mut value: i128 = 0;
    let first = all.iter().position(|d| *d != b'0').map_or(keep, |i| i64::try_from(i).unwrap_or(i64::MAX));
    if keep - first > 39 {
        return None;
    }
    for i in first.max(0)..keep {
        let digit = usize::try_from(i).ok().and_then(|i| all.get(i)).map_or(0, |d| i128::from(d - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    if usize::try_from(keep).ok().and_then(|i| all.get(i)).is_some_and(|d| *d >= b'5') {
        value += 1;
    }
    if value >= 10_i128.pow(u32::from(precision)) {
        return None;
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_half_up_at_their_digits() {
        // BigDecimal(text).setScale(2, HALF_UP)
        for (text, value) in [
            ("1.005", 101),
            ("-1.005", -101),
            ("1.0049", 100),
            ("1.005e0", 101),
            ("12e-3", 1),
            ("0.004", 0),
            ("1e3", 100_000),
            (".5", 50),
            ("007", 700),
        ] {
            assert_eq!(decimal(text, 10, 2), Some(value), "{text}");
        }
        assert_eq!(decimal("99999999.995", 10, 2), None);
        assert_eq!(decimal("1e400", 10, 2), None);
        assert_eq!(decimal("abc", 10, 2), None);
        assert_eq!(decimal("", 10, 2), None);
    }

    #[test]
    fn doubles_are_read_as_java_does() {
        assert_eq!(double(" 1.5 "), Some(1.5));
        assert_eq!(double("1e3"), Some(1000.0));
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(double("1x"), None);
        assert_eq!(double(""), None);
    }
}
