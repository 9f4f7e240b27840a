//! Decode, one call, encode.

mod conversion;
mod history;
mod setup;
mod territory;
mod transfer;

use kontor_proto::accounts::v1::{self, account_service_server::AccountService};
use kontor_records::{record_rpcs, transfer::Imports};
use tonic::{Response, Status};

use crate::service::Accounts;

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of accounts.
#[derive(Clone)]
pub struct Grpc {
    accounts: Accounts,
    imports: Imports<Accounts>,
}

impl Grpc {
    /// Over these use-cases and imports.
    #[must_use]
    pub fn new(accounts: Accounts, imports: Imports<Accounts>) -> Self {
        Self { accounts, imports }
    }
}

record_rpcs! {
    impl AccountService for Grpc(accounts), of kontor_proto::accounts::v1, as account and accounts;
    create_account: CreateAccountRequest -> CreateAccountResponse,
    list_accounts: ListAccountsRequest -> ListAccountsResponse,
    get_account: GetAccountRequest -> GetAccountResponse,
    get_account_stats: GetAccountStatsRequest -> GetAccountStatsResponse,
    update_account: UpdateAccountRequest -> UpdateAccountResponse,
    delete_account: DeleteAccountRequest,
    restore_account: RestoreAccountRequest -> RestoreAccountResponse,
    assign_account_owner: AssignAccountOwnerRequest -> AssignAccountOwnerResponse,
    bulk_action_accounts: BulkActionAccountsRequest -> BulkActionAccountsResponse,
    get_account_bulk_action: GetAccountBulkActionRequest -> GetAccountBulkActionResponse;

    async fn assign_account_territory(
        &self,
        request: Request<v1::AssignAccountTerritoryRequest>,
    ) -> Answer<v1::AssignAccountTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let v1::AssignAccountTerritoryRequest {
            id,
            territory_id,
            etag,
        } = request.into_inner();
        let (territory, now) = (territory_id.as_deref(), OffsetDateTime::now_utc());
        let (account, rule) =
            keep::assign_territory(&self.accounts, &caller, &id, territory, &etag, now).await?;
        Ok(Response::new(v1::AssignAccountTerritoryResponse {
            account: Some(account.into_message()),
            rule,
        }))
    }

    async fn get_account_hierarchy(
        &self,
        request: Request<v1::GetAccountHierarchyRequest>,
    ) -> Answer<v1::GetAccountHierarchyResponse> {
        let caller = Caller::of(&request)?;
        let hierarchy = self.accounts.hierarchy(&caller, &request.get_ref().id).await?;
        Ok(Response::new(hierarchy))
    }
}
