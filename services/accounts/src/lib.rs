//! The service accounts
