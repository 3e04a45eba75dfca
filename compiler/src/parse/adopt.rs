//! `adopt`: how records that were there before get their external id.

use covenant_model::spec::{Compare, Review, Unmatched};

use crate::ast::{AdoptDecl, PartDecl};
use crate::parse::reader::{self, Reader};
use crate::parse::yaml::{Kind, Node};

/// Which differences do not count.
const COMPARES: [(&str, Compare); 4] = [
    ("email", Compare::Email),
    ("digits", Compare::Digits),
    ("text", Compare::Text),
    ("exact", Compare::Exact),
];
const UNMATCHED: [(&str, Unmatched); 2] =
    [("create", Unmatched::Create), ("wait", Unmatched::Wait)];
const REVIEWS: [(&str, Review); 2] = [("by_hand", Review::ByHand), ("auto", Review::Auto)];

/// `{match: [email, [name, city], {field: phone, as: digits, in: Phone}], unmatched: create, review: by_hand}`
pub(super) fn adopt(map: &Reader<'_>, node: &Node) -> Option<AdoptDecl> {
    let inner = Reader::open(map.sink(), node, node.span, "`adopt`")?;
    let rules = inner.need("match").map(|node| rules(map, node)).unwrap_or_default();
    let unmatched = inner.word("unmatched", &UNMATCHED).unwrap_or(Unmatched::Create);
    let review = inner.word("review", &REVIEWS).unwrap_or(Review::ByHand);
    inner.finish();
    Some(AdoptDecl { rules, unmatched, review })
}

fn rules(map: &Reader<'_>, node: &Node) -> Vec<Vec<PartDecl>> {
    let items = reader::items(map.sink(), node, "match").unwrap_or(&[]);
    let rule = |item: &Node| match &item.kind {
        Kind::Seq(parts) => parts.iter().filter_map(|node| part(map, node)).collect(),
        Kind::Scalar { .. } | Kind::Map(_) => part(map, item).into_iter().collect(),
    };
    items.iter().map(rule).collect()
}

fn part(map: &Reader<'_>, node: &Node) -> Option<PartDecl> {
    match &node.kind {
        Kind::Scalar { .. } | Kind::Seq(_) => {
            let field = reader::text(map.sink(), node, "an item of `match`")?;
            Some(PartDecl { field, target: None, compare: None })
        }
        Kind::Map(_) => {
            let inner = Reader::open(map.sink(), node, node.span, "an item of `match`")?;
            let field = inner.need_text("field");
            let (target, compare) = (inner.text("in"), inner.word("as", &COMPARES));
            inner.finish();
            Some(PartDecl { field: field?, target, compare })
        }
    }
}
