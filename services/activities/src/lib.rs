//! The service activities: calls, mails, meetings, notes and tasks beside the records they are about.
//!
//! Its contract stands; the work on its own records comes with an issue of its own. Until then it searches those of the
//! other services ([`search`]); every other rpc answers UNIMPLEMENTED after the guard has judged the caller, and its schema
//! holds nothing but what every service has.

pub mod search;

use kontor_chassis::Host;
use kontor_chassis::error::Error;
use kontor_events::Bus;
use kontor_proto::activities::v1::activity_history_service_server::{
    ActivityHistoryService, ActivityHistoryServiceServer,
};
use kontor_proto::activities::v1::activity_service_server::{ActivityService, ActivityServiceServer};
use kontor_proto::activities::v1::activity_setup_service_server::{
    ActivitySetupService, ActivitySetupServiceServer,
};
use kontor_proto::activities::v1::activity_transfer_service_server::{
    ActivityTransferService, ActivityTransferServiceServer,
};
use kontor_proto::activities::v1::calendar_service_server::{CalendarService, CalendarServiceServer};
use kontor_proto::activities::v1::notification_service_server::{
    NotificationService, NotificationServiceServer,
};
use kontor_proto::activities::v1::search_service_server::SearchServiceServer;
use kontor_proto::activities::v1::timeline_service_server::{TimelineService, TimelineServiceServer};
use tonic::service::{Routes, RoutesBuilder};

/// The service's name, and its schema's.
pub const NAME: &str = "activities";

/// Implements nothing: the generated defaults answer UNIMPLEMENTED.
#[derive(Debug, Clone, Copy)]
struct Declared;

impl ActivityService for Declared {}
impl ActivityHistoryService for Declared {}
impl ActivitySetupService for Declared {}
impl ActivityTransferService for Declared {}
impl CalendarService for Declared {}
impl NotificationService for Declared {}
impl TimelineService for Declared {}

/// Starts the service and answers its rpcs.
///
/// # Errors
/// None yet.
#[allow(clippy::unused_async, reason = "every service starts in the same way")]
pub async fn run(host: Host, _bus: Bus) -> Result<Routes, Error> {
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(ActivityServiceServer::new(Declared))
        .add_service(ActivityHistoryServiceServer::new(Declared))
        .add_service(ActivitySetupServiceServer::new(Declared))
        .add_service(ActivityTransferServiceServer::new(Declared))
        .add_service(CalendarServiceServer::new(Declared))
        .add_service(NotificationServiceServer::new(Declared))
        .add_service(SearchServiceServer::new(search::Search::new(host.peers)))
        .add_service(TimelineServiceServer::new(Declared));
    Ok(routes.routes())
}
