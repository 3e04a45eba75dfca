//! Small languages inside texts: types, durations, sizes, age filters.

use covenant_model::value::LogicalType;

use crate::ast::FilterDecl;
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::parse::reader;
use crate::parse::yaml::Node;

/// Average days of a month and a year, in hundredths: `18 months` keeps 548 days.
const MONTH_CENTIDAYS: u64 = 3044;
const YEAR_CENTIDAYS: u64 = 36525;
const DAY_S: u64 = 86_400;
/// 37 digits fit a guard; see `covenant_model::version`.
pub const DECIMAL_PRECISION_MAX: u8 = 37;
/// Longer texts are `string` without a limit.
const STRING_CHARS_MAX: u32 = 1 << 24;
/// A millionth is this many digits of a percentage.
const PPM_DIGITS: usize = 4;
/// A rank is 16 bits; nobody reads that many states anyway.
const SYMBOLS_MAX: usize = 1000;

/// Names of the types, for messages.
pub const TYPES: &[&str] = &[
    "bool",
    "int32",
    "int64",
    "decimal(p,s)",
    "string",
    "string(n)",
    "uuid",
    "date",
    "timestamp",
    "enum [a, b]",
    "json",
    "bytes",
];

/// Why a text is no type: what is wrong, and the words to suggest from where the name is unknown.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeError {
    /// What is wrong.
    pub what: String,
    /// The unknown name.
    pub unknown: Option<String>,
}

fn wrong(what: impl Into<String>) -> TypeError {
    TypeError { what: what.into(), unknown: None }
}

/// `decimal(12,2)`, `enum [a, b]`, ...
///
/// # Errors
/// Where it is no type of the language.
pub fn logical_type(text: &str) -> Result<LogicalType, TypeError> {
    let text = text.trim();
    let end = text.find(|at: char| !at.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim();
    let bare = |ty: LogicalType| {
        if rest.is_empty() {
            Ok(ty)
        } else {
            Err(wrong(format!("`{name}` takes nothing behind it")))
        }
    };
    match name {
        "bool" => bare(LogicalType::Bool),
        "int32" => bare(LogicalType::Int32),
        "int64" => bare(LogicalType::Int64),
        "uuid" => bare(LogicalType::Uuid),
        "date" => bare(LogicalType::Date),
        "timestamp" => bare(LogicalType::Timestamp),
        "json" => bare(LogicalType::Json),
        "bytes" => bare(LogicalType::Bytes),
        "string" if rest.is_empty() => Ok(LogicalType::String { max_chars: None }),
        "string" => string(rest),
        "decimal" => decimal(rest),
        "enum" => symbols(rest),
        unknown => Err(TypeError {
            what: format!("there is no type `{unknown}`"),
            unknown: Some(unknown.to_owned()),
        }),
    }
}

fn inside(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

fn string(rest: &str) -> Result<LogicalType, TypeError> {
    let limit = inside(rest, '(', ')').and_then(|limit| limit.trim().parse::<u32>().ok());
    match limit {
        Some(max) if (1..=STRING_CHARS_MAX).contains(&max) => {
            Ok(LogicalType::String { max_chars: Some(max) })
        }
        Some(_) | None => Err(wrong(format!(
            "`string` takes its most characters in parentheses, 1 to {STRING_CHARS_MAX}: `string(80)`"
        ))),
    }
}

fn decimal(rest: &str) -> Result<LogicalType, TypeError> {
    let Some(parts) = inside(rest, '(', ')') else {
        return Err(wrong(
            "`decimal` takes its digits and its digits behind the point: `\"decimal(12,2)\"` (in quotes, because of \
             the comma)",
        ));
    };
    let parsed = parts.split_once(',').and_then(|(precision, scale)| {
        Some((precision.trim().parse::<u8>().ok()?, scale.trim().parse::<u8>().ok()?))
    });
    match parsed {
        Some((precision, scale))
            if (1..=DECIMAL_PRECISION_MAX).contains(&precision) && scale <= precision =>
        {
            Ok(LogicalType::Decimal { precision, scale })
        }
        Some(_) | None => Err(wrong(format!(
            "a decimal has 1 to {DECIMAL_PRECISION_MAX} digits, of which no more stand behind the point than there \
             are: `decimal(12,2)`"
        ))),
    }
}

fn symbols(rest: &str) -> Result<LogicalType, TypeError> {
    let Some(list) = inside(rest, '[', ']') else {
        return Err(wrong("`enum` takes its symbols in brackets: `enum [open, closed]`"));
    };
    let symbols: Vec<String> = list.split(',').map(|symbol| symbol.trim().to_owned()).collect();
    if let Some(odd) = symbols.iter().find(|symbol| !is_symbol(symbol)) {
        return Err(wrong(format!("`{odd}` is no symbol: letters, digits, `_`, `-` and `.`")));
    }
    for (at, symbol) in symbols.iter().enumerate() {
        if symbols.iter().take(at).any(|before| before == symbol) {
            return Err(wrong(format!("`{symbol}` is there twice")));
        }
    }
    if symbols.len() > SYMBOLS_MAX {
        return Err(wrong(format!("an enum has at most {SYMBOLS_MAX} symbols")));
    }
    Ok(LogicalType::Enum { symbols })
}

/// Whether a text can be a symbol of an enum.
pub fn is_symbol(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|at| at.is_alphanumeric() || matches!(at, '_' | '-' | '.' | ' '))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|at: char| !at.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

/// `30s`, `2m`, `4h`, `7d`: seconds.
pub fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let unit_s = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => DAY_S,
        _ => return None,
    };
    number.checked_mul(unit_s).filter(|seconds| *seconds > 0)
}

