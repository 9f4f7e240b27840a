//! Leads: people who may become customers.
//!
//! A lead is new until somebody works on it, and qualified when it is worth a deal ([`states`]). It is scored with every
//! change, and its score sinks by itself when it ages ([`scoring`]). In the end it becomes an account, a contact and a deal
//! ([`conversion`]), which three other services make, one after the other, and take back when one of them can't.
//!
//! Neighbours: accounts, contacts and deals do the parts of a conversion ([`service::saga`]); identity tells of members,
//! who own leads; accounts of the territories that leads lie in; deals hears how leads are called.
//!
//! Reading order: [`model`], [`states`], [`scoring`], [`conversion`] (what a lead is and may do: pure), [`service`] (the
//! use-cases), [`references`] (whom they ask), [`store`] (their SQL), [`events`] (what is told and heard), [`grpc`].

pub mod conversion;
pub mod error;
pub mod events;
pub mod grpc;
pub mod model;
mod placed;
pub mod references;
pub mod scoring;
pub mod service;
pub mod states;
pub mod store;

pub use events::hears;

use kontor_chassis::{Error, Host};
use kontor_events::Bus;
use kontor_proto::leads::v1::{
    lead_conversion_service_server::LeadConversionServiceServer,
    lead_history_service_server::LeadHistoryServiceServer,
    lead_scoring_service_server::LeadScoringServiceServer, lead_service_server::LeadServiceServer,
    lead_setup_service_server::LeadSetupServiceServer,
    lead_territory_service_server::LeadTerritoryServiceServer,
    lead_transfer_service_server::LeadTransferServiceServer,
};
use kontor_records::keep::{self, Placer};
use tonic::service::Routes;

/// The name of the service, its schema and its login role's ending.
pub const NAME: &str = "leads";

/// The tables of the service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Begins to hear, to tell and to watch the clock, and answers the rpcs to serve.
///
/// # Errors
/// When leads have more fields than an import can hold, which is a mistake of their description.
pub async fn run(host: Host, bus: Bus) -> Result<Routes, Error> {
    let leads = service::Leads::new(&host);
    events::listen(&host, &bus, &leads);
    host.tasks.spawn(
        leads
            .weights()
            .clone()
            .keep_fresh(host.db.clone(), host.shutdown.clone()),
    );
    host.tasks.spawn(
        leads
            .territories()
            .clone()
            .keep_fresh(host.db.clone(), host.shutdown.clone()),
    );
    let imports = keep::in_background(&host, &bus, &leads, events::timers(&host, &leads))?;
    let grpc = grpc::Grpc::new(leads, imports);
    Ok(Routes::new(LeadServiceServer::new(grpc.clone()))
        .add_service(LeadConversionServiceServer::new(grpc.clone()))
        .add_service(LeadTransferServiceServer::new(grpc.clone()))
        .add_service(LeadScoringServiceServer::new(grpc.clone()))
        .add_service(LeadHistoryServiceServer::new(grpc.clone()))
        .add_service(LeadTerritoryServiceServer::new(grpc.clone()))
        .add_service(LeadSetupServiceServer::new(grpc)))
}
