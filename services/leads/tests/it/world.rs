//! A company of its own for each test, on a private PostgreSQL that lives as long as the test process.

use std::{ops::Deref, time::Duration};

use kontor_chassis::{Error, Host, host::Process, settings::Settings};
use kontor_leads::{NAME, events, grpc::Grpc, service::Leads};
use kontor_proto::leads::v1::{
    self, lead_conversion_service_server::LeadConversionService, lead_service_server::LeadService,
};
use kontor_records::transfer::Imports;
use kontor_testbed::{Database, Member, neighbours};

pub(crate) use kontor_testbed::{answer, fields};

pub(crate) static DATABASE: Database =
    Database::of(NAME, concat!(env!("CARGO_TARGET_TMPDIR"), "/leads"), || {
        sqlx::migrate!("./migrations")
    });

/// What a member may do here.
const RIGHTS: [&str; 9] = [
    "leads:read",
    "leads:create",
    "leads:update",
    "leads:delete",
    "leads:import",
    "leads:export",
    "leads:convert",
    "leads:merge",
    "territories:manage",
];

/// The service, without its relay and consumers, and a member of a company that nobody else works in.
pub(crate) struct World {
    member: Member,
    pub(crate) host: Host,
    pub(crate) leads: Leads,
    pub(crate) grpc: Grpc,
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
        let peers = neighbours::peers(NAME, &["identity", "accounts", "contacts", "deals"]);
        let settings = Settings::from_pairs([("leads_database_url", DATABASE.url().await)]).unwrap();
        let process = Process::start(settings.into(), peers, "identity").unwrap();
        let host = process.host(NAME, 1).unwrap();
        let leads = Leads::new(&host);
        let imports = Imports::new(&host, leads.clone()).unwrap();
        let grpc = Grpc::new(leads.clone(), imports);
        Self {
            member: Member::new(host.db.clone(), RIGHTS),
            host,
            leads,
            grpc,
        }
    }

    /// The same service for a member of another company.
    pub(crate) fn elsewhere(&self) -> Self {
        Self {
            member: self.member.elsewhere(),
            host: self.host.clone(),
            leads: self.leads.clone(),
            grpc: self.grpc.clone(),
        }
    }

    /// With its timers at work.
    pub(crate) fn with_timers(self) -> Self {
        events::timers(&self.host, &self.leads).spawn();
        self
    }

    pub(crate) async fn create(&self, lead: v1::Lead) -> Result<v1::Lead, Error> {
        let request = self.asks(v1::CreateLeadRequest { lead: Some(lead) });
        Ok(answer(self.grpc.create_lead(request).await)?.lead.unwrap())
    }

    pub(crate) async fn get(&self, id: &str) -> Result<v1::Lead, Error> {
        let request = self.asks(v1::GetLeadRequest {
            id: id.to_owned(),
            expand: String::new(),
        });
        Ok(answer(self.grpc.get_lead(request).await)?.lead.unwrap())
    }

    pub(crate) async fn update(&self, id: &str, lead: v1::Lead, paths: &[&str]) -> Result<v1::Lead, Error> {
        self.update_if(id, lead, paths, "").await
    }

    pub(crate) async fn update_if(
        &self,
        id: &str,
        lead: v1::Lead,
        paths: &[&str],
        etag: &str,
    ) -> Result<v1::Lead, Error> {
        let paths = paths.iter().map(ToString::to_string).collect();
        let request = self.asks(v1::UpdateLeadRequest {
            id: id.to_owned(),
            lead: Some(lead),
            update_mask: Some(prost_types::FieldMask { paths }),
            etag: etag.to_owned(),
        });
        Ok(answer(self.grpc.update_lead(request).await)?.lead.unwrap())
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), Error> {
        let request = self.asks(v1::DeleteLeadRequest {
            id: id.to_owned(),
            etag: String::new(),
        });
        answer(self.grpc.delete_lead(request).await)
    }

    /// Converts without waiting for the end.
    pub(crate) async fn convert(
        &self,
        request: v1::ConvertLeadRequest,
    ) -> Result<v1::ConvertLeadResponse, Error> {
        answer(self.grpc.convert_lead(self.asks(request)).await)
    }

    pub(crate) async fn conversion(&self, id: &str) -> Result<v1::Conversion, Error> {
        let request = self.asks(v1::GetLeadConversionRequest { id: id.to_owned() });
        Ok(answer(self.grpc.get_lead_conversion(request).await)?
            .conversion
            .unwrap())
    }

    /// Waits until a lead has this score, and fails after a generous while.
    pub(crate) async fn until_score(&self, id: &str, score: i32) {
        let reached = async {
            while self.get(id).await.unwrap().score != score {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), reached)
            .await
            .is_err()
        {
            panic!(
                "the score is {} and not {score}",
                self.get(id).await.unwrap().score
            );
        }
    }
}

pub(crate) fn named(last_name: &str) -> v1::Lead {
    v1::Lead {
        last_name: last_name.to_owned(),
        ..v1::Lead::default()
    }
}
