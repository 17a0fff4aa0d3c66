//! Numbers as text: digits in groups, a minus sign instead of a hyphen, and words for what is not finite.

/// A whole number with a comma between groups of three digits: `1,234`.
pub fn grouped(value: f64) -> String {
    separated(&format!("{value:.0}"))
}

/// A number with two decimals: `−1,234.57`, or the words "not finite".
pub fn measured(value: f64) -> String {
    fixed(value, 2)
}

/// A number with `decimals` decimals, digits in groups.
pub fn fixed(value: f64, decimals: usize) -> String {
    if value.is_finite() { separated(&format!("{value:.decimals$}")) } else { NOT_FINITE.into() }
}

/// A share as a percentage with two decimals.
pub fn percent(share: f64) -> String {
    format!("{:.2}\u{a0}%", 100.0 * share)
}

/// A number and its standard error, with two decimals each.
pub fn with_error(value: f64, standard_error: f64) -> String {
    format!("{} ± {}", measured(value), measured(standard_error))
}

/// A number with `digits` significant digits, or as a power of ten where that would be long.
pub fn significant(value: f64, digits: i32) -> String {
    let text = match value.abs() {
        0.0 => "0".into(),
        size if !size.is_finite() => NOT_FINITE.into(),
        size if (1e-4..1e7).contains(&size) => {
            let decimals = (digits - 1 - size.log10().floor() as i32).max(0) as usize;
            format!("{value:.decimals$}")
        }
        _ => format!("{value:.1e}"),
    };
    text.replace('-', "−")
}

/// A z-score, with one decimal and without a negative zero.
pub fn z_score(z: f64) -> String {
    format!("{z:.1}").replace("-0.0", "0.0").replace('-', "−")
}

/// The number in the format, or a dash where there is none.
pub fn or_dash(value: Option<f64>, format: impl Fn(f64) -> String) -> String {
    value.map_or("–".into(), format)
}

const NOT_FINITE: &str = "not finite";

/// The digits of a printed number in groups of three.
pub(super) fn separated(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("−", digits));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_groups() {
        assert_eq!([1_234_567.0, 999.0].map(grouped), ["1,234,567", "999"]);
        assert_eq!([-1234.567, f64::NAN].map(measured), ["−1,234.57", "not finite"]);
        assert_eq!([percent(0.5), with_error(1.0, 0.25)], ["50.00\u{a0}%", "1.00 ± 0.25"]);
    }

    #[test]
    fn significant_digits_are_kept_and_no_more() {
        let cases = [0.0, 0.125, -1234.5678, 1e-9, 123_456_789.0, f64::INFINITY];
        let texts = ["0", "0.125000", "−1234.57", "1.0e−9", "1.2e8", "not finite"];
        assert_eq!(cases.map(|number| significant(number, 6)), texts);
        assert_eq!([-0.01, -4.25].map(z_score), ["0.0", "−4.2"]);
    }
}
