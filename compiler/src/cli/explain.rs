//! `covenant explain`: what a code means.

use super::Outcome;
use super::output::{remark, result};
use crate::compat;
use crate::diagnostic::{codes, nearest};

pub(super) fn explain(code: Option<&str>) -> Outcome {
    let Some(name) = code else {
        for code in codes::all() {
            result(&format!("{code}  {}\n", code.title));
        }
        for rule in compat::RULES {
            result(&format!("{}  {}\n", rule.code, rule.slug.replace('-', " ")));
        }
        return Outcome::Fine;
    };
    if let Some(rule) = compat::rule(name) {
        result(&rule.explain().text(&format!("{}: {}", rule.code, rule.slug)));
        return Outcome::Fine;
    }
    match codes::find(name) {
        Some(code) => {
            result(&code.explain.text(&code.headline()));
            Outcome::Fine
        }
        None => {
            let rules = compat::RULES.iter().map(|rule| rule.code.to_owned());
            let known: Vec<String> = codes::all().map(ToString::to_string).chain(rules).collect();
            let near = nearest(name, known.iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            remark(&format!(
                "error: there is no code `{name}`{near} (`covenant explain` lists them all)"
            ));
            Outcome::Unreadable
        }
    }
}
