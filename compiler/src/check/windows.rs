//! Models that are computed window by window: there is a window, and each can be computed alone.

use covenant_model::spec::Window;
use covenant_model::value::LogicalType;

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::ir::ModelIr;

pub(super) fn check(cx: &Cx<'_>) {
    for model in &cx.ir.models {
        let Some(window) = &model.spec.window else { continue };
        if is_window(cx, model, window) && model.query_sound {
            alone(cx, model, window);
        }
    }
}

/// Whether its field can be one.
fn is_window(cx: &Cx<'_>, model: &ModelIr, window: &Window) -> bool {
    let spec = &model.spec;
    let at = |key: &str| cx.value(&format!("{}/refresh/{key}", spec.name));
    let refused = |key: &str, headline: String, help: &str| {
        cx.report(finding(&codes::WINDOW_FIELD, at(key), headline).help(help));
        false
    };
    let Some(field) = spec.fields.iter().find(|field| field.name == window.by) else {
        let names = spec.fields.iter().map(|field| field.name.as_str());
        let headline = format!("{} has no field `{}`", spec.name, window.by);
        let report = finding(&codes::WINDOW_FIELD, at("window"), headline);
        cx.report(report.suggest(&window.by, names));
        return false;
    };
    let name = &field.name;
    if model.untyped.contains(name) {
        return false;
    }
    if !matches!(field.ty, LogicalType::Date | LogicalType::Timestamp) {
        let headline = format!("`{name}` is {}, and windows are dates or timestamps", field.ty);
        return refused("window", headline, "name a field of the key that is one");
    }
    if field.nullable {
        let headline =
            format!("`{name}` may be null, and a row without a window is never replaced");
        return refused("window", headline, "give it a value in the query: `COALESCE(...)`");
    }
    if !spec.key.contains(name) {
        let headline = format!("`{name}` is not part of the key of {}", spec.name);
        let help = "add it to `key`: a row that moves to another window would stand in both";
        return refused("window", headline, help);
    }
    // 0 stands for what could not be read.
    if window.rebuild_s > 0 && window.rebuild_s < spec.refresh_s {
        let headline = format!("{} is to compute everything more often than it runs", spec.name);
        return refused("rebuild", headline, "make `rebuild` as long as `every`, or longer");
    }
    true
}

fn alone(cx: &Cx<'_>, model: &ModelIr, window: &Window) {
    let name = &model.spec.name;
    let Some(Err(why)) = model.local.get(&window.by) else { return };
    cx.report(
        finding(
            &codes::WINDOW_CROSSED,
            cx.value(&format!("{name}/refresh/window")),
            format!("{name} cannot be computed by `{}`, one window after the other", window.by),
        )
        .label(cx.value(&format!("{name}/query")), "this query")
        .why(why.clone())
        .help("leave `window` out, or take what crosses the windows into a model of its own"),
    );
}
