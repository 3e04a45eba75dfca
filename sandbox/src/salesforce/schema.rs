//! The org compiled for use: names to positions, parsed rules, who refers to whom.

use std::collections::HashMap;

use super::formula::Formula;
use super::org::{FieldDef, FieldKind, NAME_LENGTH, ObjectDef, OnDelete, Org, RuleDef};
use super::value::fold;

/// Position of an object in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectIx(pub usize);

/// Position of a field in its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldIx(pub usize);

/// Positions of the fields that every object has.
pub mod system {
    use super::FieldIx;

    /// `Id`
    pub const ID: FieldIx = FieldIx(0);
    /// `OwnerId`
    pub const OWNER: FieldIx = FieldIx(1);
    /// `IsDeleted`
    pub const IS_DELETED: FieldIx = FieldIx(2);
    /// `CreatedDate`
    pub const CREATED_DATE: FieldIx = FieldIx(3);
    /// `CreatedById`
    pub const CREATED_BY: FieldIx = FieldIx(4);
    /// `LastModifiedDate`
    pub const MODIFIED_DATE: FieldIx = FieldIx(5);
    /// `LastModifiedById`
    pub const MODIFIED_BY: FieldIx = FieldIx(6);
    /// `SystemModstamp`
    pub const MODSTAMP: FieldIx = FieldIx(7);
    /// How many there are.
    pub const COUNT: usize = 8;
}

/// Why an org definition cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OrgError {
    /// Two objects or two fields of one name.
    #[error("the org defines {what} twice; remove one")]
    Twice { what: String },
    /// A reference to an object that the org lacks.
    #[error(
        "field {field} refers to {to}, which the org does not have; add the object or correct referenceTo"
    )]
    NoSuchParent { field: String, to: String },
    /// A rule that does not parse or names unknown fields.
    #[error("validation rule {rule}: {why}")]
    BadRule { rule: String, why: String },
    /// Bounds outside what Salesforce allows.
    #[error("field {field}: {why}")]
    BadField { field: String, why: String },
    /// More custom objects than key prefixes.
    #[error("the org has more custom objects than the simulator has key prefixes for")]
    TooManyObjects,
}

/// A validation rule ready to run.
#[derive(Debug)]
pub struct Rule {
    /// When true, the write is refused.
    pub formula: Formula,
    /// As defined.
    pub def: RuleDef,
}

/// A field of another object that refers to this one.
#[derive(Debug, Clone)]
pub struct ChildRef {
    /// The child object.
    pub object: ObjectIx,
    /// The referring field.
    pub field: FieldIx,
    /// What deleting the parent does.
    pub on_delete: OnDelete,
}

/// An object ready for use.
#[derive(Debug)]
pub struct ObjectSchema {
    /// Position.
    pub ix: ObjectIx,
    /// API name.
    pub name: String,
    /// Label.
    pub label: String,
    /// Plural label.
    pub label_plural: String,
    /// First three characters of its ids.
    pub key_prefix: String,
    /// System fields first, then the defined ones.
    pub fields: Vec<FieldDef>,
    /// Rules that are active.
    pub rules: Vec<Rule>,
    /// Who refers to records of this object.
    pub children: Vec<ChildRef>,
    /// False when the API may only read.
    pub writable: bool,
    /// Fields that need an index: keys, unique fields, references to parents.
    pub indexes: Vec<FieldIx>,
    by_name: HashMap<String, FieldIx>,
    by_relationship: HashMap<String, FieldIx>,
}

/// All objects.
#[derive(Debug)]
pub struct Schema {
    objects: Vec<ObjectSchema>,
    by_name: HashMap<String, ObjectIx>,
}

impl ObjectSchema {
    /// Position of a field by API name, case ignored.
    #[must_use]
    pub fn field_ix(&self, name: &str) -> Option<FieldIx> {
        self.by_name.get(&fold(name)).copied()
    }

    /// The field at a position.
    #[must_use]
    pub fn field(&self, ix: FieldIx) -> &FieldDef {
        &self.fields[ix.0]
    }

    /// The reference field behind a relationship name such as `Customer__r`, case ignored.
    #[must_use]
    pub fn relationship(&self, name: &str) -> Option<FieldIx> {
        self.by_relationship.get(&fold(name)).copied()
    }

