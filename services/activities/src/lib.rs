//! The service activities
