//! The executable as a process: what it refuses, what it waits for, how it ends.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use kontor::servers::{Postgres, free_port};

use crate::home::Home;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn kontor(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kontor"));
    for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("KONTOR_")) {
        command.env_remove(variable);
    }
    command.args(arguments).current_dir(home).stdin(Stdio::null());
    command
}

/// Ends a process that a failed assertion left behind.
struct Running(Child);

impl Running {
    fn start(mut command: Command, log: &Path) -> Self {
        let log = fs::File::options().create(true).append(true).open(log).unwrap();
        Self(
            command
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap(),
        )
    }

    fn terminate(mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        assert!(
            Command::new("/bin/sh")
                .args(["-c", &format!("kill -TERM {id}")])
                .status()
                .unwrap()
                .success()
        );
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it did not end within 30 s of SIGTERM");
            std::thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn answers(url: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match reqwest::get(url).await {
            Ok(answer) if answer.status().is_success() => return,
            outcome => assert!(Instant::now() < deadline, "{url} is not ready: {outcome:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn address() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[tokio::test]
async fn serving_waits_for_the_database_and_refuses_one_that_is_not_migrated_or_a_role_that_may_too_much() {
    let home = Home::new();
    let server = Postgres::start(home.path()).await.unwrap();
    let own = server.url("kontor", "secret", "kontor");
    let admin = server.admin_url();
    let (listen, admin_listen) = (address(), address());
    let serve = |url: &str| {
        let mut command = kontor(home.path(), &["serve", "identity"]);
        command
            .env("KONTOR_IDENTITY_DATABASE_URL", url)
            .env("KONTOR_EVENTS", "amqp://nobody:nothing@127.0.0.1:1/%2f")
            .env("KONTOR_IDENTITY_LISTEN", &listen)
            .env("KONTOR_ADMIN_LISTEN", &admin_listen);
        command
    };
    let service_url = own.replace("kontor:secret", "kontor_identity:secret");

    let refused = serve(&service_url).output().unwrap();
    assert!(!refused.status.success());
    assert!(said(&refused).contains("kontor migrate"), "{}", said(&refused));

    let refused = serve(&admin).output().unwrap();
    assert!(
        said(&refused).contains("migrations are pending"),
        "{}",
        said(&refused)
    );

    let mut migrate = kontor(home.path(), &["migrate"]);
    migrate
        .env("KONTOR_DATABASE_URL", &own)
        .env("KONTOR_MIGRATE_DATABASE_URL", &admin);
    let migrated = migrate.output().unwrap();
    assert!(migrated.status.success(), "{}", said(&migrated));

    let refused = serve(&admin).output().unwrap();
    assert!(!refused.status.success());
    assert!(said(&refused).contains("superuser"), "{}", said(&refused));

    server.stop().unwrap();
    let running = Running::start(serve(&service_url), &home.path().join("serve.log"));
    answers(&format!("http://{admin_listen}/healthz")).await;
    let down = reqwest::get(format!("http://{admin_listen}/readyz"))
        .await
        .unwrap();
    assert_eq!(down.status(), 503);
    let server = Postgres::start(home.path()).await.unwrap();
    answers(&format!("http://{admin_listen}/readyz")).await;
    assert_eq!(running.terminate(), Some(0));
    server.stop().unwrap();
}

#[tokio::test]
async fn up_starts_everything_and_leaves_nothing_behind_and_finds_its_data_again() {
    let home = Home::new();
    let gateway = address();
    let up = || {
        let mut command = kontor(home.path(), &["up", "--no-demo"]);
        command
            .env("KONTOR_GATEWAY_LISTEN", &gateway)
            .env("KONTOR_RATE_LIMITS", "off");
        Running::start(command, &home.path().join("up.log"))
    };
    let ready = format!("http://{gateway}/readyz");
    let person = serde_json::json!({
        "email": "first@example.com", "password": "a-long-enough-one", "first_name": "First", "last_name": "User",
        "company_name": "Example",
    });
    let login = format!("http://{gateway}/api/v1/auth/login");

    let running = up();
    answers(&ready).await;
    let client = reqwest::Client::new();
    let register = format!("http://{gateway}/api/v1/auth/register");
    assert_eq!(
        client.post(register).json(&person).send().await.unwrap().status(),
        201
    );
    let second = kontor(home.path(), &["up"]).output().unwrap();
    assert!(said(&second).contains("runs here already"), "{}", said(&second));
    assert_eq!(running.terminate(), Some(0));
    assert!(!home.path().join("postgres/data/postmaster.pid").exists());

    // Killed outright the second time, so that the third start comes upon what that left.
    let mut killed = up();
    answers(&ready).await;
    assert_eq!(
        client
            .post(&login)
            .json(&person_login())
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    killed.0.kill().unwrap();
    drop(killed);

    let running = up();
    answers(&ready).await;
    assert_eq!(
        client
            .post(&login)
            .json(&person_login())
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let doctor = kontor(home.path(), &["doctor"]).output().unwrap();
    assert!(doctor.status.success(), "{}", said(&doctor));
    assert!(said(&doctor).contains("Nothing is wrong"), "{}", said(&doctor));
    assert_eq!(running.terminate(), Some(0));
}

fn person_login() -> serde_json::Value {
    serde_json::json!({"email": "first@example.com", "password": "a-long-enough-one"})
}
