//! The suite as a user sees it: real processes, real PostgreSQL, real RabbitMQ
