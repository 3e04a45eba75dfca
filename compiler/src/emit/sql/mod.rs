//! What both warehouses' SQL is made from: names, types and the shape of an entity's tables. The decisions stand here
//! once; the templates of each dialect lay them out.

mod entity;
mod ident;
mod json;
mod query;
pub(crate) mod unique;

pub(crate) use entity::{EntityTables, TableColumn, column_type, group_names, policy};
pub(crate) use ident::{Dialect, single_line, slug, text_literal};
pub(crate) use query::{ModelTable, column as model_column, model_tables, refused};
pub(crate) use unique::{checks as unique_checks, model_check};
