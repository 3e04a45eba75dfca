//! What patterns match, as sets of texts: an example of a pattern, and a text that one pattern matches and another does not.
//! Exact where it answers: a nondeterministic automaton over characters is walked breadth first, so the text is a shortest one.
//! It gives up (says so) on word boundaries, on patterns over bytes, and beyond its bounds.

use std::collections::{BTreeSet, VecDeque};

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// Most nodes of an automaton; `[a-z]{500}` has 500.
const NODES_MAX: usize = 4_000;
/// Most states of the walk, each a set of nodes of either automaton.
const STATES_MAX: usize = 20_000;
const ANY_CHAR: (char, char) = ('\0', char::MAX);
/// Longest text that is looked for, in characters.
const CHARS_MAX: usize = 4_000;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecided;

/// One set of texts: a pattern that must match whole, at most so many characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts<'a> {
    /// None: any text.
    pub pattern: Option<&'a str>,
    /// None: any length.
    pub max_chars: Option<u32>,
}

/// The characters of a text, each any of a range: every choice has the same properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(Vec<(char, char)>);

impl Shape {
    /// A text of the shape; another `nth`, another text, as far as the ranges go.
    pub fn text(&self, nth: u32) -> String {
        self.0.iter().map(|range| readable(*range, nth)).collect()
    }
}

/// A shortest text that is in `these` and not in `those`. `Ok(None)`: there is none, `these` is a part of `those`.
///
/// # Errors
/// Where the walk gave up.
pub fn outside(these: Texts<'_>, those: Texts<'_>) -> Result<Option<Shape>, Undecided> {
    if these.pattern == those.pattern {
        let shorter = |limit| these.max_chars.is_some_and(|max| max <= limit);
        match those.max_chars {
            None => return Ok(None),
            Some(limit) if shorter(limit) => return Ok(None),
            // Any text that is one longer.
            Some(limit) if these.pattern.is_none() && (limit as usize) < CHARS_MAX => {
                return Ok(Some(Shape(vec![ANY_CHAR; limit as usize + 1])));
            }
            Some(_) => {}
        }
    }
    let left = Automaton::of(these.pattern)?;
    let right = Automaton::of(those.pattern)?;
    let longest = these.max_chars.map_or(CHARS_MAX, |max| max as usize);
    let wanted = |chars: usize, a: &Nodes, b: &Nodes| {
        let too_long = those.max_chars.is_some_and(|max| chars > max as usize);
        left.accepts(a, chars) && (too_long || !right.accepts(b, chars))
    };
    walk(&left, &right, longest.min(CHARS_MAX), wanted, those.max_chars)
}

/// A shortest text of `these`. `Ok(None)`: there is none.
///
/// # Errors
/// Where the walk gave up.
pub fn example(these: Texts<'_>) -> Result<Option<Shape>, Undecided> {
    outside(these, Texts { pattern: Some("[a&&b]"), max_chars: None })
}

type Nodes = BTreeSet<usize>;

/// A place of the walk: where both automata are, and how it got there.
struct Place {
    left: Nodes,
    right: Nodes,
    chars: usize,
    from: Option<usize>,
    range: (char, char),
}

fn walk(
    left: &Automaton,
    right: &Automaton,
    longest: usize,
    wanted: impl Fn(usize, &Nodes, &Nodes) -> bool,
    limit: Option<u32>,
) -> Result<Option<Shape>, Undecided> {
    let mut places = vec![Place {
        left: left.start(),
        right: right.start(),
        chars: 0,
        from: None,
        range: ('\0', '\0'),
    }];
    let mut open = VecDeque::from([0]);
    let mut seen = BTreeSet::new();
    let mut cut = false;
    while let Some(at) = open.pop_front() {
        let Some(place) = places.get(at) else { continue };
        if wanted(place.chars, &place.left, &place.right) {
            return Ok(Some(path(&places, at)));
        }
        if place.chars >= longest {
            cut |= longest == CHARS_MAX && !place.left.is_empty();
            continue;
        }
        let chars = place.chars + 1;
        let mut next = Vec::new();
        for range in left.ranges(right, &place.left, &place.right) {
            next.push((range, left.step(&place.left, range.0), right.step(&place.right, range.0)));
        }
        for (range, to_left, to_right) in next {
            // Only lengths around the other side's limit tell places with the same nodes apart.
            let length = limit.map_or(0, |max| chars.min(max as usize + 1));
            if to_left.is_empty() || !seen.insert((to_left.clone(), to_right.clone(), length)) {
                continue;
            }
            if places.len() >= STATES_MAX {
                return Err(Undecided);
            }
            open.push_back(places.len());
            places.push(Place { left: to_left, right: to_right, chars, from: Some(at), range });
        }
    }
    if cut { Err(Undecided) } else { Ok(None) }
}

fn path(places: &[Place], end: usize) -> Shape {
    let mut ranges = Vec::new();
    let mut at = end;
    while let Some(place) = places.get(at) {
        let Some(from) = place.from else { break };
        ranges.push(place.range);
        at = from;
    }
    ranges.reverse();
    Shape(ranges)
}