    /// Positions of all fields.
    pub fn field_ixs(&self) -> impl Iterator<Item = FieldIx> + use<> {
        (0..self.fields.len()).map(FieldIx)
    }

    /// Whether a field has an index.
    #[must_use]
    pub fn indexed(&self, ix: FieldIx) -> bool {
        self.indexes.contains(&ix)
    }

    /// True for custom objects.
    #[must_use]
    pub fn custom(&self) -> bool {
        self.name.ends_with("__c")
    }
}

impl Schema {
    /// Compiles a definition.
    ///
    /// # Errors
    /// When names repeat, a parent is missing, bounds are impossible or a rule cannot be read.
    pub fn compile(org: &Org) -> Result<Self, OrgError> {
        let mut defs: Vec<ObjectDef> = org.objects.clone();
        assign_prefixes(&mut defs)?;
        let mut by_name = HashMap::new();
        for (i, def) in defs.iter().enumerate() {
            if by_name.insert(fold(&def.name), ObjectIx(i)).is_some() {
                return Err(OrgError::Twice { what: format!("object {}", def.name) });
            }
        }
        let mut objects = Vec::with_capacity(defs.len());
        for (i, def) in defs.into_iter().enumerate() {
            objects.push(compile_object(ObjectIx(i), def)?);
        }
        let children = find_children(&objects, &by_name)?;
        for (parent, child) in children {
            objects[parent.0].children.push(child);
        }
        Ok(Self { objects, by_name })
    }

    /// The object of this name, case ignored.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&ObjectSchema> {
        self.by_name.get(&fold(name)).map(|ix| self.at(*ix))
    }

    /// The object at a position.
    #[must_use]
    pub fn at(&self, ix: ObjectIx) -> &ObjectSchema {
        &self.objects[ix.0]
    }

    /// All objects in the order of the definition.
    #[must_use]
    pub fn objects(&self) -> &[ObjectSchema] {
        &self.objects
    }

    /// The object whose ids start with these characters.
    #[must_use]
    pub fn by_prefix(&self, prefix: &str) -> Option<&ObjectSchema> {
        self.objects.iter().find(|o| o.key_prefix == prefix)
    }
}

/// Custom objects get `a00`, `a01`, … in the order of their names, so that one definition always gives the same ids.
fn assign_prefixes(defs: &mut [ObjectDef]) -> Result<(), OrgError> {
    let mut order: Vec<usize> = (0..defs.len()).filter(|i| defs[*i].key_prefix.is_none()).collect();
    order.sort_by(|a, b| defs[*a].name.cmp(&defs[*b].name));
    for (n, i) in order.into_iter().enumerate() {
        if n > 99 {
            return Err(OrgError::TooManyObjects);
        }
        defs[i].key_prefix = Some(format!("a{n:02}"));
    }
    Ok(())
}

fn find_children(
    objects: &[ObjectSchema],
    by_name: &HashMap<String, ObjectIx>,
) -> Result<Vec<(ObjectIx, ChildRef)>, OrgError> {
    let mut found = Vec::new();
    for object in objects {
        for (i, field) in object.fields.iter().enumerate().skip(system::COUNT) {
            let FieldKind::Reference { to, on_delete, .. } = &field.kind else { continue };
            let parent = by_name.get(&fold(to)).ok_or_else(|| OrgError::NoSuchParent {
                field: format!("{}.{}", object.name, field.name),
                to: to.clone(),
            })?;
            let child = ChildRef { object: object.ix, field: FieldIx(i), on_delete: *on_delete };
            found.push((*parent, child));
        }
    }
    Ok(found)
}

fn system_fields() -> Vec<FieldDef> {
    let user = |name: &str, label: &str, relationship: &str| {
        let kind = FieldKind::Reference {
            to: "User".to_owned(),
            relationship: relationship.to_owned(),
            on_delete: OnDelete::Restrict,
        };
        FieldDef::new(name, label, kind)
    };
    let date =
        |name: &str, label: &str| FieldDef::new(name, label, FieldKind::DateTime).read_only();
    vec![
        FieldDef::new("Id", "Record ID", FieldKind::Id).read_only(),
        user("OwnerId", "Owner ID", "Owner"),
        FieldDef::new("IsDeleted", "Deleted", FieldKind::Checkbox).read_only(),
        date("CreatedDate", "Created Date"),
        user("CreatedById", "Created By ID", "CreatedBy").read_only(),
        date("LastModifiedDate", "Last Modified Date"),
        user("LastModifiedById", "Last Modified By ID", "LastModifiedBy").read_only(),
        date("SystemModstamp", "System Modstamp"),
    ]
}

