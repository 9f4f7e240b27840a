//! The services of the suite: the only place that lists them.

use std::pin::Pin;

use anyhow::{Context, Result, bail};
use kontor_chassis::error::Error;
use kontor_chassis::host::Host;
use kontor_chassis::idempotency;
use kontor_chassis::settings::{ServiceSettings, Settings};
use kontor_events::Bus;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::migrate::Schema;

/// The gateway's name on the command line. It is no service: it has no schema and no gRPC.
pub const GATEWAY: &str = "gateway";
/// The service that signs tokens.
pub const IDENTITY: &str = "identity";

type Run = fn(Host, Bus) -> Pin<Box<dyn Future<Output = Result<Routes, Error>> + Send>>;

/// A service: what its process and its schema are made of.
pub struct Service {
    /// Its name, which is also its schema's and its word in settings.
    pub name: &'static str,
    /// The port it listens on unless told otherwise.
    pub port: u16,
    migrators: fn() -> Vec<Migrator>,
    hears: fn() -> Vec<String>,
    run: Run,
}

/// Every service, in the order of their ports.
pub static SERVICES: [Service; 6] = [
    Service {
        name: kontor_identity::NAME,
        port: 50051,
        migrators: || {
            vec![
                idempotency::migrator(),
                kontor_events::migrator(),
                own(&kontor_identity::MIGRATOR),
            ]
        },
        hears: kontor_identity::hears,
        run: |host, bus| Box::pin(kontor_identity::run(host, bus)),
    },
    Service {
        name: kontor_accounts::NAME,
        port: 50052,
        migrators: || records(&kontor_accounts::MIGRATOR),
        hears: kontor_accounts::hears,
        run: |host, bus| Box::pin(kontor_accounts::run(host, bus)),
    },
    Service {
        name: kontor_contacts::NAME,
        port: 50053,
        migrators: || records(&kontor_contacts::MIGRATOR),
        hears: kontor_contacts::hears,
        run: |host, bus| Box::pin(kontor_contacts::run(host, bus)),
    },
    Service {
        name: kontor_leads::NAME,
        port: 50054,
        migrators: || records(&kontor_leads::MIGRATOR),
        hears: kontor_leads::hears,
        run: |host, bus| Box::pin(kontor_leads::run(host, bus)),
    },
    Service {
        name: kontor_deals::NAME,
        port: 50055,
        migrators: || records(&kontor_deals::MIGRATOR),
        hears: kontor_deals::hears,
        run: |host, bus| Box::pin(kontor_deals::run(host, bus)),
    },
    Service {
        name: kontor_activities::NAME,
        port: 50056,
        migrators: || vec![idempotency::migrator(), kontor_events::migrator()],
        hears: Vec::new,
        run: |host, bus| Box::pin(kontor_activities::run(host, bus)),
    },
];

/// The migrations of a service of records. Its own come last: their indexes may use what those before them make.
fn records(service: &Migrator) -> Vec<Migrator> {
    vec![
        idempotency::migrator(),
        kontor_events::migrator(),
        kontor_records::migrator(),
        own(service),
    ]
}

/// The service's own migrations, with their list in `_migrations`.
fn own(migrator: &Migrator) -> Migrator {
    let mut own = Migrator::with_migrations(migrator.migrations.to_vec());
    own.dangerous_set_table_name("_migrations");
    own
}

impl Service {
    /// Starts it: its consumers and relay run as tasks of the host, its rpcs are the answer.
    ///
    /// # Errors
    /// What the service says.
    pub async fn run(&self, host: Host, bus: Bus) -> Result<Routes, Error> {
        (self.run)(host, bus).await
    }

    /// The types of messages it hears.
    #[must_use]
    pub fn hears(&self) -> Vec<String> {
        (self.hears)()
    }

