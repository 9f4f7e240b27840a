//! The rpcs of what accounts were.

use kontor_chassis::Caller;
use kontor_proto::accounts::v1::{self, account_history_service_server::AccountHistoryService};
use kontor_records::history::Page;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl AccountHistoryService for Grpc {
    async fn list_account_history(
        &self,
        request: Request<v1::ListAccountHistoryRequest>,
    ) -> Answer<v1::ListAccountHistoryResponse> {
        let caller = Caller::of(&request)?;
        let Page {
            changes,
            next_page_token,
        } = self.accounts.history(&caller, request.get_ref()).await?;
        Ok(Response::new(v1::ListAccountHistoryResponse {
            changes,
            next_page_token,
        }))
    }
}
