//! The cases of every rule (`tests/breaking/*.case`), tried on one base set of contracts, and the laws that hold for
//! all of them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use covenant_compiler::compat::cases::{self, Case};
use covenant_compiler::compat::{self, Finding, Grade, Migration, Mirror, RULES};
use covenant_compiler::migrate::{self, Target};
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::{compile, compile_compared, driver, report};
use covenant_model::spec::Compatibility;

/// Rules without cases, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("DCW053", "the language has one format only"),
    ("DCX000", "a change that no rule knows is a gap; the leaves test looks for them"),
];

fn base() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/breaking/base");
    let prefix = format!("{}/", folder.display());
    let read = driver::read_contracts(&folder).unwrap();
    let name = |path: &str| path.strip_prefix(&prefix).unwrap_or(path).to_owned();
    read.iter().map(|(_, file)| (name(&file.path), file.text.clone())).collect()
}

fn plan(files: Vec<(String, String)>, what: &str) -> Plan {
    let compiled = compile(SourceSet::new(files));
    let said =
        covenant_compiler::diagnostic::human::render(&compiled.diagnostics, &compiled.sources);
    compiled.plan.unwrap_or_else(|| panic!("{what}: {said}"))
}

/// Every case with its rule's code and both sides.
fn all() -> Vec<(&'static str, Case<'static>, Plan, Plan)> {
    let base = base();
    let mut found = Vec::new();
    for rule in RULES {
        for case in cases::parse(rule.cases).unwrap_or_else(|why| panic!("{}: {why}", rule.code)) {
            let what = format!("{} {}", rule.code, case.title);
            let side = |new| {
                let files = cases::apply(&base, &case, new);
                plan(files.unwrap_or_else(|why| panic!("{what}: {why}")), &what)
            };
            let (old, new) = (side(false), side(true));
            found.push((rule.code, case, old, new));
        }
    }
    found
}

fn flat(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().flat_map(|finding| finding.all()).collect()
}

fn told(findings: &[Finding]) -> Vec<String> {
    let tell = |one: &&Finding| format!("{} {:?} {}", one.rule.code, one.grade, one.headline);
    flat(findings).iter().map(tell).collect()
}

fn grade(word: &str) -> Grade {
    match word {
        "error" => Grade::Error,
        "warning" => Grade::Warning,
        _ => Grade::Info,
    }
}

