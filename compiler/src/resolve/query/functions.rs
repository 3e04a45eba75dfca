//! The functions that a query may call: those that every warehouse has under one name, with the same arguments and the
//! same answer. What each does with nulls and what it gives stands here, once.

use sqlparser::ast::{Expr, Function, FunctionArguments, Visit, Visitor};
use std::ops::ControlFlow;

use super::facts::{arguments, is_not_zero};
use super::{Reading, flatten};
use crate::diagnostic::{codes, nearest};

/// When a call gives null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Null {
    /// Where an argument is.
    Strict,
    /// Where every argument is.
    All,
    /// Never.
    Never,
    /// Perhaps always.
    Perhaps,
    /// Over no rows, and over rows whose argument is null.
    Aggregate,
    /// `LAG` and `LEAD`: outside of the partition, unless there is a third argument.
    Beside,
}

/// What a call gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// What its arguments are.
    Same,
    /// What its last argument is.
    Last,
    Whole,
    Number,
    Text,
    Flag,
    Date,
    Timestamp,
    /// A sum: as fine as what is summed.
    Sum,
    Unknown,
}

/// What a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Scalar,
    /// Its answer depends on when it is asked, or on which of several equals it meets.
    Volatile,
    Aggregate,
    Window,
}

/// A function of all warehouses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    name: &'static str,
    pub(super) sort: Sort,
    pub(super) null: Null,
    pub(super) gives: Gives,
}

