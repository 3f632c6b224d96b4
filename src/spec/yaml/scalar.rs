//! What a plain scalar means: the implicit resolvers of PyYAML 6.0's safe loader.

use super::Value;

pub fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Value::Switch(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Switch(false);
        }
        _ => {}
    }
    if let Some(value) = integer(text).or_else(|| float(text)) {
        return value;
    }
    if is_date(text) { Value::Date(text.to_owned()) } else { Value::Text(text.to_owned()) }
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn all(text: &str, fits: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(|byte| byte == b'_' || fits(byte))
}

fn integer(text: &str) -> Option<Value> {
    let (negative, rest) = split_sign(text);
    let bare = rest.replace('_', "");
    let sign = |digits: String| {
        let digits = digits.trim_start_matches('0').to_owned();
        let digits = if digits.is_empty() { "0".to_owned() } else { digits };
        Some(Value::Integer(if negative && digits != "0" { format!("-{digits}") } else { digits }))
    };
    let radix = |digits: &str, radix: u32| u128::from_str_radix(digits, radix).ok().map(|n| n.to_string());
    if let Some(digits) =
        rest.strip_prefix("0b").filter(|d| !d.is_empty() && all(d, |b| matches!(b, b'0' | b'1')))
    {
        return sign(radix(&digits.replace('_', ""), 2)?);
    }
    if let Some(digits) =
        rest.strip_prefix("0x").filter(|d| !d.is_empty() && all(d, |b| b.is_ascii_hexdigit()))
    {
        return sign(radix(&digits.replace('_', ""), 16)?);
    }
    if rest == "0" {
        return sign("0".to_owned());
    }
    if rest.starts_with('0') && rest.len() > 1 && all(&rest[1..], |b| (b'0'..=b'7').contains(&b)) {
        return sign(radix(&bare, 8)?);
    }
    if !rest.starts_with(|c: char| ('1'..='9').contains(&c)) {
        return None;
    }
    if all(rest, |b| b.is_ascii_digit()) {
        return sign(bare);
    }
    // Base 60: 1:30 is 90.
    let mut parts = rest.split(':');
    let first = parts.next().filter(|part| all(part, |b| b.is_ascii_digit()))?;
    let mut total: u128 = first.replace('_', "").parse().ok()?;
    let mut any = false;
    for part in parts {
        any = true;
        total = total.checked_mul(60)?.checked_add(sixtieth(part)?)?;
    }
    any.then(|| sign(total.to_string())).flatten()
}

