//! The rpcs of what contacts were.

use kontor_chassis::Caller;
use kontor_proto::contacts::v1::{self, contact_history_service_server::ContactHistoryService};
use kontor_records::history::Page;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl ContactHistoryService for Grpc {
    async fn list_contact_history(
        &self,
        request: Request<v1::ListContactHistoryRequest>,
    ) -> Answer<v1::ListContactHistoryResponse> {
        let caller = Caller::of(&request)?;
        let Page {
            changes,
            next_page_token,
        } = self.contacts.history(&caller, request.get_ref()).await?;
        Ok(Response::new(v1::ListContactHistoryResponse {
            changes,
            next_page_token,
        }))
    }
}
