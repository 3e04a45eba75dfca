//! covenant-compiler