fn compile_object(ix: ObjectIx, def: ObjectDef) -> Result<ObjectSchema, OrgError> {
    let mut fields = system_fields();
    fields.extend(def.fields);
    if def.name.ends_with("__c") && !fields.iter().any(|f| f.name.eq_ignore_ascii_case("Name")) {
        let label = format!("{} Name", def.label);
        fields.push(FieldDef::new("Name", &label, FieldKind::text(NAME_LENGTH)));
    }
    let mut by_name = HashMap::new();
    let mut by_relationship = HashMap::new();
    for (i, field) in fields.iter().enumerate() {
        check_bounds(&def.name, field)?;
        let twice = || OrgError::Twice { what: format!("field {}.{}", def.name, field.name) };
        if by_name.insert(fold(&field.name), FieldIx(i)).is_some() {
            return Err(twice());
        }
        if let FieldKind::Reference { relationship, .. } = &field.kind
            && by_relationship.insert(fold(relationship), FieldIx(i)).is_some()
        {
            return Err(OrgError::Twice {
                what: format!("relationship {}.{relationship}", def.name),
            });
        }
    }
    let rules = compile_rules(&def.name, def.validation_rules, &fields, &by_name)?;
    let needs_index = |field: &FieldDef| {
        field.external_id
            || field.unique
            || field.id_lookup
            || matches!(field.kind, FieldKind::Reference { .. })
    };
    let own = fields.iter().enumerate().skip(system::COUNT);
    let indexes = own.filter(|(_, f)| needs_index(f)).map(|(i, _)| FieldIx(i)).collect();
    Ok(ObjectSchema {
        ix,
        name: def.name,
        label: def.label,
        label_plural: def.label_plural,
        key_prefix: def.key_prefix.unwrap_or_default(),
        fields,
        rules,
        children: Vec::new(),
        writable: def.writable,
        indexes,
        by_name,
        by_relationship,
    })
}

fn compile_rules(
    object: &str,
    defs: Vec<RuleDef>,
    fields: &[FieldDef],
    by_name: &HashMap<String, FieldIx>,
) -> Result<Vec<Rule>, OrgError> {
    let mut rules = Vec::new();
    for def in defs.into_iter().filter(|d| d.active) {
        let bad = |why: String| OrgError::BadRule { rule: format!("{object}.{}", def.name), why };
        let formula = Formula::parse(&def.formula, &|name| by_name.get(&fold(name)).copied())
            .map_err(|e| bad(e.to_string()))?;
        if let Some(field) = &def.field
            && !fields.iter().any(|f| f.name.eq_ignore_ascii_case(field))
        {
            return Err(bad(format!("shows its error at {field}, which {object} does not have")));
        }
        rules.push(Rule { formula, def });
    }
    Ok(rules)
}

fn check_bounds(object: &str, field: &FieldDef) -> Result<(), OrgError> {
    let bad = |why: &str| {
        Err(OrgError::BadField { field: format!("{object}.{}", field.name), why: why.to_owned() })
    };
    match &field.kind {
        FieldKind::Text { length } if *length == 0 || *length > 255 => {
            bad("a text field holds 1 to 255 characters")
        }
        FieldKind::Number { precision, scale }
        | FieldKind::Currency { precision, scale }
        | FieldKind::Percent { precision, scale }
            if *precision == 0 || *precision > 18 || scale > precision =>
        {
            bad("precision must be 1 to 18 and scale no larger")
        }
        FieldKind::Id
        | FieldKind::Text { .. }
        | FieldKind::TextArea { .. }
        | FieldKind::LongText { .. }
        | FieldKind::Email { .. }
        | FieldKind::Phone { .. }
        | FieldKind::Url { .. }
        | FieldKind::Number { .. }
        | FieldKind::Currency { .. }
        | FieldKind::Percent { .. }
        | FieldKind::Int { .. }
        | FieldKind::Checkbox
        | FieldKind::Date
        | FieldKind::DateTime
        | FieldKind::Picklist { .. }
        | FieldKind::MultiPicklist { .. }
        | FieldKind::Reference { .. }
        | FieldKind::AutoNumber { .. } => Ok(()),
    }
}
