//! Joining a company by invitation.

use kontor_chassis::{Error, Kind};
use kontor_proto::{identity::v1, records::v1::ListQuery};
use uuid::Uuid;

use crate::world::{PASSWORD, Person, World, answer, fields, form, until};

async fn invite(world: &World, by: &Person, email: &str, role: &str) -> Result<v1::Invitation, Error> {
    let invitation = v1::Invitation {
        email: email.to_owned(),
        role: role.to_owned(),
        ..Default::default()
    };
    let request = v1::CreateInvitationRequest {
        invitation: Some(invitation),
    };
    let answer = answer(world.invitations().create_invitation(by.asks(request)).await)?;
    Ok(answer.invitation.unwrap())
}

fn newcomer(token: &str) -> v1::AcceptInvitationRequest {
    v1::AcceptInvitationRequest {
        token: token.to_owned(),
        password: Some(PASSWORD.to_owned()),
        first_name: Some("Charles".to_owned()),
        last_name: Some("Babbage".to_owned()),
    }
}

fn bare(token: &str) -> v1::AcceptInvitationRequest {
    v1::AcceptInvitationRequest {
        token: token.to_owned(),
        ..Default::default()
    }
}

async fn accept(
    world: &World,
    request: v1::AcceptInvitationRequest,
) -> Result<v1::AcceptInvitationResponse, Error> {
    answer(world.invitations().accept_invitation(request).await)
}

async fn accept_as(
    world: &World,
    person: &Person,
    request: v1::AcceptInvitationRequest,
) -> Result<v1::AcceptInvitationResponse, Error> {
    answer(world.invitations().accept_invitation(person.asks(request)).await)
}

async fn pending(
    world: &World,
    by: &Person,
    page_size: i32,
    page_token: &str,
) -> v1::ListInvitationsResponse {
    let request = v1::ListInvitationsRequest {
        query: Some(ListQuery {
            page_size,
            page_token: page_token.to_owned(),
            ..ListQuery::default()
        }),
    };
    answer(world.invitations().list_invitations(by.asks(request)).await).unwrap()
}

#[tokio::test]
async fn a_new_person_joins_with_the_role_of_the_invitation_and_a_proved_address() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let email = "Charles.Babbage@engine.example";
    let sent = invite(&world, &admin, email, "rep").await.unwrap();
    assert_eq!((sent.email.as_str(), sent.role.as_str()), (email, "rep"));
    assert_eq!(sent.invited_by, admin.user.id);
    assert_eq!(pending(&world, &admin, 0, "").await.invitations, [sent]);

    let token = world.link("accept-invitation", email).await;
    let joined = accept(&world, newcomer(&token)).await.unwrap();
    let user = joined.user.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), (email, true));
    assert_eq!(joined.role, "rep");
    assert_eq!(joined.company.unwrap(), admin.company);
    let tokens = joined.tokens.unwrap();
    let me = world.me(0, &tokens.access_token).await.unwrap();
    assert_eq!((me.role.as_str(), me.user.unwrap().id), ("rep", user.id));
    assert!(world.refresh(&tokens.refresh_token.unwrap()).await.is_ok());
    assert!(pending(&world, &admin, 0, "").await.invitations.is_empty());
    assert!(world.login(&email.to_lowercase(), PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_signed_in_person_joins_by_the_token_alone_and_keeps_the_own_company() {
    let world = World::alone().await;
    let (admin, guest) = (world.verified().await, world.register().await);
    let role = {
        // By its id, as well as by its name.
        let id: Uuid = sqlx::query_scalar(
            "select id from identity.roles where company_id = $1::uuid and name = 'manager'",
        )
        .bind(&admin.company.id)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
        id.to_string()
    };
    let sent = invite(&world, &admin, &guest.email, &role).await.unwrap();
    assert_eq!(sent.role, "manager");
    let token = world.link("accept-invitation", &guest.email).await;
    // Who is not signed in is asked to; the link stays good.
    let error = accept(&world, newcomer(&token)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Unauthenticated, "sign_in_first")
    );
    let joined = accept_as(&world, &guest, bare(&token)).await.unwrap();
    assert_eq!(
        (joined.role.as_str(), joined.company.unwrap().id),
        ("manager", admin.company.id)
    );
    assert!(joined.user.unwrap().email_verified, "the link proves the address");
    let companies = world.login(&guest.email, PASSWORD).await.unwrap().companies;
    assert_eq!(companies.len(), 2);
    assert!(
        world.me(0, &guest.access).await.is_ok(),
        "the session before goes on"
    );
}

#[tokio::test]
async fn an_invitation_is_good_for_nobody_else() {
    let world = World::alone().await;
    let (admin, eve) = (world.verified().await, world.register().await);
    let email = form().email;
    invite(&world, &admin, &email, "admin").await.unwrap();
    let token = world.link("accept-invitation", &email).await;
    let error = accept_as(&world, &eve, bare(&token)).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Forbidden, "other_recipient"));
    assert!(accept(&world, newcomer(&token)).await.is_ok());
}

