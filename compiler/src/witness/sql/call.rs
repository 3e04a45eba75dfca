//! Functions of queries: aggregates, and the few others whose meaning both dialects share.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what is known is listed, the rest gives no answer"
)]

use std::cmp::Ordering;

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments,
};

use super::Stop;
use super::expr::{Env, Eval, exact};
use super::value::{DAY_US, Number, Sql};

/// Aggregates that are known.
const AGGREGATES: [&str; 4] = ["count", "sum", "min", "max"];

/// Whether a call is over the rows of a group.
pub(super) fn aggregates(function: &Function) -> bool {
    AGGREGATES.contains(&function.name.to_string().to_lowercase().as_str())
}

pub(super) fn call(env: &Env<'_>, function: &Function) -> Eval {
    let name = function.name.to_string().to_lowercase();
    let FunctionArguments::List(list) = &function.args else {
        return Err(Stop::unknown(format!("{name} without arguments")));
    };
    if function.over.is_some() || !function.within_group.is_empty() || !list.clauses.is_empty() {
        return Err(Stop::unknown(format!("{name} over a window")));
    }
    if aggregates(function) {
        return aggregate(env, &name, list, function.filter.as_deref());
    }
    let values: Vec<Sql> =
        arguments(list)?.into_iter().map(|expr| env.eval(expr)).collect::<Result<_, _>>()?;
    plain(&name, &values)
}

fn arguments(list: &FunctionArgumentList) -> Result<Vec<&Expr>, Stop> {
    let one = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Ok(expr),
        other => Err(Stop::unknown(format!("argument {other}"))),
    };
    list.args.iter().map(one).collect()
}

fn aggregate(
    env: &Env<'_>,
    name: &str,
    list: &FunctionArgumentList,
    filter: Option<&Expr>,
) -> Eval {
    let Some(group) = env.group else {
        return Err(Stop::unknown(format!("{name} outside a group")));
    };
    let mut rows = Vec::with_capacity(group.len());
    for row in group {
        let at = env.at(row);
        if filter.map_or(Ok(true), |filter| at.holds(filter))? {
            rows.push(at);
        }
    }
    if let [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] = list.args.as_slice() {
        return Ok(Sql::whole(i128::try_from(rows.len()).unwrap_or(i128::MAX)));
    }
    let arguments = arguments(list)?;
    let [of] = arguments.as_slice() else {
        return Err(Stop::unknown(format!("{name} of {} arguments", arguments.len())));
    };
    let mut values = rows.iter().map(|at| at.eval(of)).collect::<Result<Vec<_>, _>>()?;
    values.retain(|value| !value.is_null());
    if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
        values.sort();
        values.dedup();
    }
    match name {
        "count" => Ok(Sql::whole(i128::try_from(values.len()).unwrap_or(i128::MAX))),
        "sum" => sum(&values),
        "min" => extreme(values, Ordering::Less),
        _ => extreme(values, Ordering::Greater),
    }
}

fn sum(values: &[Sql]) -> Eval {
    let mut total: Option<Number> = None;
    for value in values {
        let Sql::Number(number) = value else {
            return Err(Stop::unknown(format!("SUM of {value}")));
        };
        let next = total.map_or(Some(*number), |total| total.add(*number));
        total = Some(next.ok_or_else(|| Stop::unknown("a sum out of range".to_owned()))?);
    }
    Ok(total.map_or(Sql::Null, Sql::Number))
}

fn extreme(values: Vec<Sql>, wanted: Ordering) -> Eval {
    let mut found = Sql::Null;
    for value in values {
        if found.is_null() || value.compare(&found)? == Some(wanted) {
            found = value;
        }
    }
    Ok(found)
}

fn plain(name: &str, values: &[Sql]) -> Eval {
    let unknown = || Err(Stop::unknown(format!("{name}() of {} arguments", values.len())));
    match (name, values) {
        ("coalesce" | "ifnull" | "nvl", [_, _, ..]) => {
            Ok(values.iter().find(|value| !value.is_null()).cloned().unwrap_or(Sql::Null))
        }
        ("nullif", [one, other]) => {
            let equal = one.compare(other)? == Some(Ordering::Equal);
            Ok(if equal { Sql::Null } else { one.clone() })
        }
        (_, [Sql::Null, ..]) => Ok(Sql::Null),
        ("upper", [Sql::Text(text)]) => Ok(Sql::Text(text.to_uppercase())),
        ("lower", [Sql::Text(text)]) => Ok(Sql::Text(text.to_lowercase())),
        ("length", [Sql::Text(text)]) => {
            Ok(Sql::whole(i128::try_from(text.chars().count()).unwrap_or(i128::MAX)))
        }
        ("abs", [Sql::Number(number)]) => Ok(Sql::Number(number.absolute())),
        ("floor", [Sql::Number(number)]) => exact(number.rounded(false), "FLOOR"),
        ("ceil" | "ceiling", [Sql::Number(number)]) => exact(number.rounded(true), "CEIL"),
        ("left", [text @ Sql::Text(_), count]) => {
            substring(text, Some(&Sql::whole(1)), Some(count))
        }
        ("substr" | "substring", [text, from]) => substring(text, Some(from), None),
        ("substr" | "substring", [text, from, count]) => substring(text, Some(from), Some(count)),
        ("date_trunc", [Sql::Text(part), value]) => truncated(&part.to_lowercase(), value),
        ("year" | "month" | "day", [value]) => {
            let text = day_of(value)?.to_string();
            let place = ["year", "month", "day"].iter().position(|one| *one == name).unwrap_or(0);
            let part = text.split('-').nth(place).and_then(|part| part.parse::<i128>().ok());
            part.map_or_else(unknown, |part| Ok(Sql::whole(part)))
        }
        (_, _) => unknown(),
    }
}

fn day_of(value: &Sql) -> Eval {
    match value {
        Sql::Day(_) => Ok(value.clone()),
        Sql::Instant(us) => {
            let day = i32::try_from(us.div_euclid(DAY_US));
            day.map(Sql::Day).map_err(|_| Stop::unknown("a day out of range".to_owned()))
        }
        other => Err(Stop::unknown(format!("the day of {other}"))),
    }
}

/// The beginning of the day, month or year.
fn truncated(part: &str, value: &Sql) -> Eval {
    let is_instant = matches!(value, Sql::Instant(_));
    let text = day_of(value)?.to_string();
    let (year, month) = (text.get(..4).unwrap_or_default(), text.get(..7).unwrap_or_default());
    let start = match part {
        "day" => text.clone(),
        "month" => format!("{month}-01"),
        "year" => format!("{year}-01-01"),
        other => return Err(Stop::unknown(format!("DATE_TRUNC by {other}"))),
    };
    let kind = if is_instant { Sql::Instant(0) } else { Sql::Day(0) };
    Ok(Sql::Text(start).like(&kind))
}

/// Characters from a place on, counted from 1.
pub(super) fn substring(text: &Sql, from: Option<&Sql>, count: Option<&Sql>) -> Eval {
    let place = |value: Option<&Sql>, otherwise: usize| match value {
        None => Some(otherwise),
        Some(Sql::Number(number)) => number.whole().and_then(|one| usize::try_from(one).ok()),
        Some(_) => None,
    };
    match (text, place(from, 1), place(count, usize::MAX)) {
        (Sql::Null, _, _) => Ok(Sql::Null),
        (Sql::Text(text), Some(from), Some(count)) if from > 0 => {
            Ok(Sql::Text(text.chars().skip(from - 1).take(count).collect()))
        }
        (_, _, _) => Err(Stop::unknown("SUBSTRING".to_owned())),
    }
}