/// A character of the range that reads well in a report: letters and digits before others.
fn readable((low, high): (char, char), nth: u32) -> char {
    let count = |(a, b): (char, char)| u32::from(b).saturating_sub(u32::from(a)) + 1;
    let within = |(a, b): (char, char)| {
        let (from, to) = (a.max(low), b.min(high));
        (from <= to).then_some((from, to))
    };
    let nice = [('a', 'z'), ('A', 'Z'), ('0', '9'), ('-', '_'), ('!', '~')];
    let part = nice.into_iter().find_map(within).unwrap_or((low, high));
    char::from_u32(u32::from(part.0) + nth % count(part)).unwrap_or(part.0)
}

enum Node {
    /// Reads a character of one of the ranges.
    Read(Vec<(char, char)>, usize),
    /// Goes on at any of these.
    Fork(Vec<usize>),
    /// Goes on at the start or the end of the text only.
    Only(Edge, usize),
    /// The pattern is through.
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

struct Automaton {
    nodes: Vec<Node>,
    first: usize,
}

impl Automaton {
    fn of(pattern: Option<&str>) -> Result<Self, Undecided> {
        let hir = match pattern {
            Some(pattern) => regex_syntax::parse(pattern).map_err(|_| Undecided)?,
            None => regex_syntax::parse("(?s:.)*").map_err(|_| Undecided)?,
        };
        let mut automaton = Self { nodes: vec![Node::Done], first: 0 };
        automaton.first = automaton.add(&hir, 0)?;
        Ok(automaton)
    }

    fn push(&mut self, node: Node) -> Result<usize, Undecided> {
        if self.nodes.len() >= NODES_MAX {
            return Err(Undecided);
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    /// Adds what matches `hir` and then goes on at `next`; says where it begins.
    fn add(&mut self, hir: &Hir, next: usize) -> Result<usize, Undecided> {
        match hir.kind() {
            HirKind::Empty => Ok(next),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).map_err(|_| Undecided)?;
                text.chars().rev().try_fold(next, |at, c| self.push(Node::Read(vec![(c, c)], at)))
            }
            HirKind::Class(Class::Unicode(class)) => {
                let ranges = class.ranges().iter().map(|range| (range.start(), range.end()));
                self.push(Node::Read(ranges.collect(), next))
            }
            HirKind::Class(Class::Bytes(class)) if class.is_ascii() => {
                let ranges = class.ranges().iter();
                let ranges =
                    ranges.map(|range| (char::from(range.start()), char::from(range.end())));
                self.push(Node::Read(ranges.collect(), next))
            }
            HirKind::Class(Class::Bytes(_)) => Err(Undecided),
            HirKind::Look(Look::Start) => self.push(Node::Only(Edge::Start, next)),
            HirKind::Look(Look::End) => self.push(Node::Only(Edge::End, next)),
            HirKind::Look(_) => Err(Undecided),
            HirKind::Repetition(repetition) => self.repeat(repetition, next),
            HirKind::Capture(capture) => self.add(&capture.sub, next),
            HirKind::Concat(parts) => {
                parts.iter().rev().try_fold(next, |at, part| self.add(part, at))
            }
            HirKind::Alternation(options) => {
                let starts = options.iter().map(|option| self.add(option, next));
                let starts = starts.collect::<Result<Vec<_>, _>>()?;
                self.push(Node::Fork(starts))
            }
        }
    }

    fn repeat(&mut self, repetition: &Repetition, next: usize) -> Result<usize, Undecided> {
        let mut at = next;
        match repetition.max {
            None => {
                let again = self.push(Node::Fork(vec![next]))?;
                let body = self.add(&repetition.sub, again)?;
                if let Some(Node::Fork(ways)) = self.nodes.get_mut(again) {
                    ways.push(body);
                }
                at = again;
            }
            Some(max) => {
                for _ in repetition.min..max {
                    let body = self.add(&repetition.sub, at)?;
                    at = self.push(Node::Fork(vec![next, body]))?;
                }
            }
        }
        (0..repetition.min).try_fold(at, |at, _| self.add(&repetition.sub, at))
    }

    /// Everything that is reached without reading.
    fn close(&self, from: impl IntoIterator<Item = usize>, start: bool, end: bool) -> Nodes {
        let mut found = Nodes::new();
        let mut open: Vec<usize> = from.into_iter().collect();
        while let Some(at) = open.pop() {
            if !found.insert(at) {
                continue;
            }
            match self.nodes.get(at) {
                Some(Node::Fork(ways)) => open.extend(ways),
                Some(Node::Only(Edge::Start, next)) if start => open.push(*next),
                Some(Node::Only(Edge::End, next)) if end => open.push(*next),
                Some(Node::Only(..) | Node::Read(..) | Node::Done) | None => {}
            }
        }
        found
    }