/// `5 minutes`, as [`seconds`] has it.
pub fn as_seconds(text: &str) -> Option<String> {
    let (number, unit) = number_and_unit(text)?;
    let unit = match unit.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        _ => return None,
    };
    (number > 0).then(|| format!("{number}{unit}"))
}

/// `90d`, `18 months`, `3y`: days, an average month having 30.44 and an average year 365.25;
/// rounded up.
pub fn days(text: &str) -> Option<u32> {
    let (number, unit) = number_and_unit(text)?;
    let centidays = match unit {
        "d" | "day" | "days" => 100,
        "w" | "week" | "weeks" => 700,
        "month" | "months" => MONTH_CENTIDAYS,
        "y" | "year" | "years" => YEAR_CENTIDAYS,
        _ => return None,
    };
    let days = number.checked_mul(centidays)?.div_ceil(100);
    u32::try_from(days).ok().filter(|days| *days > 0)
}

/// `25%`, 1 to 100.
pub fn percent(text: &str) -> Option<u8> {
    let number = text.trim().strip_suffix('%')?.trim().parse().ok()?;
    (1..=100).contains(&number).then_some(number)
}

/// `99.95%`: parts of a million, 1 to 1,000,000.
pub fn availability(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix('%')?.trim();
    let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|at| at.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(rest) || rest.len() > PPM_DIGITS {
        return None;
    }
    let ppm = format!("{whole}{rest:0<PPM_DIGITS$}").parse().ok()?;
    (1..=1_000_000).contains(&ppm).then_some(ppm)
}

/// [`percent`], reported where it is none.
pub fn share(sink: &Sink, node: &Node, key: &str) -> Option<u8> {
    let text = reader::text(sink, node, key)?;
    let percent = percent(&text);
    if percent.is_none() {
        sink.push(
            Diagnostic::new(&codes::BAD_SHARE, node.span, format!("`{text}` is no share"))
                .help("a whole number from 1 to 100 and `%`: `25%`"),
        );
    }
    percent
}

/// `updated_at > now() - 18 months`.
pub fn age_filter(text: &str) -> Option<FilterDecl> {
    let (field, age) = text.split_once('>')?;
    let compact: String = age.split_whitespace().collect::<Vec<_>>().join(" ");
    let age = compact.strip_prefix("now()")?.trim_start().strip_prefix('-')?;
    let field = field.trim();
    is_name(field).then_some(())?;
    Some(FilterDecl {
        field: field.to_owned(),
        keep_days: days(age)?,
        text: text.trim().to_owned(),
    })
}

/// Lower-case letters, digits and `_`, beginning with a letter: names that every target takes
/// unquoted.
pub fn is_name(text: &str) -> bool {
    text.len() <= NAME_CHARS_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|at| at.is_ascii_lowercase() || at.is_ascii_digit() || at == b'_')
}