#[tokio::test]
async fn of_two_acceptances_at_once_one_makes_a_member() {
    let world = World::alone().await;
    let (admin, guest) = (world.verified().await, world.register().await);
    let email = form().email;
    invite(&world, &admin, &email, "rep").await.unwrap();
    invite(&world, &admin, &guest.email, "rep").await.unwrap();
    let token = world.link("accept-invitation", &email).await;
    let (one, two) = tokio::join!(accept(&world, newcomer(&token)), accept(&world, newcomer(&token)));
    assert_ne!(one.is_ok(), two.is_ok());
    let token = world.link("accept-invitation", &guest.email).await;
    let (one, two) = tokio::join!(
        accept_as(&world, &guest, bare(&token)),
        accept_as(&world, &guest, bare(&token))
    );
    assert_ne!(one.is_ok(), two.is_ok());
    let failed = one.err().or(two.err()).unwrap();
    assert_eq!(failed.code(), "invalid_token");
    let members: i64 =
        sqlx::query_scalar("select count(*) from identity.memberships where company_id = $1::uuid")
            .bind(&admin.company.id)
            .fetch_one(&mut world.admin().await)
            .await
            .unwrap();
    assert_eq!(members, 3);
}

#[tokio::test]
async fn a_link_that_was_used_replaced_withdrawn_or_is_too_old_is_no_link() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let is_void = async |token: &str| {
        let error = accept(&world, newcomer(token)).await.unwrap_err();
        assert_eq!(
            (error.kind(), fields(&error)),
            (Kind::Invalid, vec![("token", "invalid_token")])
        );
    };
    is_void("nonsense").await;

    let used = form().email;
    invite(&world, &admin, &used, "rep").await.unwrap();
    let token = world.link("accept-invitation", &used).await;
    accept(&world, newcomer(&token)).await.unwrap();
    is_void(&token).await;

    let replaced = form().email;
    invite(&world, &admin, &replaced, "rep").await.unwrap();
    let token = world.link("accept-invitation", &replaced).await;
    invite(&world, &admin, &replaced.to_uppercase(), "viewer")
        .await
        .unwrap();
    is_void(&token).await;
    assert_eq!(pending(&world, &admin, 0, "").await.invitations.len(), 1);

    let withdrawn = form().email;
    let sent = invite(&world, &admin, &withdrawn, "rep").await.unwrap();
    let token = world.link("accept-invitation", &withdrawn).await;
    let delete = v1::DeleteInvitationRequest { id: sent.id };
    answer(
        world
            .invitations()
            .delete_invitation(admin.asks(delete.clone()))
            .await,
    )
    .unwrap();
    is_void(&token).await;
    let again = answer(world.invitations().delete_invitation(admin.asks(delete)).await);
    assert_eq!(again.unwrap_err().kind(), Kind::NotFound);

    let old = form().email;
    invite(&world, &admin, &old, "rep").await.unwrap();
    let token = world.link("accept-invitation", &old).await;
    sqlx::query("update identity.invitations set expires_at = now()")
        .execute(&mut world.admin().await)
        .await
        .unwrap();
    is_void(&token).await;
}

#[tokio::test]
async fn all_that_a_new_person_fills_in_wrong_is_named_at_once() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let email = form().email;
    invite(&world, &admin, &email, "rep").await.unwrap();
    let token = world.link("accept-invitation", &email).await;
    let error = accept(&world, bare(&token)).await.unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("password", "required"),
            ("first_name", "required"),
            ("last_name", "required")
        ]
    );
    let weak = v1::AcceptInvitationRequest {
        password: Some("analytical engines".to_owned()),
        ..newcomer(&token)
    };
    let error = accept(&world, weak).await.unwrap_err();
    assert_eq!(fields(&error), [("password", "contains_identity")]);
    assert!(accept(&world, newcomer(&token)).await.is_ok());
}

