//! Shared by the tests of the workspace.

pub mod runtime_binary;
pub mod small;
pub mod under;
