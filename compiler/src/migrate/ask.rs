//! What is asked of the tables before anything changes: how many stored rows the new contract would refuse. The questions
//! stand in the names of the old contract, run on its tables, and change nothing.

use covenant_model::columns::{ColumnPart, of_field};
use covenant_model::expr::{Arithmetic, Comparison, Expr};
use covenant_model::spec::{EntitySpec, FieldSpec, OnFail, QualityRule};
use covenant_model::value::LogicalType;

use super::{Phase, Step, Target, target_of};
use crate::compat::limits::{self, Order};
use crate::emit::sql::{Dialect, EntityTables, text_literal};

/// A question, before it is known who can answer it.
struct Question {
    code: &'static str,
    /// Below the entity.
    below: String,
    /// What the rows are that are counted.
    about: String,
    /// For a dialect: the condition of a row that is counted, or a whole query. None: what is stored does not say.
    ask: Ask,
}

enum Ask {
    /// Rows for which this holds.
    Rows(Box<dyn Fn(Dialect) -> Option<String>>),
    /// Groups of rows that are the same in these fields of the old contract, by place.
    Twice(Vec<usize>),
}

/// The questions that a warehouse answers.
pub(super) fn steps(old: &EntitySpec, new: &EntitySpec, dialect: Dialect) -> Vec<Step> {
    let Some(view) = EntityTables::view_of(old, dialect) else { return Vec::new() };
    let found = questions(old, new).into_iter().map(|question| {
        let query = match &question.ask {
            Ask::Rows(condition) => condition(dialect)
                .map(|condition| format!("SELECT count(*) FROM {view} WHERE {condition}")),
            Ask::Twice(fields) => twice(old, fields, &view, dialect),
        };
        let subject = format!("{}/{}", new.name, question.below);
        let what = match &query {
            Some(_) => format!("count {}", question.about),
            None => unanswered(&question, &new.name),
        };
        let step = Step::new(target_of(dialect), Phase::Ask, question.code, &subject, what);
        Step { precheck: query, ..step }.undo("nothing to take back: it only asks")
    });
    found.collect()
}

/// The same where no warehouse holds the rows: capture tells.
pub(super) fn untold(old: &EntitySpec, new: &EntitySpec) -> Vec<Step> {
    if old.warehouse.is_some() {
        return Vec::new();
    }
    let found = questions(old, new).into_iter().map(|question| {
        let subject = format!("{}/{}", new.name, question.below);
        let what = unanswered(&question, &new.name);
        Step::new(Target::Jobs, Phase::After, question.code, &subject, what)
            .sql(format!("covenant-runtime quarantine list --entity {}", new.name))
            .undo("nothing to take back: it only asks")
    });
    found.collect()
}

fn unanswered(question: &Question, entity: &str) -> String {
    format!(
        "no table says how many there are of {}: once the new runtime runs, look at `covenant-runtime \
         quarantine list --entity {entity}`",
        question.about
    )
}

fn questions(old: &EntitySpec, new: &EntitySpec) -> Vec<Question> {
    let mut all = Vec::new();
    for (ix, before) in old.fields.iter().enumerate() {
        if let Some(after) = new.fields.iter().find(|after| after.id == before.id) {
            of_pair(before, ix, after, &mut all);
        }
    }
    for rule in new.quality.iter().filter(|rule| rule.on_fail == OnFail::Quarantine) {
        let known = old.quality.iter().find(|before| before.name == rule.name);
        let same =
            known.is_some_and(|before| before.on_fail == rule.on_fail && before.text == rule.text);
        if !same {
            all.push(of_rule(old, new, rule));
        }
    }
    for ids in new.unique.iter().filter(|ids| !old.unique.contains(ids)) {
        let place = |id: &u32| old.fields.iter().position(|field| field.id == *id);
        let Some(places) = ids.iter().map(place).collect::<Option<Vec<usize>>>() else { continue };
        let (names, below) = unique_fields(new, ids);
        all.push(Question {
            code: "DCM204",
            below,
            about: format!("values of {} that stand in several rows", names.join(" and ")),
            ask: Ask::Twice(places),
        });
    }
    all
}

/// Names of the fields that are unique together, and where below the entity that is declared.
pub(super) fn unique_fields<'a>(entity: &'a EntitySpec, ids: &[u32]) -> (Vec<&'a str>, String) {
    let field = |id: &u32| entity.fields.iter().find(|one| one.id == *id);
    let names: Vec<&str> = ids.iter().filter_map(|id| Some(field(id)?.name.as_str())).collect();
    let below = match names.as_slice() {
        [only] => format!("fields/{only}/unique"),
        _ => "unique".to_owned(),
    };
    (names, below)
}

