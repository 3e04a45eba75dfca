//! An org from Salesforce source files: `objects/<Object>/fields/*.field-meta.xml` and what lies beside them.

use std::fs;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};

use super::org::{FieldDef, FieldKind, NAME_LENGTH, ObjectDef, OnDelete, Org, RuleDef};

/// Largest source file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1_000_000;

/// Why source files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SfdxError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no folder of objects.
    #[error(
        "{0} holds no folder main/default/objects; name the folder that the compiler generated"
    )]
    NoObjects(PathBuf),
    /// A file is no XML, or too large.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl Org {
    /// Adds the objects, fields and rules of a source folder; fields of the same name are replaced.
    ///
    /// # Errors
    /// When a file cannot be read, is malformed, or uses a field type that the simulator lacks.
    pub fn merge_sfdx(&mut self, dir: &Path) -> Result<(), SfdxError> {
        let places = ["main/default/objects", "force-app/main/default/objects", "objects"];
        let objects = places
            .iter()
            .map(|place| dir.join(place))
            .find(|path| path.is_dir())
            .ok_or_else(|| SfdxError::NoObjects(dir.to_owned()))?;
        for folder in entries(&objects)? {
            if folder.is_dir() {
                self.merge_object(&folder)?;
            }
        }
        Ok(())
    }

    fn merge_object(&mut self, folder: &Path) -> Result<(), SfdxError> {
        let name = folder.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if self.object_mut(&name).is_none() {
            self.objects.push(ObjectDef::new(&name, &name, &name));
        }
        let Some(object) = self.object_mut(&name) else { return Ok(()) };
        let own = folder.join(format!("{name}.object-meta.xml"));
        if own.is_file() {
            with_root(&own, |root| {
                read_object(object, root);
                Ok(())
            })?;
        }
        for file in meta_files(&folder.join("fields"), ".field-meta.xml")? {
            object.put_field(with_root(&file, read_field)?);
        }
        for file in meta_files(&folder.join("validationRules"), ".validationRule-meta.xml")? {
            let rule = with_root(&file, read_rule)?;
            object.validation_rules.retain(|r| r.name != rule.name);
            object.validation_rules.push(rule);
        }
        Ok(())
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, SfdxError> {
    let fail = |source| SfdxError::Io { path: dir.to_owned(), source };
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        out.push(entry.map_err(fail)?.path());
    }
    out.sort();
    Ok(out)
}

fn meta_files(dir: &Path, suffix: &str) -> Result<Vec<PathBuf>, SfdxError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = entries(dir)?;
    files.retain(|path| path.to_string_lossy().ends_with(suffix));
    Ok(files)
}

