//! covenant-model
