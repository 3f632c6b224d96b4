//! Sizes as `docker run` reads them: `512m`, `2g`, `1.5GiB`, or a number of bytes. Units are powers of 1024.

/// Bytes, or `None` where the text is no size.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    let scale = 1024_u64.pow(power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale);
    }
    let (whole, fraction) = number.split_once('.')?;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Nine digits are more than any unit's bytes need.
    let fraction: String = fraction.chars().take(9).collect();
    let part: u64 = fraction.parse().ok()?;
    let ten = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let part = u128::from(part) * u128::from(scale) / u128::from(ten);
    whole.checked_mul(scale)?.checked_add(u64::try_from(part).ok()?)
}

/// The shortest exact form: `2g`, `1536m`, `1000`.
pub fn short(bytes: u64) -> String {
    for (power, unit) in [(4, "t"), (3, "g"), (2, "m"), (1, "k")] {
        let scale = 1024_u64.pow(power);
        if bytes >= scale && bytes.is_multiple_of(scale) {
            return format!("{}{unit}", bytes / scale);
        }
    }
    bytes.to_string()
}

/// As people read it: `1.5 GiB`; units are powers of 1024.
pub fn told(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[allow(clippy::cast_precision_loss)]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_docker_reads_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("64m", 64 << 20),
            ("64MB", 64 << 20),
            ("2 GiB", 2 << 30),
            ("1.5g", 3 << 29),
            (".5k", 512),
            ("1t", 1 << 40),
            ("7b", 7),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in ["", "g", "-1", "1x", "1.2.3", "1,5g", "many", "99999999999999t", "1.", "."] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_short_form_is_exact() {
        for text in ["2g", "1536m", "1000", "1t", "3k"] {
            assert_eq!(parse(text).map(short).as_deref(), Some(text));
        }
    }
}
