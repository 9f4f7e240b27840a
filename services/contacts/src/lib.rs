//! The service contacts
