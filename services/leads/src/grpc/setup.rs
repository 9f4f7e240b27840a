//! `LeadSetupService`: views and the company's own fields are not built yet.

use kontor_proto::leads::v1::lead_setup_service_server::LeadSetupService;

use super::Grpc;

impl LeadSetupService for Grpc {}