/// PostgreSQL cuts identifiers at 63 bytes; the pipeline adds prefixes and suffixes of up to 13.
pub const NAME_CHARS_MAX: usize = 50;

/// `1.2.3`, as Semantic Versioning 2.0.0 has it, without pre-releases.
pub fn is_version(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|at| at.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    text.split('.').count() == 3 && text.split('.').all(part)
}

/// `1.0` and `v1.2.3`, as [`is_version`] has it.
pub fn as_version(text: &str) -> Option<String> {
    let mut meant = text.trim().trim_start_matches(['v', 'V']).to_owned();
    while meant.split('.').count() < 3 {
        meant.push_str(".0");
    }
    is_version(&meant).then_some(meant)
}

/// What other systems call our types: the name that is meant with what stands behind it, and whether
/// it means exactly that.
pub fn foreign_type(text: &str) -> Option<(String, bool)> {
    let text = text.trim();
    let end = text.find(|at: char| !at.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let (ours, same) = match name.to_ascii_lowercase().as_str() {
        "int" | "integer" | "int4" => ("int32", true),
        "smallint" | "int2" => ("int32", false),
        "bigint" | "int8" => ("int64", true),
        "long" => ("int64", false),
        "numeric" | "number" => ("decimal", !rest.is_empty()),
        "money" | "float" | "double" | "real" => ("decimal(p,s)", false),
        "varchar" | "text" | "str" => ("string", true),
        "char" => ("string", false),
        "boolean" => ("bool", true),
        "timestamptz" => ("timestamp", true),
        "datetime" | "instant" => ("timestamp", false),
        "jsonb" | "object" | "variant" => ("json", name.eq_ignore_ascii_case("jsonb")),
        "bytea" | "binary" | "blob" => ("bytes", true),
        _ => return None,
    };
    Some((format!("{ours}{rest}"), same))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_round_trip() {
        for text in [
            "bool",
            "int32",
            "int64",
            "decimal(12,2)",
            "string",
            "string(24)",
            "uuid",
            "date",
            "timestamp",
            "enum [a, b]",
            "json",
            "bytes",
        ] {
            assert_eq!(logical_type(text).map(|ty| ty.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "int",
            "decimal(38,2)",
            "decimal(2,3)",
            "decimal(12",
            "decimal",
            "string(0)",
            "enum []",
            "enum [a, a]",
            "bool(1)",
            "enum",
            "",
        ] {
            assert!(logical_type(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(seconds("2m"), Some(120));
        assert_eq!(seconds("0m"), None);
        assert_eq!(seconds("2"), None);
        assert_eq!(days("3y"), Some(1096));
        assert_eq!(days("18 months"), Some(548));
        assert_eq!(percent("25%"), Some(25));
        assert_eq!(percent("0%"), None);
        assert_eq!(availability("99.9%"), Some(999_000));
        assert_eq!(availability("100%"), Some(1_000_000));
        assert_eq!(availability("99.99999%"), None);
        assert_eq!(availability("101%"), None);
    }

    #[test]
    fn what_was_meant() {
        assert_eq!(as_version("1.0").as_deref(), Some("1.0.0"));
        assert_eq!(as_version("v2.1.3").as_deref(), Some("2.1.3"));
        assert_eq!(as_version("latest"), None);
        assert_eq!(as_seconds("5 minutes").as_deref(), Some("5m"));
        assert_eq!(as_seconds("5 fortnights"), None);
        assert_eq!(foreign_type("varchar(20)"), Some(("string(20)".to_owned(), true)));
        assert_eq!(foreign_type("numeric(12,2)"), Some(("decimal(12,2)".to_owned(), true)));
        assert_eq!(foreign_type("float"), Some(("decimal(p,s)".to_owned(), false)));
        assert_eq!(foreign_type("enum"), None);
    }

    #[test]
    fn filters() {
        let filter = age_filter("updated_at >  now() - 18 months").unwrap();
        assert_eq!((filter.field.as_str(), filter.keep_days), ("updated_at", 548));
        assert!(age_filter("updated_at > now() + 18 months").is_none());
        assert!(age_filter("a < now() - 1 day").is_none());
    }
}
