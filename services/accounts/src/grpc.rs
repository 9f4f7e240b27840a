//! Decode, one call, encode.

mod conversion;
mod history;
mod setup;
mod territory;
mod transfer;

use kontor_chassis::Caller;
use kontor_proto::accounts::v1::{self, account_service_server::AccountService};
use kontor_records::{Record, query::Page, transfer::Imports};
use time::OffsetDateTime;
use tonic::{Request, Response, Status};

use crate::{imports::Importing, service::Accounts};

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of accounts.
#[derive(Clone)]
pub struct Grpc {
    accounts: Accounts,
    imports: Imports<Importing>,
}

impl Grpc {
    /// Over these use-cases and imports.
    #[must_use]
    pub fn new(accounts: Accounts, imports: Imports<Importing>) -> Self {
        Self { accounts, imports }
    }
}

#[tonic::async_trait]
impl AccountService for Grpc {
    async fn create_account(
        &self,
        request: Request<v1::CreateAccountRequest>,
    ) -> Answer<v1::CreateAccountResponse> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner().account.unwrap_or_default();
        let account = self
            .accounts
            .create(&caller, message, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreateAccountResponse {
            account: Some(account.into_message()),
        }))
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Answer<v1::ListAccountsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.accounts.list(&caller, &query).await?;
        Ok(Response::new(v1::ListAccountsResponse {
            accounts: records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn get_account(&self, request: Request<v1::GetAccountRequest>) -> Answer<v1::GetAccountResponse> {
        let caller = Caller::of(&request)?;
        let v1::GetAccountRequest { id, expand } = request.into_inner();
        let account = self.accounts.get(&caller, &id, &expand).await?;
        Ok(Response::new(v1::GetAccountResponse {
            account: Some(account),
        }))
    }

    async fn get_account_stats(
        &self,
        request: Request<v1::GetAccountStatsRequest>,
    ) -> Answer<v1::GetAccountStatsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        Ok(Response::new(self.accounts.stats(&caller, &query).await?))
    }

    async fn update_account(
        &self,
        request: Request<v1::UpdateAccountRequest>,
    ) -> Answer<v1::UpdateAccountResponse> {
        let caller = Caller::of(&request)?;
        let account = self
            .accounts
            .update(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::UpdateAccountResponse {
            account: Some(account.into_message()),
        }))
    }

    async fn delete_account(&self, request: Request<v1::DeleteAccountRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        let v1::DeleteAccountRequest { id, etag } = request.into_inner();
        self.accounts
            .delete(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(()))
    }

    async fn restore_account(
        &self,
        request: Request<v1::RestoreAccountRequest>,
    ) -> Answer<v1::RestoreAccountResponse> {
        let caller = Caller::of(&request)?;
        let v1::RestoreAccountRequest { id, etag } = request.into_inner();
        let account = self
            .accounts
            .restore(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::RestoreAccountResponse {
            account: Some(account.into_message()),
        }))
    }

    async fn assign_account_owner(
        &self,
        request: Request<v1::AssignAccountOwnerRequest>,
    ) -> Answer<v1::AssignAccountOwnerResponse> {
        let caller = Caller::of(&request)?;
        let account = self
            .accounts
            .assign_owner(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::AssignAccountOwnerResponse {
            account: Some(account.into_message()),
        }))
    }

    async fn assign_account_territory(
        &self,
        request: Request<v1::AssignAccountTerritoryRequest>,
    ) -> Answer<v1::AssignAccountTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let (account, rule) = self
            .accounts
            .assign_territory(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
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

    async fn bulk_action_accounts(
        &self,
        request: Request<v1::BulkActionAccountsRequest>,
    ) -> Answer<v1::BulkActionAccountsResponse> {
        let caller = Caller::of(&request)?;
        let action = request.into_inner().action.unwrap_or_default();
        let result = self
            .accounts
            .bulk(&caller, action, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::BulkActionAccountsResponse {
            result: Some(result),
        }))
    }
}
