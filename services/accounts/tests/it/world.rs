//! A company of its own for each test, on a private PostgreSQL that lives as long as the test process.

use std::ops::Deref;

use kontor_accounts::{NAME, grpc::Grpc, references::Homes, service::Accounts};
use kontor_chassis::{Error, peers::Peers};
use kontor_proto::accounts::v1::{
    self, account_service_server::AccountService, territory_service_server::TerritoryService,
};
use kontor_records::transfer::Imports;
use kontor_testbed::{Database, Member, neighbours};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use kontor_testbed::{answer, fields};

pub(crate) static DATABASE: Database =
    Database::of(NAME, concat!(env!("CARGO_TARGET_TMPDIR"), "/accounts"), || {
        sqlx::migrate!("./migrations")
    });

/// What a member may do here.
const RIGHTS: [&str; 9] = [
    "accounts:read",
    "accounts:create",
    "accounts:update",
    "accounts:delete",
    "accounts:import",
    "accounts:export",
    "accounts:merge",
    "territories:read",
    "territories:manage",
];

/// The service and a member of a company that nobody else works in.
pub(crate) struct World {
    member: Member,
    pub(crate) grpc: Grpc,
    pub(crate) imports: Imports<Accounts>,
}

/// What a member sees and does is seen and done in this world.
impl Deref for World {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.member
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::beside(|_| {}).await
    }

    /// With other services that answer in this process.
    pub(crate) async fn beside(others: impl FnOnce(&Peers)) -> Self {
        let db = DATABASE.open(5).await;
        let peers = neighbours::peers(NAME, &["identity", "leads"]);
        others(&peers);
        let accounts = Accounts::new(db.clone(), Homes::new(peers));
        let (tasks, draining) = (TaskTracker::new(), CancellationToken::new());
        let imports = Imports::on(db.clone(), tasks, draining, accounts.clone()).unwrap();
        Self {
            member: Member::new(db, RIGHTS),
            grpc: Grpc::new(accounts, imports.clone()),
            imports,
        }
    }

    /// The same service for a member of another company.
    pub(crate) fn elsewhere(&self) -> Self {
        self.of(self.member.elsewhere())
    }

    fn of(&self, member: Member) -> Self {
        Self {
            member,
            grpc: self.grpc.clone(),
            imports: self.imports.clone(),
        }
    }

    /// Makes a territory.
    pub(crate) async fn territory(&self, territory: v1::Territory) -> Result<v1::Territory, Error> {
        let request = self.asks(v1::CreateTerritoryRequest {
            territory: Some(territory),
        });
        Ok(answer(self.grpc.create_territory(request).await)?
            .territory
            .unwrap())
    }

    pub(crate) async fn create(&self, account: v1::Account) -> Result<v1::Account, Error> {
        let request = self.asks(v1::CreateAccountRequest {
            account: Some(account),
        });
        Ok(answer(self.grpc.create_account(request).await)?.account.unwrap())
    }

    pub(crate) async fn get(&self, id: &str) -> Result<v1::Account, Error> {
        let request = self.asks(v1::GetAccountRequest {
            id: id.to_owned(),
            expand: String::new(),
        });
        Ok(answer(self.grpc.get_account(request).await)?.account.unwrap())
    }

    pub(crate) async fn update(
        &self,
        id: &str,
        account: v1::Account,
        paths: &[&str],
        etag: &str,
    ) -> Result<v1::Account, Error> {
        let paths = paths.iter().map(ToString::to_string).collect();
        let request = self.asks(v1::UpdateAccountRequest {
            id: id.to_owned(),
            account: Some(account),
            update_mask: Some(prost_types::FieldMask { paths }),
            etag: etag.to_owned(),
        });
        Ok(answer(self.grpc.update_account(request).await)?.account.unwrap())
    }
}

pub(crate) fn named(name: &str) -> v1::Account {
    v1::Account {
        name: name.to_owned(),
        ..v1::Account::default()
    }
}