    /// Its settings.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn settings(&self, settings: &Settings) -> Result<ServiceSettings, Error> {
        settings.service(self.name, self.port)
    }

    /// Its schema, as `migrate` makes it and `serve` wants it.
    ///
    /// # Errors
    /// When no database is set for it.
    pub fn schema(&self, settings: &Settings) -> Result<Schema> {
        let service = self.settings(settings).map_err(crate::explain)?;
        let url = service.database_url().map_err(crate::explain)?;
        Ok(Schema::new(self.name, url, (self.migrators)()))
    }
}

/// The schemas of these services.
///
/// # Errors
/// When no database is set for one.
pub fn schemas(settings: &Settings, services: &[&Service]) -> Result<Vec<Schema>> {
    services.iter().map(|service| service.schema(settings)).collect()
}

/// What one process serves.
pub struct Selection {
    /// The services, in the order of their ports.
    pub services: Vec<&'static Service>,
    /// Whether the gateway is with them.
    pub gateway: bool,
}

impl Selection {
    /// All services and the gateway.
    #[must_use]
    pub fn all() -> Self {
        Self {
            services: SERVICES.iter().collect(),
            gateway: true,
        }
    }

    /// What was named on the command line: services, `gateway`, or `all`.
    ///
    /// # Errors
    /// When a word is none of them; the message lists them.
    pub fn parse(names: &[String]) -> Result<Self> {
        let mut chosen = Self {
            services: Vec::new(),
            gateway: false,
        };
        if names.iter().any(|name| name == "all") {
            return Ok(Self::all());
        }
        for name in names {
            if name == GATEWAY {
                chosen.gateway = true;
            } else if !SERVICES.iter().any(|service| service.name == name) {
                let known: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
                bail!(
                    "there is no service `{name}`; there are all, {}, {GATEWAY}",
                    known.join(", ")
                );
            }
        }
        chosen.services = SERVICES
            .iter()
            .filter(|service| names.iter().any(|name| name == service.name))
            .collect();
        Ok(chosen)
    }

    /// Whether this service runs in the process.
    #[must_use]
    pub fn has(&self, service: &str) -> bool {
        self.services.iter().any(|chosen| chosen.name == service)
    }

    /// Whether the whole suite runs in the process.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.gateway && self.services.len() == SERVICES.len()
    }

    /// The bus it uses: the setting's, or within the process when the whole suite is.
    ///
    /// # Errors
    /// When the setting is missing or can't be used by a part of the suite.
    pub fn bus_address(&self, settings: &Settings) -> Result<String> {
        let alone = self.is_whole() || self.services.is_empty();
        match settings.events.as_deref() {
            None if alone => Ok("in-process".to_owned()),
            None => Err(anyhow::anyhow!(
                "set KONTOR_EVENTS=amqp://user:password@host:5672/%2f"
            ))
            .context("services in processes of their own need a broker"),
            Some("in-process") if !alone => {
                bail!("KONTOR_EVENTS=in-process reaches no other process: use `serve all` or a broker")
            }
            Some(address) => Ok(address.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(events: Option<&str>) -> Settings {
        Settings::from_pairs(events.map(|address| ("events", address))).unwrap()
    }

    #[test]
    fn the_whole_suite_needs_no_broker_and_a_part_of_it_does() {
        let one = Selection::parse(&["activities".to_owned()]).unwrap();
        assert_eq!(
            Selection::all().bus_address(&settings(None)).unwrap(),
            "in-process"
        );
        assert!(one.bus_address(&settings(None)).is_err());
        assert!(one.bus_address(&settings(Some("in-process"))).is_err());
        assert_eq!(
            one.bus_address(&settings(Some("amqp://mq"))).unwrap(),
            "amqp://mq"
        );
    }

    #[test]
    fn an_unknown_service_is_refused_with_those_there_are() {
        let refused = Selection::parse(&["billing".to_owned()])
            .err()
            .unwrap()
            .to_string();
        assert!(
            refused.contains("billing") && refused.contains("activities"),
            "{refused}"
        );
    }

    #[test]
    fn ports_follow_the_order_of_the_table() {
        assert!(SERVICES.is_sorted_by_key(|service| service.port));
    }
}
