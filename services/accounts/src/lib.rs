//! Accounts: the companies that one deals with, each perhaps part of another.
//!
//! Neighbours: leads asks for the account of a conversion ([`service::convert`]); identity tells of members, who own
//! accounts; contacts and deals refer to accounts and learn of them by `AccountsChanged`.
//!
//! Reading order: [`model`] (what an account is), [`territory`] (a part of the market), [`service`] (the use-cases),
//! [`store`] (their SQL), [`events`] (what is heard), [`grpc`].

pub mod error;
pub mod events;
pub mod grpc;
pub mod model;
mod placed;
pub mod references;
pub mod service;
pub mod store;
pub mod territory;

pub use events::hears;

use kontor_chassis::{Error, Host};
use kontor_events::{Bus, timers::Timers};
use kontor_proto::accounts::v1::{
    account_conversion_service_server::AccountConversionServiceServer,
    account_history_service_server::AccountHistoryServiceServer,
    account_service_server::AccountServiceServer, account_setup_service_server::AccountSetupServiceServer,
    account_transfer_service_server::AccountTransferServiceServer,
    territory_service_server::TerritoryServiceServer,
};
use kontor_records::{
    keep::{self, Placer},
    territories::{MOVES, Mover},
};
use tonic::service::Routes;

/// The name of the service, its schema and its login role's ending.
pub const NAME: &str = "accounts";

/// The tables of the service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Begins to hear and to tell, and answers the rpcs to serve.
///
/// # Errors
/// When the record has more columns than an import can stage, which its tests would show.
pub async fn run(host: Host, bus: Bus) -> Result<Routes, Error> {
    let accounts = service::Accounts::new(host.db.clone(), references::Homes::new(host.peers.clone()));
    events::listen(&host, &bus, &accounts);
    let territories = accounts.territories().clone();
    let mover = Mover::<model::Account>::new(host.db.clone(), territories.clone());
    host.tasks
        .spawn(territories.keep_fresh(host.db.clone(), host.shutdown.clone()));
    let timers = Timers::new(&host).on(MOVES, mover);
    let imports = keep::in_background(&host, &bus, &accounts, timers)?;
    let grpc = grpc::Grpc::new(accounts, imports);
    Ok(Routes::new(AccountServiceServer::new(grpc.clone()))
        .add_service(AccountHistoryServiceServer::new(grpc.clone()))
        .add_service(AccountSetupServiceServer::new(grpc.clone()))
        .add_service(AccountConversionServiceServer::new(grpc.clone()))
        .add_service(AccountTransferServiceServer::new(grpc.clone()))
        .add_service(TerritoryServiceServer::new(grpc)))
}