/// What a field accepts less than before.
fn of_pair(before: &FieldSpec, ix: usize, after: &FieldSpec, all: &mut Vec<Question>) {
    let mut push = |code, attribute: &str, about: String, ask: Condition| {
        let below = format!("fields/{}/{attribute}", after.name);
        let column = plain(before, ix);
        let ask = Box::new(move |dialect: Dialect| {
            let column = dialect.ident(column.as_deref()?);
            condition(&ask, &column, dialect)
        });
        all.push(Question { code, below, about, ask: Ask::Rows(ask) });
    };
    let stricter: Vec<&str> =
        limits::stricter(before, after).iter().map(|limit| limit.name).collect();
    for (name, limit) in [("min", &after.min), ("max", &after.max)] {
        let Some(limit) = limit.clone().filter(|_| stricter.contains(&name)) else { continue };
        let about = format!("rows whose {} is beyond {name} {limit}", after.name);
        let beyond = if name == "min" { "<" } else { ">" };
        push("DCW050", name, about, Condition::Beyond(beyond, limit, before.ty.clone()));
    }
    let pattern = match limits::patterns(before, after) {
        Order::Stricter => Some("DCW050"),
        Order::Apart | Order::Unknown => Some("DCW052"),
        Order::Same | Order::Looser => None,
    };
    if let (Some(code), Some(pattern)) = (pattern, &after.pattern) {
        let about = format!("rows whose {} does not match {pattern}", after.name);
        push(code, "pattern", about, Condition::Unlike(pattern.clone()));
    }
    if stricter.contains(&"format") {
        let about =
            format!("rows whose {} is no {}", after.name, after.format.clone().unwrap_or_default());
        push("DCW050", "format", about, Condition::NoEmail);
    }
    let open = |field: &FieldSpec| field.nullable || field.optional;
    if open(before) && !open(after) {
        let about = format!("rows without {}: fill it at the source first", after.name);
        push("DCW021", "nullable", about, Condition::Null);
    }
    if let (LogicalType::String { max_chars: was }, LogicalType::String { max_chars: Some(is) }) =
        (&before.ty, &after.ty)
        && was.is_none_or(|was| was > *is)
    {
        let about = format!("rows whose {} is longer than {is} characters", after.name);
        push("DCW032", "type", about, Condition::Longer(*is));
    }
    let (LogicalType::Enum { symbols: was }, LogicalType::Enum { symbols: is }) =
        (&before.ty, &after.ty)
    else {
        return;
    };
    let names = &after.evolution.renamed;
    let known: Vec<String> = is.iter().chain(names.keys()).cloned().collect();
    let closed = before.evolution.open && !after.evolution.open;
    let lost = was.iter().any(|symbol| !known.contains(symbol)) && !after.evolution.open;
    if closed || lost {
        let (code, attribute) = if closed { ("DCW044", "open") } else { ("DCW040", "type") };
        let about = format!("rows whose {} is no declared symbol", after.name);
        push(code, attribute, about, Condition::NoneOf(known));
    }
}

/// What a stored value must not be.
enum Condition {
    /// `<` or `>`, the limit, the type.
    Beyond(&'static str, String, LogicalType),
    Unlike(String),
    NoEmail,
    Null,
    Longer(u32),
    NoneOf(Vec<String>),
}

/// The condition over a column; none where the dialect cannot say it.
fn condition(ask: &Condition, column: &str, dialect: Dialect) -> Option<String> {
    Some(match ask {
        Condition::Beyond(beyond, limit, ty) => {
            let landing = covenant_model::columns::LandingType::of(ty);
            let ty = dialect.type_name(landing);
            match landing {
                covenant_model::columns::LandingType::Int32
                | covenant_model::columns::LandingType::Int64
                | covenant_model::columns::LandingType::Decimal { .. } => {
                    format!("{column} {beyond} {limit}")
                }
                covenant_model::columns::LandingType::Bool
                | covenant_model::columns::LandingType::Text
                | covenant_model::columns::LandingType::Date
                | covenant_model::columns::LandingType::TimestampMicros
                | covenant_model::columns::LandingType::Bytes => {
                    format!("{column} {beyond} CAST({} AS {ty})", text_literal(limit))
                }
            }
        }
        Condition::Unlike(pattern) => unlike(column, pattern, dialect),
        // Broader than the validator's check: what this counts is surely refused.
        Condition::NoEmail => unlike(column, "[^@ ]+@[^@ ]+[.][^@ ]+", dialect),
        Condition::Longer(chars) => format!("length({column}) > {chars}"),
        Condition::Null => format!("{column} IS NULL"),
        Condition::NoneOf(symbols) => {
            let list: Vec<String> = symbols.iter().map(|one| text_literal(one)).collect();
            format!("{column} NOT IN ({})", list.join(", "))
        }
    })
}

/// Both dialects are asked for the whole text: Snowflake's REGEXP_LIKE anchors by itself.
fn unlike(column: &str, pattern: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::DuckDb => {
            format!("NOT regexp_full_match({column}, {})", text_literal(pattern))
        }
        // A backslash in a quoted literal of Snowflake is an escape.
        Dialect::Snowflake => {
            let pattern = text_literal(&pattern.replace('\\', "\\\\"));
            format!("NOT REGEXP_LIKE({column}, {pattern})")
        }
    }
}

