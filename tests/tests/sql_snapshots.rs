//! The SQL of one entity, as snapshots, and what one change of its contract changes in it: small enough to review.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use covenant_compiler::emit::{duckdb, snowflake};
use covenant_compiler::plan::Plan;
use covenant_compiler::tree::OutputTree;
use covenant_model::spec::ApplyForm;
use covenant_tests::small;
use similar::TextDiff;

fn generated(plan: &Plan) -> OutputTree {
    let mut tree = OutputTree::default();
    duckdb::emit(plan, &mut tree).unwrap();
    snowflake::emit(plan, &mut tree).unwrap();
    tree
}

#[test]
fn the_sql_of_one_entity() {
    let tree = generated(&small::plan(ApplyForm::DeleteInsert));
    for file in ["duckdb/yard_parcel/fold.sql", "duckdb/yard_parcel/moves.sql"] {
        insta::assert_snapshot!(file.replace('/', "__"), tree.get(file).unwrap());
    }
    for file in ["snowflake/yard_parcel/tables.sql", "snowflake/yard_parcel/apply.sql"] {
        insta::assert_snapshot!(file.replace('/', "__"), tree.get(file).unwrap());
    }
}

#[test]
fn a_field_that_joins_a_group_is_a_few_lines_in_every_file() {
    let before = small::plan(ApplyForm::DeleteInsert);
    let mut after = before.clone();
    let entity = &mut after.entities[0];
    let like = entity.fields[small::field::WEIGHT].clone();
    entity.fields.push(covenant_model::spec::FieldSpec {
        id: 11,
        name: "height".to_owned(),
        ..like
    });
    entity.groups[0].fields.push(entity.fields.len() - 1);

    let (before, after) = (generated(&before), generated(&after));
    let mut diff = String::new();
    for (path, text) in after.iter() {
        let old = before.get(path).unwrap();
        if old != text {
            let changes = TextDiff::from_lines(old, text);
            diff.push_str(&format!(
                "{}\n",
                changes.unified_diff().context_radius(1).header(path, path)
            ));
        }
    }
    insta::assert_snapshot!("a_field_added", diff);
}

#[test]
fn the_same_plan_gives_the_same_files() {
    let plan = small::plan(ApplyForm::Merge);
    assert_eq!(generated(&plan), generated(&plan));
}