    fn start(&self) -> Nodes {
        self.close([self.first], true, false)
    }

    fn accepts(&self, nodes: &Nodes, chars: usize) -> bool {
        self.close(nodes.iter().copied(), chars == 0, true).contains(&0)
    }

    fn step(&self, nodes: &Nodes, read: char) -> Nodes {
        let reads = |ranges: &[(char, char)]| {
            ranges.iter().any(|(low, high)| (*low..=*high).contains(&read))
        };
        let next = nodes.iter().filter_map(|at| match self.nodes.get(*at) {
            Some(Node::Read(ranges, next)) if reads(ranges) => Some(*next),
            Some(Node::Read(..) | Node::Fork(_) | Node::Only(..) | Node::Done) | None => None,
        });
        self.close(next.collect::<Vec<_>>(), false, false)
    }

    /// Ranges of characters that neither side tells apart, readable ones first; only those that this side reads.
    fn ranges(&self, other: &Automaton, mine: &Nodes, theirs: &Nodes) -> Vec<(char, char)> {
        let mut cuts = BTreeSet::new();
        let mut spans = Vec::new();
        for (automaton, nodes, own) in [(self, mine, true), (other, theirs, false)] {
            for at in nodes {
                let Some(Node::Read(ranges, _)) = automaton.nodes.get(*at) else { continue };
                for (low, high) in ranges {
                    cuts.insert(u32::from(*low));
                    cuts.insert(u32::from(*high) + 1);
                    if own {
                        spans.push((u32::from(*low), u32::from(*high)));
                    }
                }
            }
        }
        let cuts: Vec<u32> = cuts.into_iter().collect();
        let mut found: Vec<(char, char)> = cuts
            .windows(2)
            .filter_map(|pair| {
                let [from, to] = pair else { return None };
                let inside = spans.iter().any(|(low, high)| (low..=high).contains(&from));
                // Surrogates are no characters; a range may begin or end beside them.
                let low = char::from_u32(*from).or_else(|| char::from_u32(0xe000))?;
                let high = char::from_u32(to - 1).or_else(|| char::from_u32(0xd7ff))?;
                (inside && low <= high).then_some((low, high))
            })
            .collect();
        found.sort_by_key(|range| {
            let shown = readable(*range, 0);
            (!shown.is_ascii_alphanumeric(), !shown.is_ascii_graphic(), shown)
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pattern: &str, max_chars: u32) -> Texts<'_> {
        let max_chars = (max_chars > 0).then_some(max_chars);
        Texts { pattern: (!pattern.is_empty()).then_some(pattern), max_chars }
    }

    fn shown(these: (&str, u32), those: (&str, u32)) -> Result<Option<String>, Undecided> {
        let found = outside(texts(these.0, these.1), texts(those.0, those.1))?;
        Ok(found.map(|shape| shape.text(0)))
    }

    #[test]
    fn a_shortest_text_outside() {
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(shown(("^[A-Z]{3}$", 0), ("^[A-Y]{3}$", 0)), some("AAZ"));
        assert_eq!(shown(("[A-Y]{3}", 0), ("[A-Z]{3}", 0)), Ok(None));
        assert_eq!(shown(("a+", 0), ("a{1,3}", 0)), some("aaaa"));
        assert_eq!(shown(("a|bc", 0), ("a|bd", 0)), some("bc"));
        assert_eq!(shown(("", 0), ("a*", 0)), some("A"));
        assert_eq!(shown(("a*", 0), ("", 0)), Ok(None));
        assert_eq!(shown(("", 5), ("", 3)), some("aaaa"));
        assert_eq!(shown(("", 3), ("", 5)), Ok(None));
        assert_eq!(shown(("a*", 2), ("a{0,2}", 0)), Ok(None), "the length decides");
        assert_eq!(shown(("(?i)ab", 0), ("ab|AB|Ab", 0)), some("aB"));
        assert_eq!(shown(("a$b", 0), ("x", 0)), Ok(None), "matches nothing");
        assert_eq!(shown(("\\ba", 0), ("x", 0)), Err(Undecided));
    }

    #[test]
    fn examples_match() {
        for pattern in
            ["^C[0-9]{9}$", "a+|[0-9]{2,3}", "\\d{3}-\\w+", "[^a]", "(ab?){2,}x", ".", "é|ü"]
        {
            let shape = example(texts(pattern, 0)).unwrap().unwrap();
            let whole = covenant_model::support::pattern::whole(pattern);
            let regex = regex::Regex::new(&whole).unwrap();
            for nth in 0..5 {
                assert!(regex.is_match(&shape.text(nth)), "{pattern}: {:?}", shape.text(nth));
            }
        }
        assert_eq!(example(texts("C[0-9]{2}", 0)).unwrap().unwrap().text(1), "C11");
    }

    #[test]
    fn what_it_would_take_too_long_to_walk_is_undecided() {
        assert_eq!(shown(("[a-z]{5000}", 0), ("x", 0)), Err(Undecided));
    }
}
