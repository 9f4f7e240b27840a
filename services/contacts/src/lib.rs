//! Contacts: people, mostly at accounts, each of which has one primary contact at most.
//!
//! Neighbours: leads asks for the contact of a conversion ([`service::convert`]); identity tells of members, who own
//! contacts; accounts tells of accounts, where contacts work; deals learn of contacts by `ContactsChanged`.
//!
//! Reading order: [`model`] (what a contact is), [`service`] (the use-cases), [`store`] (their SQL), [`events`] (what is
//! heard), [`grpc`].

pub mod error;
pub mod events;
pub mod grpc;
pub mod model;
mod placed;
pub mod references;
pub mod service;
pub mod store;

pub use events::hears;

use kontor_chassis::{Error, Host};
use kontor_events::{Bus, timers::Timers};
use kontor_proto::contacts::v1::{
    contact_conversion_service_server::ContactConversionServiceServer,
    contact_history_service_server::ContactHistoryServiceServer,
    contact_service_server::ContactServiceServer, contact_setup_service_server::ContactSetupServiceServer,
    contact_transfer_service_server::ContactTransferServiceServer,
};
use kontor_records::{
    keep,
    territories::{MOVES, Mover, Territories},
};
use tonic::service::Routes;

/// The name of the service, its schema and its login role's ending.
pub const NAME: &str = "contacts";

/// The tables of the service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Begins to hear and to tell, and answers the rpcs to serve.
///
/// # Errors
/// When the record has more columns than an import can stage, which its tests would show.
pub async fn run(host: Host, bus: Bus) -> Result<Routes, Error> {
    events::listen(&host, &bus);
    let contacts = service::Contacts::new(host.db.clone(), references::Homes::new(host.peers.clone()));
    let mover = Mover::<model::Contact>::new(host.db.clone(), Territories::default());
    let timers = Timers::new(&host).on(MOVES, mover);
    let imports = keep::in_background(&host, &bus, &contacts, timers)?;
    let grpc = grpc::Grpc::new(contacts, imports);
    Ok(Routes::new(ContactServiceServer::new(grpc.clone()))
        .add_service(ContactHistoryServiceServer::new(grpc.clone()))
        .add_service(ContactSetupServiceServer::new(grpc.clone()))
        .add_service(ContactConversionServiceServer::new(grpc.clone()))
        .add_service(ContactTransferServiceServer::new(grpc)))
}
