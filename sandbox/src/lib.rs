//! covenant-sandbox