fn with_root<T>(
    path: &Path,
    read: impl FnOnce(Node<'_, '_>) -> Result<T, String>,
) -> Result<T, SfdxError> {
    let io = |source| SfdxError::Io { path: path.to_owned(), source };
    let unreadable = |why| SfdxError::Unreadable { path: path.to_owned(), why };
    if fs::metadata(path).map_err(io)?.len() > MAX_FILE_BYTES {
        return Err(unreadable(format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    let text = fs::read_to_string(path).map_err(io)?;
    let document = Document::parse(&text).map_err(|e| unreadable(e.to_string()))?;
    read(document.root_element()).map_err(unreadable)
}

fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children().find(|n| n.has_tag_name_local(name)).and_then(|n| n.text()).map(str::trim)
}

/// Names without regard to the namespace, which tools leave out at times.
trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn flag(node: Node<'_, '_>, name: &str) -> bool {
    child(node, name) == Some("true")
}

fn number<T: std::str::FromStr>(node: Node<'_, '_>, name: &str) -> Result<T, String> {
    let text = child(node, name).ok_or_else(|| format!("<{name}> is missing"))?;
    text.parse().map_err(|_| format!("<{name}> is no number: {text}"))
}

fn read_object(object: &mut ObjectDef, root: Node<'_, '_>) {
    if let Some(label) = child(root, "label") {
        object.label = label.to_owned();
    }
    if let Some(label) = child(root, "pluralLabel") {
        object.label_plural = label.to_owned();
    }
    let Some(name) = root.children().find(|n| n.has_tag_name_local("nameField")) else { return };
    let label = child(name, "label").unwrap_or("Name");
    let kind = match (child(name, "type"), child(name, "displayFormat")) {
        (Some("AutoNumber"), format) => {
            FieldKind::AutoNumber { format: format.unwrap_or("{0}").to_owned() }
        }
        _ => FieldKind::text(NAME_LENGTH),
    };
    let field = FieldDef::new("Name", label, kind);
    let automatic = matches!(field.kind, FieldKind::AutoNumber { .. });
    object.put_field(if automatic { field.read_only() } else { field });
}

fn read_field(root: Node<'_, '_>) -> Result<FieldDef, String> {
    let name = child(root, "fullName").ok_or("<fullName> is missing")?;
    let label = child(root, "label").unwrap_or(name);
    let kind = child(root, "type").ok_or("<type> is missing")?;
    if child(root, "formula").is_some() {
        return Err("formula fields are not simulated".to_owned());
    }
    let mut field = FieldDef::new(name, label, read_kind(root, name, kind)?);
    field.required = flag(root, "required") || kind == "MasterDetail";
    field.unique = flag(root, "unique");
    field.external_id = flag(root, "externalId");
    field.case_sensitive = flag(root, "caseSensitive");
    if matches!(field.kind, FieldKind::AutoNumber { .. }) {
        field.writable = false;
    }
    Ok(field)
}

fn read_kind(root: Node<'_, '_>, name: &str, kind: &str) -> Result<FieldKind, String> {
    let decimal = || Ok::<_, String>((number(root, "precision")?, number(root, "scale")?));
    Ok(match kind {
        "Text" => FieldKind::Text { length: number(root, "length")? },
        "TextArea" => FieldKind::TextArea { length: 255 },
        "LongTextArea" | "Html" => FieldKind::LongText { length: number(root, "length")? },
        "Email" => FieldKind::Email { length: 80 },
        "Phone" => FieldKind::Phone { length: 40 },
        "Url" => FieldKind::Url { length: 255 },
        "Checkbox" => FieldKind::Checkbox,
        "Date" => FieldKind::Date,
        "DateTime" => FieldKind::DateTime,
        "Number" => {
            let (precision, scale) = decimal()?;
            FieldKind::Number { precision, scale }
        }
        "Currency" => {
            let (precision, scale) = decimal()?;
            FieldKind::Currency { precision, scale }
        }
        "Percent" => {
            let (precision, scale) = decimal()?;
            FieldKind::Percent { precision, scale }
        }
        "Picklist" => FieldKind::Picklist { values: values(root), restricted: restricted(root) },
        "MultiselectPicklist" => {
            FieldKind::MultiPicklist { values: values(root), restricted: restricted(root) }
        }
        "Lookup" | "MasterDetail" => FieldKind::Reference {
            to: child(root, "referenceTo").ok_or("<referenceTo> is missing")?.to_owned(),
            relationship: name
                .strip_suffix("__c")
                .map_or_else(|| name.to_owned(), |stem| format!("{stem}__r")),
            on_delete: match (kind, child(root, "deleteConstraint")) {
                ("MasterDetail", _) | (_, Some("Cascade")) => OnDelete::Cascade,
                (_, Some("Restrict")) => OnDelete::Restrict,
                (_, Some(_) | None) => OnDelete::SetNull,
            },
        },
        "AutoNumber" => FieldKind::AutoNumber {
            format: child(root, "displayFormat").unwrap_or("{0}").to_owned(),
        },
        other => return Err(format!("fields of type {other} are not simulated")),
    })
}

fn restricted(root: Node<'_, '_>) -> bool {
    root.descendants().any(|n| n.has_tag_name_local("restricted") && n.text() == Some("true"))
}

fn values(root: Node<'_, '_>) -> Vec<String> {
    root.descendants()
        .filter(|n| n.has_tag_name_local("value"))
        .filter_map(|n| child(n, "fullName"))
        .map(str::to_owned)
        .collect()
}

fn read_rule(root: Node<'_, '_>) -> Result<RuleDef, String> {
    let text = |name: &str| {
        child(root, name).map(str::to_owned).ok_or_else(|| format!("<{name}> is missing"))
    };
    Ok(RuleDef {
        name: text("fullName")?,
        active: flag(root, "active"),
        formula: text("errorConditionFormula")?,
        message: text("errorMessage")?,
        field: child(root, "errorDisplayField").map(str::to_owned),
    })
}
