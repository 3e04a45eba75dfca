//! Runs tests through the readers, checks and fold of a contract.

use covenant_model::record::Violation;
use covenant_model::spec::EntitySpec;

use super::tell::Teller;
use super::{Case, Given, Suite, expect};
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::emit::EmitError;
use crate::plan::Plan;
use crate::witness::compose::Roles;
use crate::witness::fold::{self, Verdict};
use crate::witness::interpret::{self, Interpreter};
use crate::witness::told::Told;

/// What was run, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that hold.
    pub passed: usize,
    /// Tests that do not, or could not be run.
    pub failed: usize,
    /// Records that were told.
    pub records: usize,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            records: self.records + other.records,
        }
    }
}

/// Runs the tests of one entity that `asked` wants; what differs goes to the sink.
///
/// # Errors
/// A bug: the plan holds an entity that no code can be made for.
pub fn run(
    plan: &Plan,
    suite: &Suite,
    asked: impl Fn(&Case) -> bool,
    sink: &Sink,
) -> Result<Tally, EmitError> {
    let Some(entity) = plan.entity(&suite.entity) else {
        sink.push(unknown(plan, suite));
        let failed = suite.cases.iter().filter(|case| asked(case)).count();
        return Ok(Tally { failed, ..Tally::default() });
    };
    interpret::with(entity, |interpreter| {
        let before = sink.len();
        let roles = Roles { writer: interpreter, reader: interpreter };
        let teller = Teller::new(roles, suite, sink);
        let sound = sink.len() == before;
        let mut tally = Tally::default();
        for case in suite.cases.iter().filter(|case| asked(case)) {
            tally.records += case.given.len();
            if sound && run_one(interpreter, &teller, case, sink) {
                tally.passed += 1;
            } else {
                tally.failed += 1;
            }
        }
        tally
    })
}

fn unknown(plan: &Plan, suite: &Suite) -> Diagnostic {
    let names = plan.entities.iter().map(|entity| entity.name.as_str());
    let finding = Diagnostic::new(
        &codes::CASE_NAMES,
        suite.at,
        format!("there is no entity `{}`", suite.entity),
    );
    if plan.models.iter().any(|model| model.name == suite.entity) {
        return finding
            .why("it is a model: what it computes follows from its entities")
            .help("test the entities, and the model by its quality rules");
    }
    finding.suggest(&suite.entity, names)
}

fn run_one(interpreter: Interpreter<'_>, teller: &Teller<'_>, case: &Case, sink: &Sink) -> bool {
    let before = sink.len();
    // All of them, so that everything that is wrong is said at once.
    let told: Vec<Option<Told>> = case.given.iter().map(|given| teller.told(given)).collect();
    let Some(told) = told.into_iter().collect::<Option<Vec<Told>>>() else { return false };
    let outcome = fold::run(interpreter, &told);
    for (given, verdict) in case.given.iter().zip(&outcome.verdicts) {
        judged(interpreter.spec(), case, given, verdict, sink);
    }
    // What follows from another verdict than the one expected says nothing new.
    sink.len() == before && expect::judge(interpreter.spec(), case, &outcome, sink)
}

fn judged(spec: &EntitySpec, case: &Case, given: &Given, verdict: &Verdict, sink: &Sink) {
    let violations: &[Violation] = match verdict {
        Verdict::Accepted => &[],
        Verdict::Refused(all) => all,
    };
    let said: Vec<String> = violations.iter().map(rule).collect();
    let expected = |name: &String| given.refused.iter().any(|one| one.name == *name);
    for (violation, name) in violations.iter().zip(&said).filter(|(_, name)| !expected(name)) {
        let text = format!("`{}` refuses the record: {name}", spec.name);
        let finding = Diagnostic::new(&codes::CASE_VERDICT, given.at, text)
            .label(case.at, "in this test")
            .why(violation.message.clone());
        sink.push(if given.refused.is_empty() {
            finding.help(format!("correct the record, or expect it: `refused: [{name}]`"))
        } else {
            finding.help(format!("correct the record, or expect it too: add `{name}` to `refused`"))
        });
    }
    for named in given.refused.iter().filter(|named| !said.contains(&named.name)) {
        let text = match said.is_empty() {
            true => format!("the record is taken, and `{}` should refuse it", named.name),
            false => format!("the record is refused, but not by `{}`", named.name),
        };
        let known = said.iter().map(String::as_str);
        sink.push(
            Diagnostic::new(&codes::CASE_VERDICT, named.at, text)
                .suggest(&named.name, known)
                .label(case.at, "in this test")
                .why("a rule is named `<field>.<rule>` (`total.min`), or by the name of the quality rule"),
        );
    }
}

/// The name of a rule in tests.
fn rule(violation: &Violation) -> String {
    match &violation.field {
        Some(field) => format!("{field}.{}", violation.rule),
        None => violation.rule.strip_prefix("quality:").unwrap_or(&violation.rule).to_owned(),
    }
}