fn sixtieth(part: &str) -> Option<u128> {
    let fits = match part.len() {
        1 => part.bytes().all(|b| b.is_ascii_digit()),
        2 => part.as_bytes()[0] <= b'5' && part.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    if fits { part.parse().ok() } else { None }
}

fn float(text: &str) -> Option<Value> {
    let (negative, rest) = split_sign(text);
    let signed = |number: f64| Some(Value::Float(if negative { -number } else { number }));
    match rest {
        ".inf" | ".Inf" | ".INF" => return signed(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if rest.len() == text.len() => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    let (whole, after) = rest.split_once('.')?;
    if let Some((minutes, seconds)) = whole.rsplit_once(':') {
        // Base 60 with a fraction: 1:30.5
        let Some(Value::Integer(minutes)) = integer(minutes).filter(|_| all(after, |b| b.is_ascii_digit()))
        else {
            return None;
        };
        let seconds: f64 = format!("{}.{}", sixtieth(seconds)?, after.replace('_', "")).parse().ok()?;
        return signed(minutes.parse::<f64>().ok()? * 60.0 + seconds);
    }
    // The exponent needs its sign, else it is a word.
    let (fraction, exponent) = match after.find(['e', 'E']) {
        Some(at) => {
            let exponent = &after[at + 1..];
            let digits = exponent.strip_prefix(['+', '-'])?;
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (&after[..at], exponent)
        }
        None => (after, "0"),
    };
    let digits = |part: &str| all(part, |b| b.is_ascii_digit());
    let fits = if whole.is_empty() {
        // Without a whole part there is no sign, and the fraction begins with a digit.
        rest.len() == text.len() && fraction.starts_with(|c: char| c.is_ascii_digit()) && digits(fraction)
    } else {
        whole.starts_with(|c: char| c.is_ascii_digit()) && digits(whole) && digits(fraction)
    };
    if !fits {
        return None;
    }
    let whole = whole.replace('_', "");
    let fraction = fraction.replace('_', "");
    format!(
        "{}.{}e{exponent}",
        if whole.is_empty() { "0" } else { &whole },
        if fraction.is_empty() { "0" } else { &fraction }
    )
    .parse()
    .ok()
    .and_then(signed)
}

/// `2024-01-31`, or with a time behind it.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    if bytes.len() == 10 {
        return digits(0..4) && bytes[4] == b'-' && digits(5..7) && bytes[7] == b'-' && digits(8..10);
    }
    if bytes.len() < 15 || !digits(0..4) || bytes[4] != b'-' {
        return false;
    }
    // Month and day of one or two digits, `T` or blanks, hours of one or two, then :MM:SS and what follows.
    let Some((date, time)) = text.split_once(['T', 't', ' ', '\t']) else { return false };
    let parts: Vec<&str> = date.split('-').collect();
    let short = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let Some((clock, _)) =
        time.trim_start().split_at_checked(time.trim_start().find(':').map_or(0, |at| at + 6))
    else {
        return false;
    };
    let clock: Vec<&str> = clock.split(':').collect();
    parts.len() == 3
        && parts[1..].iter().all(|part| short(part))
        && clock.len() == 3
        && short(clock[0])
        && clock[1..].iter().all(|part| part.len() == 2 && short(part))
}

/// A float as Python writes it, which is how Azure hands it to a command: `0.001`, `8.0`, `1e-05`.
pub fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let shortest = format!("{number:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{number}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_py_yaml_reads_them() {
        // Each pair was printed by PyYAML 6.0.3: repr of yaml.safe_load(text).
        for (text, python) in [
            ("0x10", "16"),
            ("010", "8"),
            ("0b11", "3"),
            ("1_000", "1000"),
            ("-1_0", "-10"),
            ("+5", "5"),
            ("1:30", "90"),
            ("-1:30", "-90"),
            ("0", "0"),
            ("-0", "0"),
            ("08", "'08'"),
            ("1e3", "'1e3'"),
            ("1.0e3", "'1.0e3'"),
            ("1.0e+3", "1000.0"),
            ("1.5", "1.5"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("-.5", "'-.5'"),
            ("1.0e-5", "1e-05"),
            ("1:30.5", "90.5"),
            (".inf", "inf"),
            ("-.INF", "-inf"),
            (".nan", "nan"),
            ("yes", "True"),
            ("Off", "False"),
            ("y", "'y'"),
            ("~", "None"),
            ("null", "None"),
            ("nULL", "'nULL'"),
            ("2024-01-31", "date"),
            ("2024-1-31", "'2024-1-31'"),
            ("2001-12-14t21:59:43.10-05:00", "date"),
            ("2001-12-14 21:59:43", "date"),
            ("1.2.3", "'1.2.3'"),
            ("0o10", "'0o10'"),
            ("1__0", "10"),
            ("_1", "'_1'"),
            ("-", "'-'"),
            ("+", "'+'"),
            ("0x", "'0x'"),
            (".", "'.'"),
            ("1:60", "'1:60'"),
        ] {
            let said = match resolve(text) {
                Value::Null => "None".to_owned(),
                Value::Switch(on) => if on { "True" } else { "False" }.to_owned(),
                Value::Integer(digits) => digits,
                Value::Float(number) => python_float(number),
                Value::Text(text) => format!("'{text}'"),
                Value::Date(_) => "date".to_owned(),
                Value::List(_) | Value::Map(_) => "?".to_owned(),
            };
            assert_eq!(said, python, "{text}");
        }
    }

    #[test]
    fn floats_as_python_writes_them() {
        for (number, python) in [
            (8.0, "8.0"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (-0.1, "-0.1"),
            (0.0, "0.0"),
            (1234.5678, "1234.5678"),
        ] {
            assert_eq!(python_float(number), python);
        }
    }
}
