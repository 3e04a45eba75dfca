//! JSON in queries, in Snowflake's words: `LATERAL FLATTEN(INPUT => PARSE_JSON(t.a)) AS f` gives a row per element of an
//! array, and `CAST(f.value:key AS VARCHAR)` a value below it. For DuckDB the emitter says the same otherwise.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what is not listed is refused"
)]

use covenant_model::value::LogicalType;
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, JsonPathElem, ObjectName, TableAlias, Value,
};

use super::facts::arguments;
use super::rows::{Key, parts};
use super::{Reading, Relation, Scope, Visible, fold, with};
use crate::diagnostic::codes;
use crate::ir::{Fact, Given};

/// What is said instead.
const FORM: &str = "write `FROM t, LATERAL FLATTEN(INPUT => PARSE_JSON(t.a)) AS f`";

/// Whether it is the table function of that name.
pub(super) fn is_flatten(name: &ObjectName) -> bool {
    name.to_string().eq_ignore_ascii_case("flatten")
}

/// `CAST(a:b AS ...)`, `a:b::...`
pub(super) fn is_cast_of_path(expr: &Expr) -> bool {
    matches!(expr, Expr::Cast { expr, .. } if matches!(&**expr, Expr::JsonAccess { .. }))
}

/// A path into `PARSE_JSON(...)`.
pub(super) fn parses(expr: &Expr) -> bool {
    matches!(expr, Expr::JsonAccess { value, .. } if parsed(value).is_some())
}

/// What `PARSE_JSON` is called with.
fn parsed(expr: &Expr) -> Option<&Expr> {
    let Expr::Function(call) = expr else { return None };
    let parses = call.name.to_string().eq_ignore_ascii_case("parse_json") && call.over.is_none();
    match arguments(call).as_slice() {
        [only] if parses => Some(only),
        _ => None,
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// A column, or the text in one.
fn is_json(expr: &Expr) -> bool {
    is_column(expr) || parsed(expr).is_some_and(is_column)
}

impl Reading<'_> {
    /// Reports a path that not every warehouse understands. `cast`: it stands in a CAST.
    pub(super) fn path_is_shared(&mut self, expr: &Expr, cast: bool) {
        let Expr::JsonAccess { value, path } = expr else { return };
        let names = path.path.iter().all(|step| matches!(step, JsonPathElem::Dot { .. }));
        let (what, instead) = if !cast {
            (
                "the value below a path is not the same",
                "say its type: `CAST(f.value:key AS VARCHAR)`",
            )
        } else if !names || !is_json(value) {
            ("this path is not the same", "write `f.value:key.key` or `PARSE_JSON(t.a):key`")
        } else {
            return;
        };
        let span = self.of(expr);
        let headline = format!("{what} in every warehouse");
        self.report(&codes::ONE_WAREHOUSE, span, headline, |at| at.help(instead));
    }

    /// `LATERAL FLATTEN(INPUT => ...)`: a row per element, with `index` (0 is the first) and `value`.
    pub(super) fn flatten(
        &mut self,
        args: &[FunctionArg],
        alias: Option<&TableAlias>,
        outer: &[Scope],
        scope: &mut Scope,
    ) {
        let name = alias.map(|alias| fold(&alias.name)).unwrap_or_default();
        let renamed = alias.is_some_and(|alias| !alias.columns.is_empty());
        let input = input(args).filter(|_| !name.is_empty() && !renamed);
        let Some(input) = input else {
            let span = alias.map_or(self.whole, |alias| self.span(&alias.name));
            let headline = "this FLATTEN is not the same in every warehouse".to_owned();
            self.report(&codes::ONE_WAREHOUSE, span, headline, |at| at.help(FORM));
            let (keys, base, parents) = (Vec::new(), true, None);
            scope.push(Relation { alias: name, columns: None, keys, base, parents });
            return;
        };
        let scopes = with(outer, scope.clone());
        let (lineage, _) = self.expr(input, &scopes, &[]);
        let column = |name: &str, fact: Fact| Visible {
            name: name.to_owned(),
            lineage: lineage.clone(),
            direct: false,
            dropped: false,
            fact,
            local: Ok(()),
        };
        let value = Fact { nullable: true, given: Given::Exact(LogicalType::Json) };
        let columns = vec![
            column("index", Fact::sure(Given::Number { scale: Some(0) })),
            column("value", value),
        ];
        let parents = parts(input, scope).columns.into_iter().map(|(table, _)| table).collect();
        scope.push(Relation {
            alias: name,
            columns: Some(columns),
            keys: vec![Key::from([0])],
            base: true,
            parents: Some(parents),
        });
    }
}

/// The array: `PARSE_JSON(column)`, the value of another FLATTEN, or a path below one of them.
fn input(args: &[FunctionArg]) -> Option<&Expr> {
    let named = |arg| match arg {
        &FunctionArg::Named { ref name, arg: FunctionArgExpr::Expr(ref expr), .. } => {
            Some((fold(name), expr))
        }
        _ => None,
    };
    let (input, rest) = args.split_first()?;
    let (_, input) = named(input).filter(|(name, _)| name == "input")?;
    let plain = rest.iter().all(|arg| {
        named(arg).is_some_and(|(name, value)| {
            let array = matches!(value, Expr::Value(value)
                if matches!(&value.value, Value::SingleQuotedString(text) if text == "ARRAY"));
            name == "mode" && array
        })
    });
    let below = match input {
        Expr::JsonAccess { value, path } => {
            is_json(value) && path.path.iter().all(|step| matches!(step, JsonPathElem::Dot { .. }))
        }
        other => is_json(other),
    };
    (plain && below).then_some(input)
}
