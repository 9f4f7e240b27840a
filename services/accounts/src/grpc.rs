//! Decode, one call, encode.

use kontor_chassis::Caller;
use kontor_proto::accounts::v1::{self, account_service_server::AccountService};
use kontor_records::Record;
use time::OffsetDateTime;
use tonic::{Request, Response, Status};

use crate::service::Accounts;

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of accounts.
#[derive(Clone)]
pub struct Grpc {
    accounts: Accounts,
}

impl Grpc {
    /// Over these use-cases.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }
}

#[tonic::async_trait]
impl AccountService for Grpc {
    async fn create_account(&self, request: Request<v1::CreateAccountRequest>) -> Answer<v1::CreateAccountResponse> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner().account.unwrap_or_default();
        let account = self.accounts.create(&caller, message, OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::CreateAccountResponse { account: Some(account.into_message()) }))
    }

    async fn get_account(&self, request: Request<v1::GetAccountRequest>) -> Answer<v1::GetAccountResponse> {
        let caller = Caller::of(&request)?;
        let v1::GetAccountRequest { id, expand: _ } = request.into_inner();
        let account = self.accounts.get(&caller, &id).await?;
        Ok(Response::new(v1::GetAccountResponse { account: Some(account.into_message()) }))
    }

    async fn update_account(&self, request: Request<v1::UpdateAccountRequest>) -> Answer<v1::UpdateAccountResponse> {
        let caller = Caller::of(&request)?;
        let account = self.accounts.update(&caller, request.into_inner(), OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::UpdateAccountResponse { account: Some(account.into_message()) }))
    }

    async fn delete_account(&self, request: Request<v1::DeleteAccountRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        let v1::DeleteAccountRequest { id, etag } = request.into_inner();
        self.accounts.delete(&caller, &id, &etag, OffsetDateTime::now_utc()).await?;
        Ok(Response::new(()))
    }

    async fn restore_account(&self, request: Request<v1::RestoreAccountRequest>) -> Answer<v1::RestoreAccountResponse> {
        let caller = Caller::of(&request)?;
        let v1::RestoreAccountRequest { id, etag } = request.into_inner();
        let account = self.accounts.restore(&caller, &id, &etag, OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::RestoreAccountResponse { account: Some(account.into_message()) }))
    }

    async fn assign_account_owner(
        &self,
        request: Request<v1::AssignAccountOwnerRequest>,
    ) -> Answer<v1::AssignAccountOwnerResponse> {
        let caller = Caller::of(&request)?;
        let account = self.accounts.assign_owner(&caller, request.into_inner(), OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::AssignAccountOwnerResponse { account: Some(account.into_message()) }))
    }
}
