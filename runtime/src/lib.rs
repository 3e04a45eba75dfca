//! covenant-runtime
