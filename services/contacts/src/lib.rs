//! Contacts: people, mostly at accounts, each of which has one primary contact at most.
//!
//! Neighbours: leads asks for the contact of a conversion ([`service::convert`]); identity tells of members, who own
//! contacts; accounts tells of accounts, where contacts work; deals learn of contacts by `ContactsChanged`.
//!
//! Reading order: [`model`] (what a contact is), [`conversion`] (what a lead writes into one), [`service`] (the
//! use-cases), [`store`] (their SQL), [`events`] (what is heard), [`grpc`].

pub mod conversion;
pub mod error;
pub mod events;
pub mod grpc;
pub mod model;
pub mod references;
pub mod service;
pub mod store;

use kontor_chassis::{Error, Host};
use kontor_events::{Bus, Relay};
use kontor_proto::contacts::v1::contact_service_server::ContactServiceServer;
use tonic::service::Routes;

/// The name of the service, its schema and its login role's ending.
pub const NAME: &str = "contacts";

/// The tables of the service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Begins to hear and to tell, and answers the rpcs to serve.
///
/// # Errors
/// None yet; the shape is that of every service.
pub async fn run(host: Host, bus: Bus) -> Result<Routes, Error> {
    events::listen(&host, &bus);
    Relay::spawn(&host, &bus);
    let contacts = service::Contacts::new(host.db.clone(), references::Homes::new(host.peers.clone()));
    let grpc = grpc::Grpc::new(contacts);
    Ok(Routes::new(ContactServiceServer::new(grpc)))
}
