//! The service deals