/// The column that holds the plaintext of a field; none where it is protected or dropped.
fn plain(field: &FieldSpec, ix: usize) -> Option<String> {
    let stored = of_field(field, ix);
    stored.into_iter().find(|column| column.part == ColumnPart::Plain).map(|column| column.name)
}

fn of_rule(old: &EntitySpec, new: &EntitySpec, rule: &QualityRule) -> Question {
    // By the place in the new contract: the column that the old one stores.
    let columns: Vec<Option<String>> = new
        .fields
        .iter()
        .map(|field| {
            let place = old.fields.iter().position(|before| before.id == field.id)?;
            plain(old.fields.get(place)?, place)
        })
        .collect();
    let expect = rule.expect.clone();
    let ask = move |dialect: Dialect| {
        // Unknown is no failure: a rule that meets a null holds.
        expression(&expect, &columns, dialect).map(|holds| format!("NOT ({holds})"))
    };
    Question {
        code: "DCM230",
        below: format!("quality/{}", rule.name),
        about: format!("rows that break {}: {}", rule.name, rule.text),
        ask: Ask::Rows(Box::new(ask)),
    }
}

fn expression(expr: &Expr, columns: &[Option<String>], dialect: Dialect) -> Option<String> {
    let of = |expr: &Expr| expression(expr, columns, dialect);
    let column = |ix: usize| Some(dialect.ident(columns.get(ix)?.as_deref()?));
    Some(match expr {
        Expr::Field(ix) => column(*ix)?,
        Expr::Number { unscaled, scale } => number(*unscaled, *scale),
        Expr::Text(text) => text_literal(text),
        Expr::Bool(flag) => flag.to_string().to_uppercase(),
        Expr::Arithmetic(operator, left, right) => {
            let sign = match operator {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
            };
            format!("({} {sign} {})", of(left)?, of(right)?)
        }
        Expr::Compare(comparison, left, right) => {
            let sign = match comparison {
                Comparison::Equal => "=",
                Comparison::NotEqual => "<>",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
            };
            format!("{} {sign} {}", of(left)?, of(right)?)
        }
        Expr::And(left, right) => format!("({} AND {})", of(left)?, of(right)?),
        Expr::Or(left, right) => format!("({} OR {})", of(left)?, of(right)?),
        Expr::Not(inner) => format!("NOT ({})", of(inner)?),
        Expr::IsNull(ix) => format!("{} IS NULL", column(*ix)?),
        Expr::In(inner, options) => {
            let options: Option<Vec<String>> = options.iter().map(of).collect();
            format!("{} IN ({})", of(inner)?, options?.join(", "))
        }
    })
}

/// `12.50` of 1250 and 2.
fn number(unscaled: i64, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// Groups of rows with the same values. Of protected fields the tokens are compared; a ciphertext has none.
fn twice(old: &EntitySpec, fields: &[usize], view: &str, dialect: Dialect) -> Option<String> {
    let column = |ix: &usize| {
        let stored = of_field(old.fields.get(*ix)?, *ix);
        let token = stored.iter().find(|column| column.part == ColumnPart::Token);
        let plain = stored.iter().find(|column| column.part == ColumnPart::Plain);
        token.or(plain).map(|column| dialect.ident(&column.name))
    };
    let columns = fields.iter().map(column).collect::<Option<Vec<String>>>()?;
    let there: Vec<String> = columns.iter().map(|one| format!("{one} IS NOT NULL")).collect();
    Some(format!(
        "SELECT count(*) FROM (SELECT 1 AS one FROM {view} WHERE {} GROUP BY {} HAVING count(*) > 1) AS twice",
        there.join(" AND "),
        columns.join(", ")
    ))
}
