//! Processes of identity on a private PostgreSQL, and people who use them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kontor::migrate::{self, Schema};
use kontor::servers::Postgres;
use kontor_chassis::Error;
use kontor_chassis::host::Process;
use kontor_chassis::peers::Peers;
use kontor_chassis::settings::Settings;
use kontor_chassis::token::ServiceKey;
use kontor_events::Bus;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::auth_service_client::AuthServiceClient;
use kontor_proto::identity::v1::company_service_client::CompanyServiceClient;
use kontor_proto::identity::v1::invitation_service_client::InvitationServiceClient;
use kontor_proto::identity::v1::key_service_client::KeyServiceClient;
use kontor_proto::identity::v1::member_service_client::MemberServiceClient;
use kontor_proto::identity::v1::session_service_client::SessionServiceClient;
use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

pub(crate) use kontor_testbed::{answer, fields};

pub(crate) const PASSWORD: &str = "a mill that grinds slowly";

static DATABASE: OnceCell<Postgres> = OnceCell::const_new();

/// The server of this run, with the tables of identity. It lives as long as the test process.
pub(crate) async fn database() -> &'static Postgres {
    DATABASE
        .get_or_init(|| async {
            let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("identity");
            if home.exists() {
                std::fs::remove_dir_all(&home).unwrap();
            }
            std::fs::create_dir_all(&home).unwrap();
            // A world keeps its connections as long as the test process lives: an in-process peer knows the service that
            // knows the peer. There are more worlds than an installation has processes.
            let server = Postgres::start(&home).await.unwrap();
            execute(
                &server.admin_url(),
                "alter system set max_connections = 800".to_owned(),
            )
            .await;
            server.stop().unwrap();
            let server = Postgres::start(&home).await.unwrap();
            let tables = vec![kontor_events::migrator(), migrator()];
            let schema = Schema::new(kontor_identity::NAME, url(&server), tables);
            migrate::apply(&server.admin_url(), &[schema]).await.unwrap();
            // For worlds that share nothing with others: a template must have nobody in it.
            execute(
                &server.admin_url(),
                "create database pristine template kontor".to_owned(),
            )
            .await;
            server
        })
        .await
}

async fn execute(admin_url: &str, statement: String) {
    let mut admin = PgConnection::connect(admin_url).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .execute(&mut admin)
        .await
        .unwrap();
}

