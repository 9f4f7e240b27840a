//! The service leads
