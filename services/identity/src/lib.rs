//! The service identity: people, companies, sessions and signing keys