/// The URL with another database.
fn of_database(url: &str, database: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

fn migrator() -> sqlx::migrate::Migrator {
    sqlx::migrate!("./migrations")
}

pub(crate) fn url(server: &Postgres) -> String {
    server.url("kontor_identity", "secret", "kontor")
}

/// The database as one who may see everything.
pub(crate) async fn admin() -> PgConnection {
    PgConnection::connect(&database().await.admin_url())
        .await
        .unwrap()
}

/// An installation: folders of its own, one process or several.
pub(crate) struct World {
    folder: PathBuf,
    processes: Vec<(Process, Channel)>,
    /// Settings beside the usual ones.
    extra: Vec<(&'static str, String)>,
    /// A database of its own, by name; none shares the one of all.
    database: Option<String>,
}

impl World {
    /// One process.
    pub(crate) async fn new() -> Self {
        Self::of(1).await
    }

    /// Several processes of identity on the same keys and the same database.
    pub(crate) async fn of(replicas: usize) -> Self {
        Self::begin(replicas, Vec::new(), None).await
    }

    /// One process with a database of its own: nobody else sends its mails or counts its attempts.
    pub(crate) async fn alone() -> Self {
        Self::alone_with(1, Vec::new()).await
    }

    /// Several processes with settings beside the usual ones, on a database of their own.
    pub(crate) async fn alone_with(replicas: usize, extra: Vec<(&'static str, String)>) -> Self {
        let name = format!("own_{}", Uuid::now_v7().simple());
        let create = format!("create database {name} template pristine");
        execute(&database().await.admin_url(), create).await;
        Self::begin(replicas, extra, Some(name)).await
    }

    async fn begin(replicas: usize, extra: Vec<(&'static str, String)>, database: Option<String>) -> Self {
        let folder = std::env::temp_dir().join(format!("kontor-identity-{}", Uuid::now_v7()));
        let mut world = Self {
            folder,
            processes: Vec::new(),
            extra,
            database,
        };
        for _ in 0..replicas {
            let process = world.start().await;
            world.processes.push(process);
        }
        world
    }

    async fn start(&self) -> (Process, Channel) {
        let folder = |name: &str| self.folder.join(name).to_str().unwrap().to_owned();
        let shared = url(database().await);
        let url = match &self.database {
            Some(own) => of_database(&shared, own),
            None => shared,
        };
        let usual = [
            ("database_url", url),
            ("database_connections", "5".to_owned()),
            ("keys_dir", folder("keys")),
            ("mail_dir", folder("mail")),
            ("public_url", "https://crm.example".to_owned()),
            ("oidc_private_issuers", "on".to_owned()),
            ("identity_listen", "127.0.0.1:0".to_owned()),
            // Who tests them turns them on: `extra` comes later and wins.
            ("rate_limits", "off".to_owned()),
        ];
        let settings = Settings::from_pairs(usual.into_iter().chain(self.extra.clone()));
        let settings = Arc::new(settings.unwrap());
        let key = ServiceKey::open(&settings.keys_dir).unwrap();
        let peers = Peers::builder(key).local(kontor_identity::NAME).build("tests");
        let process = Process::start(settings, peers, kontor_identity::NAME).unwrap();
        let host = process.host(kontor_identity::NAME, 50051).unwrap();
        let routes = kontor_identity::run(host.clone(), Bus::connect("in-process").unwrap())
            .await
            .unwrap();
        let address = kontor_chassis::serve::serve(&host, routes).await.unwrap();
        let channel = Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap();
        until(|| async { process.verifier.is_in_step() }).await;
        (process, channel)
    }

    /// The way to a process.
    pub(crate) fn channel(&self, replica: usize) -> Channel {
        self.processes[replica].1.clone()
    }

    pub(crate) fn auth(&self) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(self.channel(0))
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<Channel> {
        SessionServiceClient::new(self.channel(0))
    }

    pub(crate) fn companies(&self) -> CompanyServiceClient<Channel> {
        CompanyServiceClient::new(self.channel(0))
    }

    pub(crate) fn members(&self) -> MemberServiceClient<Channel> {
        MemberServiceClient::new(self.channel(0))
    }

    pub(crate) fn invitations(&self) -> InvitationServiceClient<Channel> {
        InvitationServiceClient::new(self.channel(0))
    }

    /// A person whose address is proved.
    pub(crate) async fn verified(&self) -> Person {
        let person = self.register().await;
        let token = self.link("verify-email", &person.email).await;
        answer(self.auth().verify_email(v1::VerifyEmailRequest { token }).await).unwrap();
        person
    }

    /// A new person who has accepted an invitation of somebody whose address is proved.
    pub(crate) async fn colleague(&self, of: &Person, role: &str) -> Person {
        let email = form().email;
        let invitation = v1::Invitation {
            email: email.clone(),
            role: role.to_owned(),
            ..Default::default()
        };
        let invite = v1::CreateInvitationRequest {
            invitation: Some(invitation),
        };
        answer(self.invitations().create_invitation(of.asks(invite)).await).unwrap();
        let accept = v1::AcceptInvitationRequest {
            token: self.link("accept-invitation", &email).await,
            password: Some(PASSWORD.to_owned()),
            first_name: Some("Charles".to_owned()),
            last_name: Some("Babbage".to_owned()),
        };
        let joined = answer(self.invitations().accept_invitation(accept).await).unwrap();
        Person::new(
            email,
            joined.user.unwrap(),
            joined.company.unwrap(),
            &joined.tokens.unwrap(),
        )
    }

    pub(crate) fn keys(&self) -> KeyServiceClient<Channel> {
        KeyServiceClient::new(self.channel(0))
    }

    /// What judges tokens in a process.
    pub(crate) fn verifier(&self) -> kontor_chassis::token::Verifier {
        self.processes[0].0.verifier.clone()
    }

    /// A request as the gateway passes it on, from a client at this address with this program.
    pub(crate) fn as_client_at<T>(&self, address: &str, device: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let headers = request.metadata_mut().as_mut();
        headers.insert("x-forwarded-for", address.parse().unwrap());
        headers.insert("x-client-user-agent", device.parse().unwrap());
        kontor_chassis::origin::vouch(headers, self.processes[0].0.peers.service_key());
        request
    }

    /// The `authorization` of another service.
    pub(crate) fn service_token(&self) -> String {
        let header = self.processes[0]
            .0
            .peers
            .service_key()
            .authorization("tests", None)
            .unwrap();
        header.to_str().unwrap().to_owned()
    }

    /// The database of this world as one who may see everything.
    pub(crate) async fn admin(&self) -> PgConnection {
        let shared = database().await.admin_url();
        let url = match &self.database {
            Some(own) => of_database(&shared, own),
            None => shared,
        };
        PgConnection::connect(&url).await.unwrap()
    }

    /// The link to this page in the first mail to an address that has one.
    pub(crate) async fn link(&self, page: &str, email: &str) -> String {
        let start = format!("https://crm.example/{page}?token=");
        let found = || {
            let to = format!("To: {email}\r\n");
            let mail = self
                .mails()
                .into_iter()
                .find(|mail| mail.contains(&to) && mail.contains(&start))?;
            let token = mail.split(&start).nth(1)?.split_whitespace().next()?;
            Some(token.to_owned())
        };
        until(|| async { found().is_some() }).await;
        found().unwrap()
    }

    /// Mails written so far.
    pub(crate) fn mails(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.folder.join("mail")) else {
            return Vec::new();
        };
        files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }

    /// A person with a company of the own.
    pub(crate) async fn register(&self) -> Person {
        let form = form();
        let email = form.email.clone();
        let answer = self.auth().register(form).await.unwrap().into_inner();
        Person::new(
            email,
            answer.user.unwrap(),
            answer.company.unwrap(),
            &answer.tokens.unwrap(),
        )
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<v1::LoginResponse, Error> {
        answer(self.auth().login(sign_in(email, password)).await)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<v1::Tokens, Error> {
        let request = v1::RefreshTokenRequest {
            refresh_token: token.to_owned(),
        };
        Ok(answer(self.auth().refresh_token(request).await)?.tokens.unwrap())
    }

    /// Whether an access token is let in by a process.
    pub(crate) async fn me(&self, replica: usize, access_token: &str) -> Result<v1::GetMeResponse, Error> {
        let mut client = SessionServiceClient::new(self.channel(replica));
        answer(client.get_me(with_token(access_token, v1::GetMeRequest {})).await)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (process, _) in &self.processes {
            process.draining.cancel();
            process.shutdown.cancel();
            process.peers.let_go();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        if let (Some(own), Some(server)) = (&self.database, DATABASE.get()) {
            let (url, drop) = (server.admin_url(), format!("drop database {own} with (force)"));
            // This thread's run time is busy with being dropped.
            let dropped = std::thread::spawn(move || {
                let here = tokio::runtime::Builder::new_current_thread().enable_all().build();
                here.unwrap().block_on(execute(&url, drop));
            });
            let _ = dropped.join();
        }
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) user: v1::User,
    pub(crate) company: v1::Company,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Person {
    pub(crate) fn new(email: String, user: v1::User, company: v1::Company, tokens: &v1::Tokens) -> Self {
        let (access, refresh) = (tokens.access_token.clone(), tokens.refresh_token.clone().unwrap());
        Self {
            email,
            user,
            company,
            access,
            refresh,
        }
    }

    /// A request of this person.
    pub(crate) fn asks<T>(&self, message: T) -> Request<T> {
        with_token(&self.access, message)
    }
}

pub(crate) fn with_token<T>(access_token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {access_token}").parse().unwrap());
    request
}

/// A form that nobody has filled in before.
pub(crate) fn form() -> v1::RegisterRequest {
    v1::RegisterRequest {
        email: format!("ada-{}@engine.example", Uuid::now_v7().simple()),
        password: PASSWORD.to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        company_name: "Analytical Engines".to_owned(),
        currency: None,
    }
}

pub(crate) fn sign_in(email: &str, password: &str) -> v1::LoginRequest {
    v1::LoginRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        totp_code: None,
        company_id: None,
    }
}

/// Waits until something holds, and fails after a generous while.
pub(crate) async fn until<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let reached = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached)
        .await
        .expect("what is waited for does not come");
}