impl Known {
    /// In lower case.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

const fn known(name: &'static str, sort: Sort, null: Null, gives: Gives) -> Known {
    Known { name, sort, null, gives }
}

use Gives::{Date, Flag, Last, Number, Same, Sum, Text, Timestamp, Unknown, Whole};
use Null::{Never, Perhaps, Strict};
use Sort::{Aggregate, Scalar, Volatile, Window};

/// Sources: the function references of Snowflake and DuckDB.
const FUNCTIONS: &[Known] = &[
    known("abs", Scalar, Strict, Same),
    known("ceil", Scalar, Strict, Whole),
    known("floor", Scalar, Strict, Whole),
    known("round", Scalar, Strict, Unknown),
    known("sign", Scalar, Strict, Whole),
    known("sqrt", Scalar, Strict, Number),
    known("power", Scalar, Strict, Number),
    known("exp", Scalar, Strict, Number),
    known("ln", Scalar, Strict, Number),
    known("mod", Scalar, Strict, Unknown),
    known("upper", Scalar, Strict, Text),
    known("lower", Scalar, Strict, Text),
    known("trim", Scalar, Strict, Text),
    known("ltrim", Scalar, Strict, Text),
    known("rtrim", Scalar, Strict, Text),
    known("length", Scalar, Strict, Whole),
    known("left", Scalar, Strict, Text),
    known("right", Scalar, Strict, Text),
    known("substr", Scalar, Strict, Text),
    known("substring", Scalar, Strict, Text),
    known("replace", Scalar, Strict, Text),
    known("reverse", Scalar, Strict, Text),
    known("repeat", Scalar, Strict, Text),
    known("lpad", Scalar, Strict, Text),
    known("rpad", Scalar, Strict, Text),
    known("contains", Scalar, Strict, Flag),
    known("split_part", Scalar, Strict, Text),
    known("sha256", Scalar, Strict, Text),
    known("sha2", Scalar, Strict, Text),
    known("md5", Scalar, Strict, Text),
    known("date_trunc", Scalar, Strict, Last),
    known("datediff", Scalar, Strict, Whole),
    known("last_day", Scalar, Strict, Date),
    known("year", Scalar, Strict, Whole),
    known("quarter", Scalar, Strict, Whole),
    known("month", Scalar, Strict, Whole),
    known("day", Scalar, Strict, Whole),
    known("hour", Scalar, Strict, Whole),
    known("minute", Scalar, Strict, Whole),
    known("second", Scalar, Strict, Whole),
    known("coalesce", Scalar, Null::All, Same),
    known("ifnull", Scalar, Null::All, Same),
    known("nullif", Scalar, Perhaps, Unknown),
    known("current_date", Volatile, Never, Date),
    known("current_timestamp", Volatile, Never, Timestamp),
    known("count", Aggregate, Never, Whole),
    known("count_if", Aggregate, Never, Whole),
    known("sum", Aggregate, Null::Aggregate, Sum),
    known("avg", Aggregate, Null::Aggregate, Number),
    known("median", Aggregate, Null::Aggregate, Number),
    known("min", Aggregate, Null::Aggregate, Same),
    known("max", Aggregate, Null::Aggregate, Same),
    known("any_value", Volatile, Perhaps, Same),
    known("stddev", Aggregate, Perhaps, Number),
    known("variance", Aggregate, Perhaps, Number),
    known("row_number", Window, Never, Whole),
    known("rank", Window, Never, Whole),
    known("dense_rank", Window, Never, Whole),
    known("percent_rank", Window, Never, Number),
    known("cume_dist", Window, Never, Number),
    known("ntile", Window, Never, Whole),
    known("lag", Window, Null::Beside, Unknown),
    known("lead", Window, Null::Beside, Unknown),
    known("first_value", Window, Perhaps, Same),
    known("last_value", Window, Perhaps, Same),
];

/// What only one warehouse has, or what answers otherwise there, and what says the same in all of them.
const INSTEAD: &[(&str, &str)] = &[
    ("nvl", "COALESCE(a, b)"),
    ("zeroifnull", "COALESCE(a, 0)"),
    ("iff", "CASE WHEN ... THEN ... ELSE ... END"),
    ("if", "CASE WHEN ... THEN ... ELSE ... END"),
    ("decode", "CASE WHEN ... THEN ... ELSE ... END"),
    ("greatest", "CASE WHEN a >= b THEN a ELSE b END: the warehouses treat nulls differently"),
    ("least", "CASE WHEN a <= b THEN a ELSE b END: the warehouses treat nulls differently"),
    ("concat", "a || b: the warehouses treat nulls differently in CONCAT"),
    ("concat_ws", "a || ', ' || b: the warehouses treat nulls differently in CONCAT_WS"),
    ("now", "CURRENT_TIMESTAMP"),
    ("getdate", "CURRENT_TIMESTAMP"),
    ("sysdate", "CURRENT_TIMESTAMP"),
    ("today", "CURRENT_DATE"),
    ("dateadd", "a + INTERVAL '1 day'"),
    ("date_add", "a + INTERVAL '1 day'"),
    ("timestampdiff", "DATEDIFF('day', a, b)"),
    ("date_diff", "DATEDIFF('day', a, b)"),
    ("to_date", "CAST(a AS DATE)"),
    ("to_number", "CAST(a AS DECIMAL(18,2))"),
    ("to_char", "CAST(a AS VARCHAR)"),
    ("to_varchar", "CAST(a AS VARCHAR)"),
    ("strftime", "CAST(a AS VARCHAR), or EXTRACT for its parts"),
    ("len", "LENGTH(a)"),
    ("countif", "COUNT_IF(a)"),
    ("pow", "POWER(a, b)"),
    ("ceiling", "CEIL(a)"),
    ("sha2_hex", "SHA2(a, 256)"),
    ("width_bucket", "CASE WHEN a < 10 THEN ... END, or FLOOR(a / 10) * 10"),
    ("sha1", "SHA2(a, 256)"),
    (
        "parse_json",
        "CAST(PARSE_JSON(a):key AS VARCHAR), or LATERAL FLATTEN(INPUT => PARSE_JSON(a)) AS f",
    ),
    ("flatten", "FROM t, LATERAL FLATTEN(INPUT => PARSE_JSON(t.a)) AS f"),
    ("unnest", "FROM t, LATERAL FLATTEN(INPUT => PARSE_JSON(t.a)) AS f"),
];

/// The function of that name, if every warehouse has it.
pub(super) fn find(call: &Function) -> Option<Known> {
    let [name] = call.name.0.as_slice() else { return None };
    let name = name.as_ident()?.value.to_lowercase();
    FUNCTIONS.iter().find(|one| one.name == name).copied()
}

/// Looks at calls; not into subqueries, which are read on their own.
struct Calls<'r, 'a> {
    reading: &'r mut Reading<'a>,
    inside: usize,
    /// What comes next is the path in a CAST.
    path: bool,
    /// What comes next is the text that a path leads into.
    parsed: bool,
}

impl Visitor for Calls<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &sqlparser::ast::Query) -> ControlFlow<()> {
        self.inside += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &sqlparser::ast::Query) -> ControlFlow<()> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.inside == 0 {
            let path = std::mem::replace(&mut self.path, flatten::is_cast_of_path(expr));
            let parsed = std::mem::replace(&mut self.parsed, path && flatten::parses(expr));
            match expr {
                Expr::Function(_) if parsed => {}
                Expr::JsonAccess { .. } => self.reading.path_is_shared(expr, path),
                Expr::Function(call) => self.reading.call_is_shared(call),
                other => self.reading.expr_is_shared(other),
            }
        }
        ControlFlow::Continue(())
    }
}

