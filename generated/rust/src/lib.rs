//! acme-pipeline
