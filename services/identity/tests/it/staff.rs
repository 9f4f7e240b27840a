//! People with proved addresses and roles in one company, made where no rpc is the matter of the test.

use kontor_chassis::Error;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::api_key_service_client::ApiKeyServiceClient;
use sqlx::query;
use tonic::transport::Channel;

use crate::world::{Person, World, admin, answer, with_token};

/// Notes that a person's address is proved.
pub(crate) async fn verify(person: &Person) {
    query("update identity.users set email_verified_at = now() where id = $1::uuid")
        .bind(&person.user.id)
        .execute(&mut admin().await)
        .await
        .unwrap();
}

/// An admin with a company and a proved address.
pub(crate) async fn boss(world: &World) -> Person {
    let person = world.register().await;
    verify(&person).await;
    person
}

/// Somebody new in the boss's company, signed in to it, with a proved address.
pub(crate) async fn hire(world: &World, boss: &Person, role: &str) -> Person {
    let mut person = world.register().await;
    verify(&person).await;
    query(
        "insert into identity.memberships (company_id, user_id, role_id, joined_at, updated_at)
         select company_id, $2::uuid, id, now(), now()
         from identity.roles
         where company_id = $1::uuid
           and name = $3",
    )
    .bind(&boss.company.id)
    .bind(&person.user.id)
    .bind(role)
    .execute(&mut admin().await)
    .await
    .unwrap();
    enter(world, &mut person, &boss.company.id).await;
    person
}

/// Moves a person into a company, with fresh tokens.
pub(crate) async fn enter(world: &World, person: &mut Person, company_id: &str) {
    let request = v1::SwitchCompanyRequest {
        company_id: company_id.to_owned(),
    };
    let entered = answer(world.sessions().switch_company(person.asks(request)).await).unwrap();
    let tokens = entered.tokens.unwrap();
    person.company = entered.company.unwrap();
    person.access = tokens.access_token;
    person.refresh = tokens.refresh_token.unwrap();
}

/// Gives a member another role, as if an admin had.
pub(crate) async fn promote(boss: &Person, person: &Person, role: &str) {
    query(
        "update identity.memberships m
         set role_id = r.id
         from identity.roles r
         where m.company_id = $1::uuid
           and m.user_id = $2::uuid
           and r.company_id = m.company_id
           and r.name = $3",
    )
    .bind(&boss.company.id)
    .bind(&person.user.id)
    .bind(role)
    .execute(&mut admin().await)
    .await
    .unwrap();
}

pub(crate) fn api_keys(world: &World, replica: usize) -> ApiKeyServiceClient<Channel> {
    ApiKeyServiceClient::new(world.channel(replica))
}

/// What is asked of a new key.
pub(crate) fn new_key(permissions: &[&str]) -> v1::ApiKey {
    v1::ApiKey {
        name: "Robot".to_owned(),
        permissions: permissions.iter().map(|text| (*text).to_owned()).collect(),
        ..Default::default()
    }
}

/// Makes a key with a token, which may be a key itself.
pub(crate) async fn make_key(
    world: &World,
    token: &str,
    key: v1::ApiKey,
) -> Result<v1::CreateApiKeyResponse, Error> {
    let request = v1::CreateApiKeyRequest { api_key: Some(key) };
    answer(
        api_keys(world, 0)
            .create_api_key(with_token(token, request))
            .await,
    )
}

/// A key of this person with these permissions: its id and its secret.
pub(crate) async fn key_of(world: &World, person: &Person, permissions: &[&str]) -> (String, String) {
    let made = make_key(world, &person.access, new_key(permissions))
        .await
        .unwrap();
    (made.api_key.unwrap().id, made.secret)
}
