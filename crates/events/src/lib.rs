//! How a fact leaves a service and enters another: outbox, RabbitMQ or in-process bus, inbox, timers