#[test]
fn every_case_gets_its_verdict() {
    let mut wrong = Vec::new();
    for (rule, case, old, new) in all() {
        let found = compat::diff(&old, &new);
        let what = format!("{rule} {}", case.title);
        let breaks = found.iter().any(|finding| finding.worst() == Grade::Error);
        if breaks != case.breaks {
            wrong.push(format!("{what}: breaks is {breaks}: {:#?}", told(&found)));
        }
        for expected in &case.expects {
            let of = |one: &&&Finding| one.rule.code == expected.code;
            let Some(one) = flat(&found).into_iter().find(|one| of(&one)) else {
                wrong.push(format!("{what}: no {}: {:#?}", expected.code, told(&found)));
                continue;
            };
            if one.grade != grade(expected.grade) {
                wrong.push(format!("{what}: {} is {:?}", expected.code, one.grade));
            }
            let names: Vec<&str> = one.consumers.iter().map(|one| one.name.as_str()).collect();
            for name in expected.consumers.iter().filter(|name| !names.contains(name)) {
                wrong.push(format!("{what}: {} does not name {name}: {names:?}", expected.code));
            }
        }
        // One logical change, one finding: everything else hangs under it.
        let aside = ["DCM253", "DCM254", "DCM255"];
        let errors: Vec<&str> = found
            .iter()
            .filter(|one| one.worst() == Grade::Error && !aside.contains(&one.rule.code))
            .map(|one| one.rule.code)
            .collect();
        if errors.len() > 1 {
            wrong.push(format!("{what}: {errors:?}: {:#?}", told(&found)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case_that_raises_it_and_one_that_does_not() {
    let mut raised = BTreeSet::new();
    let mut spared = BTreeSet::new();
    for (rule, _, old, new) in all() {
        let found = compat::diff(&old, &new);
        let hit = flat(&found).iter().any(|one| one.rule.code == rule);
        if hit { &mut raised } else { &mut spared }.insert(rule);
    }
    let exempt = |code: &str| WITHOUT.iter().any(|(one, _)| *one == code);
    let missing = |found: &BTreeSet<&str>| -> Vec<&str> {
        let codes = RULES.iter().map(|rule| rule.code);
        codes.filter(|code| !exempt(code) && !found.contains(code)).collect()
    };
    assert!(missing(&raised).is_empty(), "never raised: {:?}", missing(&raised));
    assert!(missing(&spared).is_empty(), "always raised: {:?}", missing(&spared));
}

#[test]
fn the_table_is_complete() {
    let mut seen = BTreeSet::new();
    for rule in RULES {
        assert!(seen.insert(rule.code), "{} twice", rule.code);
        assert!(rule.slug.chars().all(|at| at.is_ascii_lowercase() || at == '-'), "{}", rule.slug);
        for part in [rule.what, rule.why, rule.how] {
            assert!(part.ends_with(['.', ')']) && !part.is_empty(), "{}: {part}", rule.code);
        }
        let modes = match rule.mirror {
            Mirror::Own => Some(rule.modes),
            Mirror::Rule(code) => {
                let mirror = compat::rule(code).unwrap_or_else(|| panic!("{} {code}", rule.code));
                Some(mirror.modes)
            }
            Mirror::Uneven(code, why) => {
                assert!(compat::rule(code).is_some(), "{}: {code}", rule.code);
                assert!(why.len() > 20, "{}: {why}", rule.code);
                None
            }
            Mirror::None(why) => {
                assert!(why.len() > 15, "{}: {why}", rule.code);
                None
            }
        };
        // Where the mirror is said to be even its ceilings are the swapped ones, or harsher.
        if let (Some(modes), Mirror::Rule(_)) = (modes, rule.mirror) {
            let swapped = rule.modes.mirrored();
            assert!(
                modes.backward >= swapped.backward || modes.forward >= swapped.forward,
                "{}: {:?} against {modes:?}",
                rule.code,
                rule.modes
            );
        }
    }
}

#[test]
fn the_change_backwards_raises_the_mirror() {
    let mut wrong = Vec::new();
    for (rule, case, old, new) in all() {
        let found = compat::diff(&old, &new);
        if !flat(&found).iter().any(|one| one.rule.code == rule) {
            continue;
        }
        let back = compat::diff(&new, &old);
        let codes: BTreeSet<&str> = flat(&back).iter().map(|one| one.rule.code).collect();
        let wanted = match compat::rule(rule).unwrap().mirror {
            Mirror::Own => rule,
            Mirror::Rule(code) | Mirror::Uneven(code, _) => code,
            Mirror::None(_) => continue,
        };
        // A rule may be the mirror of several: an addition is required or optional.
        let mirrors = |code: &&str| match compat::rule(code).unwrap().mirror {
            Mirror::Rule(of) | Mirror::Uneven(of, _) => of == rule,
            Mirror::Own | Mirror::None(_) => false,
        };
        // A change that is not decided is its own mirror.
        if !codes.contains(wanted) && !codes.contains(rule) && !codes.iter().any(mirrors) {
            wrong.push(format!("{rule} {}: {codes:?}, not {wanted}", case.title));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same contracts under another promise.
fn promising(plan: &Plan, promise: Compatibility) -> Plan {
    let mut plan = plan.clone();
    plan.entities.iter_mut().for_each(|entity| entity.compatibility = promise);
    plan.models.iter_mut().for_each(|model| model.compatibility = promise);
    plan
}

#[test]
fn full_is_both_and_no_change_is_no_finding() {
    for (rule, case, old, new) in all() {
        assert!(compat::diff(&old, &old.clone()).is_empty());
        if rule == "DCM255" || rule == "DCM258" {
            continue; // their subject is the promise itself
        }
        let under = |promise| {
            let found = compat::diff(&promising(&old, promise), &promising(&new, promise));
            let mut grades: Vec<(&str, String, Grade)> = flat(&found)
                .iter()
                // Whether a version was to be raised depends on the grades of the others.
                .filter(|one| !matches!(one.rule.code, "DCM253" | "DCM254"))
                .map(|one| (one.rule.code, one.subject.clone(), one.grade))
                .collect();
            grades.sort();
            grades
        };
        let (back, forth) = (under(Compatibility::Backward), under(Compatibility::Forward));
        let both: Vec<_> =
            back.iter().zip(&forth).map(|(b, f)| (b.0, b.1.clone(), b.2.max(f.2))).collect();
        assert_eq!(back.len(), forth.len(), "{rule} {}", case.title);
        assert_eq!(under(Compatibility::Full), both, "{rule} {}", case.title);
    }
}

#[test]
fn versions_that_are_alive_are_asked_under_a_transitive_promise() {
    use compat::Alive;
    let first = plan(base(), "base");
    let narrow = |plan: &Plan| {
        let mut plan = plan.clone();
        for entity in &mut plan.entities {
            for field in entity.fields.iter_mut().filter(|field| field.name == "lines") {
                field.max = Some("200".to_owned());
            }
        }
        plan
    };
    // The second version narrowed, and was released; the third changes nothing.
    let second = narrow(&first);
    let third = second.clone();
    let alive = [Alive { label: "1", plan: &first }, Alive { label: "2", plan: &second }];
    assert!(compat::diff_transitive(&alive, &third).is_empty(), "full looks at the latest only");
    let first = promising(&first, Compatibility::FullTransitive);
    let second = promising(&second, Compatibility::FullTransitive);
    let third = promising(&third, Compatibility::FullTransitive);
    let alive = [Alive { label: "1", plan: &first }, Alive { label: "2", plan: &second }];
    let found = compat::diff_transitive(&alive, &third);
    assert_eq!(found.first().unwrap().rule.code, "DCW050");
    assert_eq!(found.first().unwrap().against.as_deref(), Some("1"));
}

#[test]
fn every_code_of_the_catalogue_has_one_place() {
    use compat::catalogue::NOT_RULES;
    for (code, why) in NOT_RULES {
        assert!(compat::rule(code).is_none(), "{code} is a rule, and no rule: {why}");
        for named in why.split(|at: char| !at.is_ascii_alphanumeric()) {
            let number = named.get(2..).unwrap_or("");
            let is_code = number.len() >= 3 && number.bytes().all(|at| at.is_ascii_digit());
            if named.starts_with("CV") && is_code {
                let known = covenant_compiler::diagnostic::codes::find(named);
                assert!(known.is_some(), "{code} points to {named}, which is no code");
            }
            if named.starts_with("DC") && named.len() == 6 {
                assert!(
                    compat::rule(named).is_some(),
                    "{code} points to {named}, which is no rule"
                );
            }
        }
    }
}

/// The catalogue's row of every code: severities backward and forward; none where it has no modes. None where the
/// reference is not there.
fn reference() -> Option<BTreeMap<String, Option<(Grade, Grade)>>> {
    let shared = std::env::var_os("COVENANT_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        std::path::PathBuf::from,
    );
    let text = std::fs::read_to_string(shared.join("reference/breaking-rules.md")).ok()?;
    let worst = |cell: &str| {
        let letters = cell.split(|at: char| !at.is_alphanumeric());
        let grade = |letter| match letter {
            "E" => Some(Grade::Error),
            "W" => Some(Grade::Warning),
            "I" => Some(Grade::Info),
            _ => None,
        };
        letters.filter_map(grade).max()
    };
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(code) = cells.get(1).filter(|code| code.len() == 6 && code.starts_with("DC"))
        else {
            continue;
        };
        // Findings about personal data have one severity in every mode; validity has none.
        let forward = if code.starts_with("DCP") { 4 } else { 5 };
        let modes =
            cells.get(4).copied().and_then(worst).zip(cells.get(forward).copied().and_then(worst));
        rows.insert((*code).to_owned(), modes);
    }
    Some(rows)
}

#[test]
fn the_catalogue_is_covered_and_its_severity_is_the_ceiling() {
    use compat::catalogue::NOT_RULES;
    let Some(rows) = reference() else {
        eprintln!("skipped: the catalogue is not there; set COVENANT_SHARED");
        return;
    };
    assert!(rows.len() > 130, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for (code, modes) in rows {
        match (compat::rule(&code), modes) {
            (None, _) if NOT_RULES.iter().any(|(known, _)| *known == code) => {}
            (None, _) => wrong.push(format!("{code} is no rule, and nothing says why")),
            (Some(rule), Some((backward, forward))) => {
                if rule.modes.backward > backward || rule.modes.forward > forward {
                    wrong.push(format!(
                        "{code}: {:?} is above {backward:?}/{forward:?}",
                        rule.modes
                    ));
                }
            }
            (Some(_), None) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn contracts_that_are_known_in_the_same_words_are_read_the_same() {
    let base = base();
    for rule in RULES {
        for case in cases::parse(rule.cases).unwrap() {
            let side = |new| SourceSet::new(cases::apply(&base, &case, new).unwrap());
            let new = compile_compared(side(true), None);
            let old = compile_compared(side(false), None);
            let like = compile_compared(side(false), Some(&new));
            let what = format!("{} {}", rule.code, case.title);
            assert_eq!(like.plan, old.plan, "{what}");
            assert_eq!(like.diagnostics, old.diagnostics, "{what}");
            let path = "sales.order/fields/total/type";
            assert_eq!(like.ast.spans.get(path), old.ast.spans.get(path), "{what}");
        }
    }
}

/// Whoever is named as broken is shown, at a place in the contracts where it is declared.
#[test]
fn every_consumer_has_its_place() {
    let base = base();
    let (mut shown, mut wrong) = (0u32, Vec::new());
    for rule in RULES {
        for case in cases::parse(rule.cases).unwrap() {
            let side = |new| compile(SourceSet::new(cases::apply(&base, &case, new).unwrap()));
            let (old, new) = (side(false), side(true));
            let found = compat::diff(old.plan.as_ref().unwrap(), new.plan.as_ref().unwrap());
            let report = report::changes::report(&found, &old, &new, "old");
            for entry in &report.findings {
                for one in &entry.consumers {
                    shown += 1;
                    let text = one.place.as_ref().map(|place| {
                        report.sources.text(place).get(place.start..place.end).unwrap_or("")
                    });
                    if text.is_none_or(|text| text.trim().is_empty()) {
                        let (kind, name) = (&one.kind, &one.name);
                        wrong.push(format!("{} {}: {kind} {name}", entry.code, case.title));
                    }
                }
            }
            for one in flat(&found).iter().flat_map(|one| &one.consumers) {
                let sources = if one.side == compat::Side::Old { &old } else { &new };
                if !one.name.is_empty() && sources.ast.spans.value(&one.path).is_none() {
                    wrong.push(format!("{} {}: no span at {}", rule.code, case.title, one.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {shown}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(shown > 300, "only {shown} consumers were ever named");
}

/// Rules whose row says that stored data moves, of which no case asks for a step, and why.
const WITHOUT_STEPS: &[(&str, &str)] = &[("DCW053", "the language has one format only")];

/// Whether a finding says that stored data moves, and can.
fn moves(migration: Migration) -> bool {
    match migration {
        Migration::Inplace | Migration::Precheck | Migration::Backfill | Migration::Rebuild => true,
        Migration::None | Migration::Impossible => false,
    }
}

/// What moves stored data says how, in the words of `covenant migrate`: every finding, not only every rule. And every
/// step is shown by a finding, and is a step of the plan.
#[test]
fn every_finding_that_moves_stored_data_shows_its_steps() {
    let mut shown = BTreeSet::new();
    let mut wrong = Vec::new();
    for (rule, case, old, new) in all() {
        let what = format!("{rule} {}", case.title);
        let mut found = compat::diff(&old, &new);
        let loose = migrate::attach(&old, &new, &mut found).unwrap();
        wrong.extend(loose.iter().map(|step| format!("{what}: nobody shows {step:?}")));
        let whole = migrate::steps(&old, &new, &Target::ALL).unwrap();
        for finding in &found {
            for step in &finding.steps {
                if step.what.starts_with("batches are merged otherwise") {
                    continue;
                }
                let sql = step.sql.as_ref().or(step.difference.as_ref()).cloned();
                let sql = sql.unwrap_or_default();
                let same = |one: &migrate::Step| match &one.difference {
                    Some(it) => {
                        let known = |line: &str| {
                            let told = it.lines.iter().any(|(_, one)| one.contains(line));
                            told || line.starts_with("… and ")
                        };
                        step.what == it.what && sql.lines().all(known)
                    }
                    None => step.what.starts_with(&one.what) && one.statements.join(";\n") == sql,
                };
                assert!(whole.iter().any(same), "{what}: {}", step.what);
            }
            let moving = finding.all().into_iter().filter(|one| moves(one.migration));
            let codes: Vec<&str> = moving.map(|one| one.rule.code).collect();
            if finding.steps.is_empty() && !codes.is_empty() {
                wrong.push(format!(
                    "{what}: {} {} has no steps",
                    finding.rule.code, finding.subject
                ));
            } else {
                shown.extend(codes);
            }
        }
    }
    let exempt = |code: &str| WITHOUT_STEPS.iter().any(|(one, _)| *one == code);
    for rule in RULES.iter().filter(|rule| moves(rule.migration)) {
        if shown.contains(rule.code) == exempt(rule.code) {
            wrong.push(format!("{}: no case of it has steps, or it is exempt and has", rule.code));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// Who wins a column is decided by a line of the generated MERGE: where that is another one, the finding shows both.
#[test]
fn another_merge_shows_the_lines_that_decide() {
    let differences = |code: &str| {
        let mut shown = Vec::new();
        for (_, _, old, new) in all().into_iter().filter(|(rule, ..)| *rule == code) {
            let mut found = compat::diff(&old, &new);
            migrate::attach(&old, &new, &mut found).unwrap();
            let of_rule = found.into_iter().filter(|one| one.rule.code == code);
            let steps = of_rule.flat_map(|one| one.steps);
            let merged = steps.filter(|step| step.what.starts_with("batches are merged otherwise"));
            shown.extend(merged.filter_map(|step| step.difference));
        }
        shown
    };
    let renamed = differences("DCW018");
    let both = |lines: &String| lines.contains("- IFF(") && lines.contains("\n+ IFF(");
    assert!(renamed.iter().any(both), "{renamed:#?}");
    let added = differences("DCW014");
    assert!(!added.is_empty());
    assert!(
        added.iter().all(|lines| lines.lines().all(|line| line.starts_with('+'))),
        "{added:#?}"
    );
}

/// `covenant migrate` says why by code: `covenant explain` must know every one.
#[test]
fn every_code_of_the_migration_is_a_rule() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/migrate");
    let mut codes = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let is_code = |word: &&str| word.len() == 6 && word.starts_with("DC");
        codes.extend(text.split('"').filter(is_code).map(str::to_owned));
    }
    assert!(codes.len() > 10, "{codes:?}");
    let unknown: Vec<&String> = codes.iter().filter(|code| compat::rule(code).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
