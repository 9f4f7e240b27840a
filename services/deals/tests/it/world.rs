//! A company of its own for each test, on a private PostgreSQL that lives as long as the test process.

use std::ops::Deref;

use kontor_chassis::{Error, peers::Peers};
use kontor_deals::{NAME, grpc::Grpc, references::Homes, service::Deals};
use kontor_proto::deals::v1::{self, deal_service_server::DealService};
use kontor_records::transfer::Imports;
use kontor_testbed::{Database, Member, neighbours};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use kontor_testbed::{answer, fields};

pub(crate) static DATABASE: Database =
    Database::of(NAME, concat!(env!("CARGO_TARGET_TMPDIR"), "/deals"), || {
        sqlx::migrate!("./migrations")
    });

/// What a member may do here, whose rights to deals reach so far.
fn rights(scope: &str) -> Vec<String> {
    let rights = ["read", "create", "update", "delete", "import", "export"];
    let rights = rights.map(|right| format!("deals:{right}:{scope}"));
    let pipelines = ["pipelines:read", "pipelines:manage"].map(str::to_owned);
    rights.into_iter().chain(pipelines).collect()
}

/// The service and a member of a company that nobody else works in.
pub(crate) struct World {
    member: Member,
    pub(crate) grpc: Grpc,
    pub(crate) imports: Imports<Deals>,
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
        let peers = neighbours::peers(NAME, &["identity", "accounts", "contacts", "leads"]);
        others(&peers);
        let deals = Deals::new(db.clone(), Homes::new(peers));
        let (tasks, draining) = (TaskTracker::new(), CancellationToken::new());
        let imports = Imports::on(db.clone(), tasks, draining, deals.clone()).unwrap();
        Self {
            member: Member::new(db, rights("all")),
            grpc: Grpc::new(deals, imports.clone()),
            imports,
        }
    }

    /// The same service for a member of another company.
    pub(crate) fn elsewhere(&self) -> Self {
        self.of(self.member.elsewhere())
    }

    /// The same service for another member of the company, who may do everything with the own deals.
    pub(crate) fn rep(&self) -> Self {
        self.of(self.member.colleague(rights("own")))
    }

    fn of(&self, member: Member) -> Self {
        Self {
            member,
            grpc: self.grpc.clone(),
            imports: self.imports.clone(),
        }
    }

    pub(crate) async fn create(&self, deal: v1::Deal) -> Result<v1::Deal, Error> {
        let request = self.asks(v1::CreateDealRequest { deal: Some(deal) });
        Ok(answer(self.grpc.create_deal(request).await)?.deal.unwrap())
    }

    pub(crate) async fn get(&self, id: &str) -> Result<v1::Deal, Error> {
        let request = self.asks(v1::GetDealRequest {
            id: id.to_owned(),
            expand: String::new(),
        });
        Ok(answer(self.grpc.get_deal(request).await)?.deal.unwrap())
    }

    pub(crate) async fn update(
        &self,
        id: &str,
        deal: v1::Deal,
        paths: &[&str],
        etag: &str,
    ) -> Result<v1::Deal, Error> {
        let paths = paths.iter().map(ToString::to_string).collect();
        let request = self.asks(v1::UpdateDealRequest {
            id: id.to_owned(),
            deal: Some(deal),
            update_mask: Some(prost_types::FieldMask { paths }),
            etag: etag.to_owned(),
        });
        Ok(answer(self.grpc.update_deal(request).await)?.deal.unwrap())
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), Error> {
        let request = self.asks(v1::DeleteDealRequest {
            id: id.to_owned(),
            etag: String::new(),
        });
        answer(self.grpc.delete_deal(request).await)
    }

    pub(crate) async fn restore(&self, id: &str) -> Result<v1::Deal, Error> {
        let request = self.asks(v1::RestoreDealRequest {
            id: id.to_owned(),
            etag: String::new(),
        });
        Ok(answer(self.grpc.restore_deal(request).await)?.deal.unwrap())
    }
}

pub(crate) fn named(name: &str) -> v1::Deal {
    v1::Deal {
        name: name.to_owned(),
        ..v1::Deal::default()
    }
}
