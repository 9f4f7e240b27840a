//! A private PostgreSQL with the schema of one service.

use std::path::Path;

use kontor::migrate::{self, Schema};
use kontor::servers::Postgres;
use kontor_chassis::Db;
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;

/// A private PostgreSQL, migrated as `kontor migrate` does: made when it is first asked for, it lives as long as the test
/// process.
pub struct Database {
    service: &'static str,
    home: &'static str,
    tables: fn() -> Migrator,
    server: OnceCell<Postgres>,
}

impl Database {
    /// Of this service of records, in the folder `home`, which every run empties. `tables` are those of the service alone.
    #[must_use]
    pub const fn of(service: &'static str, home: &'static str, tables: fn() -> Migrator) -> Self {
        Self {
            service,
            home,
            tables,
            server: OnceCell::const_new(),
        }
    }

    async fn server(&self) -> &Postgres {
        self.server
            .get_or_init(|| async {
                let server = Postgres::start(empty(self.home)).await.unwrap();
                let tables = vec![
                    kontor_events::migrator(),
                    kontor_records::migrator(),
                    (self.tables)(),
                ];
                let schema = Schema::new(self.service, self.url_at(&server), tables);
                migrate::apply(&server.admin_url(), &[schema]).await.unwrap();
                server
            })
            .await
    }

    fn url_at(&self, server: &Postgres) -> String {
        server.url(&format!("kontor_{}", self.service), "secret", "kontor")
    }

    /// The URL by which the service logs in.
    pub async fn url(&self) -> String {
        self.url_at(self.server().await)
    }

    /// The service's way to its rows, over at most so many connections.
    pub async fn open(&self, connections: u32) -> Db {
        Db::open(&self.url().await, self.service, connections).unwrap()
    }

    /// A connection of the superuser, for what no service may do.
    pub async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.server().await.admin_url())
            .await
            .unwrap()
    }
}

/// The folder, with nothing in it.
pub(crate) fn empty(folder: &str) -> &Path {
    let folder = Path::new(folder);
    if folder.exists() {
        std::fs::remove_dir_all(folder).unwrap();
    }
    std::fs::create_dir_all(folder).unwrap();
    folder
}
