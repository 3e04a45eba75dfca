//! What people ask of an adoption: a plan, its application, a decision, and leave to create.

use super::super::desk::{AdoptCommand, Answer};
use super::super::plan::{Pick, Plan};
use super::super::standing;
use super::Case;
use crate::deliver::DeliverLane;
use crate::deliver::record::Approved;
use crate::error::Result;

impl DeliverLane {
    /// Hears what people ask.
    pub(super) fn hear(&mut self) -> Result<bool> {
        let mut heard = false;
        while let Some((command, answer)) = self.adoptions.desk.take() {
            heard = true;
            let entity = command.entity().to_owned();
            let Some(mut case) = self.adoptions.cases.remove(&entity) else { continue };
            let said = self.obey(&mut case, &command);
            self.adoptions.cases.insert(entity, case);
            let said = match said {
                Ok(said) => said,
                Err(error) => {
                    tell(answer, Err(error.to_string()));
                    return Err(error);
                }
            };
            self.show_adoptions()?;
            tell(answer, said);
        }
        Ok(heard)
    }

    /// Done or begun, or what is wrong with the command.
    fn obey(
        &mut self,
        case: &mut Case,
        command: &AdoptCommand,
    ) -> Result<std::result::Result<(), String>> {
        if case.job.is_some() || case.remembered.applying.is_some() {
            return Ok(Err("an adoption of it is under way: look at it with `adopt show`".into()));
        }
        let entity = case.mapping.entity.clone();
        match command {
            AdoptCommand::Plan { .. } => case.wanted = true,
            AdoptCommand::Apply { plan, by, .. } => {
                let Some(known) = case.plan.clone() else {
                    return Ok(Err("there is no plan yet: make one with `adopt plan`".into()));
                };
                if known.digest != *plan {
                    let now = &known.digest;
                    return Ok(Err(format!(
                        "the newest plan is {now}, not {plan}: look at it first"
                    )));
                }
                self.approve(case, &known, by)?;
            }
            AdoptCommand::Pick { row, record, by, .. } => {
                if let Err(why) = pickable(case.plan.as_ref(), row, record.as_deref()) {
                    return Ok(Err(why));
                }
                self.parts.reveal.approved(&Approved {
                    by,
                    what: match record {
                        Some(_) => "adoption: the record of a row was picked",
                        None => "adoption: a row gets a record of its own",
                    },
                    entity: &entity,
                    object: &case.mapping.object.name,
                    field: &case.mapping.object.external_id_field,
                    records: 1,
                })?;
                let pick = record.clone().map_or(Pick::New, Pick::Record);
                case.remembered.picks.insert(row.clone(), pick);
                standing::keep(self.parts.ledger.as_mut(), &entity, &case.remembered)?;
                case.wanted = true;
            }
            AdoptCommand::Create { by, .. } => return self.let_go(case, by),
        }
        Ok(Ok(()))
    }

    fn let_go(&mut self, case: &mut Case, by: &str) -> Result<std::result::Result<(), String>> {
        let entity = case.mapping.entity.clone();
        if !case.creates_nothing() {
            return Ok(Err("its unmatched rows make records already".into()));
        }
        if !case.remembered.adopted {
            return Ok(Err(
                "apply a plan first: until then nobody knows which rows match nothing".into()
            ));
        }
        self.parts.reveal.approved(&Approved {
            by,
            what: "adoption: rows that match nothing make records",
            entity: &entity,
            object: &case.mapping.object.name,
            field: &case.mapping.object.external_id_field,
            records: 0,
        })?;
        case.remembered.may_create = true;
        let text = standing::text(&case.remembered)?;
        self.parts.ledger.adopted(&entity, None, (&standing::note(&entity), &text))?;
        Ok(Ok(()))
    }
}

/// Whether a decision is about something that waits for one.
fn pickable(
    plan: Option<&Plan>,
    row: &str,
    record: Option<&str>,
) -> std::result::Result<(), String> {
    let group = plan.and_then(|plan| plan.group_of(row));
    match (group, record) {
        (Some(group), Some(record)) if group.records.iter().any(|it| it == record) => Ok(()),
        (Some(group), Some(record)) => Err(format!(
            "{record} is none of the records that may be {row}'s: {}",
            group.records.join(", ")
        )),
        (Some(_), None) => Ok(()),
        (None, _) => Err(format!("nothing is to be decided of {row} in the newest plan")),
    }
}

fn tell(answer: Answer, said: std::result::Result<(), String>) {
    if answer.send(said).is_err() {
        tracing::info!("a command's caller went away before its answer");
    }
}
