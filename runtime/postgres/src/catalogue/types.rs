//! Which column types a contract's types can be read from.

use covenant_model::value::LogicalType;

/// A column as the catalogue has it; a domain counts as its base type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFacts {
    pub name: String,
    /// `pg_type.typname` of the base type: `int4`, `timestamptz`.
    pub base: String,
    /// `pg_type.typtype` of the base type: `b`, `e` for an enum.
    pub kind: char,
    /// `atttypmod`, or the domain's.
    pub modifier: i32,
    /// As people write it: `numeric(12,2)`.
    pub shown: String,
    pub not_null: bool,
    /// `attstorage`: `x` and `e` may be moved out of line.
    pub storage: char,
    /// Whether we may read it.
    pub readable: bool,
}

/// How a column fits a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Every value fits.
    Whole,
    /// Some values would not, and are quarantined: which.
    Partly(&'static str),
    /// None does.
    Not,
}

const TEXTS: [&str; 4] = ["text", "varchar", "bpchar", "citext"];

/// Whether `column` can be read as `ty`.
pub fn fit(ty: &LogicalType, column: &ColumnFacts) -> Fit {
    let base = column.base.as_str();
    let text = TEXTS.contains(&base);
    let whole = |fits: bool| if fits { Fit::Whole } else { Fit::Not };
    match ty {
        LogicalType::Bool => whole(base == "bool"),
        LogicalType::Int32 => match base {
            "int2" | "int4" => Fit::Whole,
            "int8" => Fit::Partly("numbers beyond 32 bits"),
            _ => Fit::Not,
        },
        LogicalType::Int64 => whole(["int2", "int4", "int8"].contains(&base)),
        LogicalType::Decimal { precision, scale } => decimal(*precision, *scale, column),
        LogicalType::String { max_chars } => {
            let limit = char_limit(column);
            match max_chars {
                _ if !text && column.kind != 'e' && base != "uuid" && base != "name" => Fit::Not,
                Some(max) if limit.is_some_and(|limit| limit > *max) => {
                    Fit::Partly("texts longer than the contract's limit")
                }
                Some(_) | None => Fit::Whole,
            }
        }
        LogicalType::Uuid if text => Fit::Partly("texts that are no UUID"),
        LogicalType::Uuid => whole(base == "uuid"),
        LogicalType::Date => whole(base == "date"),
        // without a zone it names no instant
        LogicalType::Timestamp => whole(base == "timestamptz"),
        LogicalType::Enum { .. } if text || column.kind == 'e' => Fit::Whole,
        LogicalType::Enum { .. } => Fit::Not,
        LogicalType::Json if text => Fit::Partly("texts that are no JSON"),
        LogicalType::Json => whole(base == "json" || base == "jsonb"),
        LogicalType::Bytes => whole(base == "bytea"),
    }
}

fn decimal(precision: u8, scale: u8, column: &ColumnFacts) -> Fit {
    let whole_digits = i32::from(precision) - i32::from(scale);
    let integer = |digits: i32| {
        if digits <= whole_digits {
            Fit::Whole
        } else {
            Fit::Partly("numbers with too many digits")
        }
    };
    match column.base.as_str() {
        "int2" => integer(5),
        "int4" => integer(10),
        "int8" => integer(19),
        // 4 bytes of header, then precision and scale
        "numeric" if column.modifier >= 4 => {
            let modifier = column.modifier - 4;
            let (found, found_scale) = (modifier >> 16 & 0xFFFF, modifier & 0x7FF);
            if found_scale <= i32::from(scale) && found - found_scale <= whole_digits {
                Fit::Whole
            } else {
                Fit::Partly("numbers with too many digits")
            }
        }
        "numeric" => Fit::Partly("numbers with too many digits, and NaN"),
        _ => Fit::Not,
    }
}

fn char_limit(column: &ColumnFacts) -> Option<u32> {
    let limited = ["varchar", "bpchar"].contains(&column.base.as_str()) && column.modifier >= 4;
    limited.then(|| (column.modifier - 4).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(base: &str, modifier: i32) -> ColumnFacts {
        ColumnFacts {
            name: "c".into(),
            base: base.into(),
            kind: 'b',
            modifier,
            shown: base.into(),
            not_null: true,
            storage: 'p',
            readable: true,
        }
    }

    fn numeric(precision: i32, scale: i32) -> ColumnFacts {
        column("numeric", (precision << 16 | scale) + 4)
    }

    #[test]
    fn table() {
        let string = |max_chars| LogicalType::String { max_chars };
        let decimal = LogicalType::Decimal { precision: 12, scale: 2 };
        let symbols = LogicalType::Enum { symbols: vec!["a".into()] };
        let enumeration = ColumnFacts { kind: 'e', ..column("mood", -1) };
        let whole = [
            (LogicalType::Bool, column("bool", -1)),
            (LogicalType::Int64, column("int4", -1)),
            (decimal.clone(), numeric(12, 2)),
            (decimal.clone(), numeric(9, 0)),
            (decimal.clone(), column("int4", -1)),
            (string(Some(20)), column("varchar", 24)),
            (string(Some(20)), column("text", -1)),
            (symbols.clone(), column("text", -1)),
            (symbols.clone(), enumeration),
            (LogicalType::Timestamp, column("timestamptz", -1)),
            (LogicalType::Json, column("jsonb", -1)),
        ];
        for (ty, column) in whole {
            assert_eq!(fit(&ty, &column), Fit::Whole, "{ty} from {column:?}");
        }
        let partly = [
            (LogicalType::Int32, column("int8", -1)),
            (decimal.clone(), numeric(13, 2)),
            (decimal.clone(), numeric(12, 3)),
            (decimal.clone(), column("numeric", -1)),
            (decimal.clone(), column("int8", -1)),
            (string(Some(20)), column("varchar", 25)),
            (LogicalType::Uuid, column("text", -1)),
        ];
        for (ty, column) in partly {
            assert!(matches!(fit(&ty, &column), Fit::Partly(_)), "{ty} from {column:?}");
        }
        let not = [
            (LogicalType::Bool, column("int4", -1)),
            (LogicalType::Int64, column("text", -1)),
            (decimal, column("float8", -1)),
            (LogicalType::Timestamp, column("timestamp", -1)),
            (LogicalType::Date, column("timestamptz", -1)),
            (symbols, column("int4", -1)),
            (LogicalType::Bytes, column("text", -1)),
            (string(None), column("jsonb", -1)),
        ];
        for (ty, column) in not {
            assert_eq!(fit(&ty, &column), Fit::Not, "{ty} from {column:?}");
        }
    }
}