#[tokio::test]
async fn only_who_has_proved_the_own_address_invites_and_only_with_a_known_role() {
    let world = World::alone().await;
    let admin = world.register().await;
    let error = invite(&world, &admin, "nobody", "").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Forbidden, "email_not_verified")
    );
    let token = world.link("verify-email", &admin.email).await;
    answer(world.auth().verify_email(v1::VerifyEmailRequest { token }).await).unwrap();
    let error = invite(&world, &admin, "nobody", "").await.unwrap_err();
    assert_eq!(fields(&error), [("email", "invalid_email"), ("role", "required")]);
    let stranger = world.verified().await;
    let theirs: Uuid =
        sqlx::query_scalar("select id from identity.roles where company_id = $1::uuid and name = 'admin'")
            .bind(&stranger.company.id)
            .fetch_one(&mut world.admin().await)
            .await
            .unwrap();
    for role in ["king".to_owned(), theirs.to_string(), Uuid::now_v7().to_string()] {
        let error = invite(&world, &admin, &form().email, &role).await.unwrap_err();
        assert_eq!(
            (error.kind(), fields(&error)),
            (Kind::Refused, vec![("role", "unknown_reference")])
        );
    }
    let error = invite(&world, &admin, &admin.email, "rep").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Exists, "already_member"));
    let manager = world.colleague(&admin, "manager").await;
    let error = invite(&world, &manager, &form().email, "rep").await.unwrap_err();
    assert_eq!(error.code(), "forbidden");
}

#[tokio::test]
async fn an_invitation_is_answered_the_same_whether_the_address_is_known() {
    let world = World::alone().await;
    let (admin, known) = (world.verified().await, world.register().await);
    let one = invite(&world, &admin, &known.email, "rep").await.unwrap();
    let other = invite(&world, &admin, &form().email, "rep").await.unwrap();
    let shape = |invitation: v1::Invitation| v1::Invitation {
        id: String::new(),
        email: String::new(),
        created_at: None,
        expires_at: None,
        ..invitation
    };
    assert_eq!(shape(one), shape(other));
}

#[tokio::test]
async fn invitations_are_listed_newest_first_page_by_page_and_none_of_another_company() {
    let world = World::alone().await;
    let (admin, stranger) = (world.verified().await, world.verified().await);
    let mut emails = Vec::new();
    for _ in 0..3 {
        let email = form().email;
        invite(&world, &admin, &email, "rep").await.unwrap();
        emails.insert(0, email);
    }
    let first = pending(&world, &admin, 2, "").await;
    let second = pending(&world, &admin, 2, &first.next_page_token).await;
    assert_eq!(second.next_page_token, "");
    let listed: Vec<_> = first.invitations.iter().chain(&second.invitations).collect();
    assert_eq!(
        listed.iter().map(|one| &one.email).collect::<Vec<_>>(),
        emails.iter().collect::<Vec<_>>()
    );
    assert!(pending(&world, &stranger, 0, "").await.invitations.is_empty());
    let request = v1::ListInvitationsRequest {
        query: Some(ListQuery {
            page_size: 0,
            page_token: first.next_page_token,
            ..ListQuery::default()
        }),
    };
    let error = answer(world.invitations().list_invitations(stranger.asks(request)).await).unwrap_err();
    assert_eq!(fields(&error), [("page_token", "invalid_page_token")]);
    let delete = v1::DeleteInvitationRequest {
        id: listed[0].id.clone(),
    };
    let error = answer(world.invitations().delete_invitation(stranger.asks(delete)).await).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn an_invitation_that_was_withdrawn_before_it_was_sent_is_not_sent() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let email = form().email;
    let sent = invite(&world, &admin, &email, "rep").await.unwrap();
    // As it is while a mail server is down: the mail is written and the invitation gone.
    world.link("accept-invitation", &email).await;
    let mut database = world.admin().await;
    sqlx::query(
        "insert into identity.mails (id, recipient, letter, created_at, due_at, expires_at)
         values ($1, $2, jsonb_build_object('kind', 'invitation', 'company_id', $3::text, 'id', $4::text),
           now(), now(), now() + interval '1 day')",
    )
    .bind(Uuid::now_v7())
    .bind(&email)
    .bind(&admin.company.id)
    .bind(Uuid::now_v7().to_string())
    .execute(&mut database)
    .await
    .unwrap();
    sqlx::query("notify identity_mails")
        .execute(&mut database)
        .await
        .unwrap();
    let kept = tokio::sync::Mutex::new(&mut database);
    until(|| async {
        let waiting: i64 = sqlx::query_scalar("select count(*) from identity.mails")
            .fetch_one(&mut **kept.lock().await)
            .await
            .unwrap();
        waiting == 0
    })
    .await;
    let mails = world.mails();
    assert_eq!(mails.iter().filter(|mail| mail.contains(&email)).count(), 1);
    assert_eq!(sent.email, email);
}
