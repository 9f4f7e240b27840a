//! Keys for programs.

use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::api_key_service_server::ApiKeyService;
use kontor_records::query::Page;
use tonic::{Request, Response, Status};

use super::{encode, id, instant, now};
use crate::model::api_key::NewApiKey;
use crate::service::Identity;

/// [`ApiKeyService`] by [`Identity`].
pub(crate) struct ApiKeyRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl ApiKeyService for ApiKeyRpcs {
    async fn list_api_keys(
        &self,
        request: Request<v1::ListApiKeysRequest>,
    ) -> Result<Response<v1::ListApiKeysResponse>, Status> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.identity.api_keys(&caller, &query).await?;
        Ok(Response::new(v1::ListApiKeysResponse {
            api_keys: records.into_iter().map(encode::api_key).collect(),
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn create_api_key(
        &self,
        request: Request<v1::CreateApiKeyRequest>,
    ) -> Result<Response<v1::CreateApiKeyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let asked = asked(request.into_inner().api_key.unwrap_or_default())?;
        let (key, secret) = self.identity.create_api_key(&caller, asked, now()).await?;
        Ok(Response::new(v1::CreateApiKeyResponse {
            api_key: Some(encode::api_key(key)),
            secret: secret.reveal().to_owned(),
        }))
    }

    async fn delete_api_key(
        &self,
        request: Request<v1::DeleteApiKeyRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        let id = id("id", &request.into_inner().id)?;
        self.identity.delete_api_key(&caller, id, now()).await?;
        Ok(Response::new(()))
    }
}

fn asked(key: v1::ApiKey) -> Result<NewApiKey, Failure> {
    let v1::ApiKey {
        id: _,
        name,
        permissions,
        expires_at,
        prefix: _,
        last_used_at: _,
        created_at: _,
    } = key;
    Ok(NewApiKey {
        name,
        permissions,
        expires_at: expires_at.map(|at| instant("expires_at", &at)).transpose()?,
    })
}