impl Reading<'_> {
    /// Reports what not every warehouse understands in an expression.
    pub(super) fn calls(&mut self, expr: &Expr) {
        let mut calls = Calls { reading: self, inside: 0, path: false, parsed: false };
        // The walk never breaks off.
        let _: ControlFlow<()> = expr.visit(&mut calls);
    }

    fn call_is_shared(&mut self, call: &Function) {
        let span = self.of(&call.name);
        let name = call.name.to_string();
        let Some(found) = find(call) else {
            let lower = name.to_lowercase();
            let instead = INSTEAD.iter().find(|(known, _)| *known == lower);
            let near = nearest(&lower, FUNCTIONS.iter().map(|one| one.name));
            let help = match (instead, near) {
                (Some((_, instead)), _) => format!("write {instead}"),
                (None, Some(near)) => format!("did you mean `{}`?", near.to_uppercase()),
                (None, None) => {
                    "docs/language.md lists the functions that all warehouses share".to_owned()
                }
            };
            let headline = format!("`{name}` is no function that all warehouses share");
            self.report(&codes::ONE_WAREHOUSE, span, headline, |at| at.help(help));
            return;
        };
        let windowed = call.over.is_some();
        let headline = if call.filter.is_some() {
            format!("Snowflake has no FILTER behind `{name}`")
        } else if !call.within_group.is_empty() {
            format!("WITHIN GROUP behind `{name}` is not the same everywhere")
        } else if call.null_treatment.is_some() || has_clauses(call) {
            format!("clauses inside of `{name}` are not the same everywhere")
        } else if found.sort == Sort::Window && !windowed {
            format!("`{name}` needs OVER (...)")
        } else if found.name == "sha2" && !has_length_256(call) {
            format!("DuckDB has no `{call}`: digests have 256 bits, `SHA2(a, 256)`")
        } else if found.name == "mod" && !arguments(call).get(1).is_some_and(|by| is_not_zero(by)) {
            format!(
                "a division by zero, of `{call}`, is not the same in every warehouse: NULLIF(b, 0)"
            )
        } else if windowed && found.sort == Sort::Scalar {
            format!("`{name}` takes no OVER (...)")
        } else {
            return;
        };
        let filtered = call.filter.is_some();
        let instead = "choose by CASE inside of the call: `SUM(CASE WHEN ... THEN a END)`";
        self.report(&codes::ONE_WAREHOUSE, span, headline, |at| {
            if filtered {
                at.help(instead)
            } else {
                at.help("docs/language.md lists what is shared")
            }
        });
    }
}

fn has_length_256(call: &Function) -> bool {
    match arguments(call).as_slice() {
        [_] => true,
        [_, bits] => matches!(bits, Expr::Value(value) if value.value.to_string() == "256"),
        _ => false,
    }
}

fn has_clauses(call: &Function) -> bool {
    matches!(&call.args, FunctionArguments::List(list) if !list.clauses.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_page_lists_every_function() {
        let page = include_str!("../../../../docs/language.md");
        for function in FUNCTIONS {
            let written = format!("`{}`", function.name.to_uppercase());
            assert!(page.contains(&written), "docs/language.md does not list {written}");
        }
    }

    #[test]
    fn what_is_to_be_written_instead_is_no_shared_function_itself() {
        for (name, _) in INSTEAD {
            assert!(FUNCTIONS.iter().all(|known| known.name != *name), "{name}");
        }
    }
}
