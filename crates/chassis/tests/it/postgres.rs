//! A private PostgreSQL for this test binary, or the one of `KONTOR_TEST_DATABASE_URL` (a superuser's URL).

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;
use uuid::Uuid;

/// A database of its own, with the schema `alpha`, one tenant table in it, and a login role that RLS binds.
pub(crate) struct Database {
    admin: Url,
    role: String,
}

static SERVER: LazyLock<(Url, Option<Mutex<Child>>)> =
    LazyLock::new(|| match std::env::var("KONTOR_TEST_DATABASE_URL") {
        Ok(url) => (url.parse().unwrap(), None),
        Err(_) => start(),
    });

/// The shell ends the server when this process is gone, however it went: then its standard input ends.
const SCRIPT: &str = r#"
set -e
dir=$1; bin=$2
"$bin/initdb" -D "$dir/data" -U tester --auth=trust -E UTF8 --locale=C >"$dir/log" 2>&1
"$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -o "-k $dir -c listen_addresses='' -c fsync=off" start >/dev/null </dev/null
echo up
read -r _ || true
"$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null
rm -rf "$dir"
"#;

fn start() -> (Url, Option<Mutex<Child>>) {
    let dir = std::env::temp_dir().join(format!("kontor-chassis-{}", Uuid::new_v4().simple()));
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = if root {
        let made = Command::new("install")
            .args(["-d", "-o", "postgres"])
            .arg(&dir)
            .status()
            .unwrap();
        assert!(made.success());
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh"]);
        command
    } else {
        std::fs::create_dir(&dir).unwrap();
        Command::new("sh")
    };
    let mut child = command
        .args(["-c", SCRIPT, "sh"])
        .arg(&dir)
        .arg(binaries())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(
        line,
        "up\n",
        "PostgreSQL did not start: see {}/log",
        dir.display()
    );
    let mut url: Url = "postgres://tester@localhost/postgres".parse().unwrap();
    url.query_pairs_mut().append_pair("host", dir.to_str().unwrap());
    (url, Some(Mutex::new(child)))
}

fn binaries() -> PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed, or KONTOR_TEST_DATABASE_URL names one")
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL's server is installed")
}

impl Database {
    pub(crate) async fn new() -> Self {
        let name = format!("t{}", Uuid::new_v4().simple());
        let role = format!("kontor_{name}");
        let mut server = PgConnection::connect(SERVER.0.as_str()).await.unwrap();
        let run = async |connection: &mut PgConnection, text: String| {
            connection.execute(AssertSqlSafe(text)).await.unwrap();
        };
        run(&mut server, format!("create database {name}")).await;
        run(&mut server, format!("create role {role} login")).await;
        server.close().await.unwrap();

        let mut admin = SERVER.0.clone();
        admin.set_path(&name);
        let database = Self { admin, role };
        let text = format!(
            "create schema alpha;
             create table alpha.things (
                company_id uuid not null,
                id uuid not null,
                name text not null,
                constraint things_pkey primary key (company_id, id)
             );
             alter table alpha.things enable row level security;
             alter table alpha.things force row level security;
             create policy tenant on alpha.things
                using (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid))
                with check (company_id = (select nullif(current_setting('kontor.company_id', true), '')::uuid));
             grant usage on schema alpha to {0};
             grant select, insert, update, delete on all tables in schema alpha to {0}",
            database.role
        );
        database.as_admin(&text).await;
        database
    }

    /// Runs statements as the superuser.
    pub(crate) async fn as_admin(&self, text: &str) {
        let mut admin = PgConnection::connect(self.admin.as_str()).await.unwrap();
        admin.execute(AssertSqlSafe(text.to_owned())).await.unwrap();
        admin.close().await.unwrap();
    }

    /// The service's own login role.
    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    /// The URL of the service.
    pub(crate) fn url(&self) -> String {
        let mut url = self.admin.clone();
        url.set_username(&self.role).unwrap();
        url.set_password(None).unwrap();
        url.into()
    }

    /// The URL of the superuser.
    pub(crate) fn admin_url(&self) -> &str {
        self.admin.as_str()
    }

    /// The socket and the name, for a proxy: only of the private server.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        let (_, host) = self.admin.query_pairs().find(|(key, _)| key == "host")?;
        Some(PathBuf::from(host.as_ref()).join(".s.PGSQL.5432"))
    }

    pub(crate) fn name(&self) -> &str {
        self.admin.path().trim_start_matches('/')
    }
}
