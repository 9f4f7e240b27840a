//! How a service lives: settings, telemetry, database, callers, errors, serving and shutdown
