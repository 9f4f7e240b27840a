//! Deals: what may be sold, on its way through the stages of a pipeline.
//!
//! A deal is open until it is won or lost, and may be reopened. Neighbours: leads asks for the deal of a conversion
//! ([`service::convert`]); identity tells of companies, which begin with a pipeline, and of members, who own deals;
//! accounts, contacts and leads tell of the records that a deal refers to.
//!
//! Reading order: [`model`] (what a deal is), [`pipeline`] (what it goes through), [`company`] and [`month`] (what sums are
//! made in), [`service`] (the use-cases), [`store`] (their SQL), [`events`] (what is heard), [`grpc`].

pub mod company;
pub mod error;
pub mod events;
pub mod grpc;
pub mod model;
pub mod month;
pub mod pipeline;
pub mod references;
pub mod service;
pub mod store;

pub use events::hears;

use kontor_chassis::{Error, Host};
use kontor_events::{Bus, timers::Timers};
use kontor_proto::deals::v1::{
    deal_conversion_service_server::DealConversionServiceServer,
    deal_forecast_service_server::DealForecastServiceServer,
    deal_history_service_server::DealHistoryServiceServer, deal_service_server::DealServiceServer,
    deal_setup_service_server::DealSetupServiceServer,
    deal_transfer_service_server::DealTransferServiceServer, pipeline_service_server::PipelineServiceServer,
};
use kontor_records::keep;
use tonic::service::Routes;

/// The name of the service, its schema and its login role's ending.
pub const NAME: &str = "deals";

/// The tables of the service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Begins to hear and to tell, and answers the rpcs to serve.
///
/// # Errors
/// When the record has more columns than an import can stage, which its tests would show.
pub async fn run(host: Host, bus: Bus) -> Result<Routes, Error> {
    events::listen(&host, &bus);
    let deals = service::Deals::new(host.db.clone(), references::Homes::new(host.peers.clone()));
    let imports = keep::in_background(&host, &bus, &deals, Timers::new(&host))?;
    let grpc = grpc::Grpc::new(deals, imports);
    Ok(Routes::new(DealServiceServer::new(grpc.clone()))
        .add_service(PipelineServiceServer::new(grpc.clone()))
        .add_service(DealForecastServiceServer::new(grpc.clone()))
        .add_service(DealHistoryServiceServer::new(grpc.clone()))
        .add_service(DealSetupServiceServer::new(grpc.clone()))
        .add_service(DealConversionServiceServer::new(grpc.clone()))
        .add_service(DealTransferServiceServer::new(grpc)))
}
