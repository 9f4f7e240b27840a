//! Mails leave the house once, whatever the mail server does.

use kontor_proto::identity::v1;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::smtp::MailServer;
use crate::world::{World, answer, form, until};

async fn by_smtp(replicas: usize, url: String) -> World {
    let extra = vec![
        ("smtp_url", url),
        ("mail_from", "Kontor <crm@office.example>".to_owned()),
    ];
    World::alone_with(replicas, extra).await
}

/// How many mails to an address wait in the database.
async fn waiting(world: &World, email: &str) -> i64 {
    sqlx::query_scalar("select count(*) from identity.mails where recipient = $1")
        .bind(email)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap()
}

/// The link of a mail, whose text part is in one of the encodings of mails.
fn token(data: &str) -> String {
    let text = data.replace("=\r\n", "").replace("=3D", "=");
    let token = text
        .split("https://crm.example/verify-email?token=")
        .nth(1)
        .unwrap();
    token[..43].to_owned()
}

#[tokio::test]
async fn a_mail_goes_out_by_smtp_as_text_and_html_with_a_link_that_works() {
    let server = MailServer::start(0).await;
    let world = by_smtp(1, MailServer::url(server.port)).await;
    let form = v1::RegisterRequest {
        first_name: "Zoë <b>".to_owned(),
        ..form()
    };
    answer(world.auth().register(form.clone()).await).unwrap();
    until(|| async { server.to(&form.email).len() == 1 }).await;
    let mail = server.to(&form.email).remove(0);
    assert_eq!(mail.from, "crm@office.example");
    for part in [
        "From: Kontor <crm@office.example>\r\n",
        "Subject: Confirm your e-mail address\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "multipart/alternative",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
        "&lt;b&gt;",
    ] {
        assert!(mail.data.contains(part), "{part} is not in {}", mail.data);
    }
    let request = v1::VerifyEmailRequest {
        token: token(&mail.data),
    };
    let verified = answer(world.auth().verify_email(request).await).unwrap();
    assert!(verified.user.unwrap().email_verified);
    until(|| async { waiting(&world, &form.email).await == 0 }).await;
}

#[tokio::test]
async fn a_mail_server_that_is_down_loses_nothing() {
    let port = MailServer::free_port().await;
    let world = by_smtp(1, MailServer::url(port)).await;
    let (one, other) = (world.register().await, world.register().await);
    assert_eq!(waiting(&world, &one.email).await, 1);
    // The secret of a link is made when it can be sent, so none rests meanwhile.
    let links: i64 = sqlx::query_scalar("select count(*) from identity.mail_tokens where user_id = $1::uuid")
        .bind(&one.user.id)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!(links, 0);

    let server = MailServer::start(port).await;
    for person in [&one, &other] {
        until(|| async { server.to(&person.email).len() == 1 }).await;
        until(|| async { waiting(&world, &person.email).await == 0 }).await;
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_for_now_is_tried_again() {
    let server = MailServer::start(0).await;
    server.refuse(2);
    let world = by_smtp(1, MailServer::url(server.port)).await;
    let person = world.register().await;
    until(|| async { server.to(&person.email).len() == 1 }).await;
    until(|| async { waiting(&world, &person.email).await == 0 }).await;
}

#[tokio::test]
async fn several_processes_send_each_mail_once() {
    let server = MailServer::start(0).await;
    let world = by_smtp(3, MailServer::url(server.port)).await;
    let mut people = Vec::new();
    for _ in 0..8 {
        people.push(world.register().await);
    }
    for person in &people {
        until(|| async { waiting(&world, &person.email).await == 0 }).await;
        assert_eq!(server.to(&person.email).len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_offers_no_tls_gets_no_mail_when_tls_is_required() {
    let server = MailServer::start(0).await;
    let url = format!("{}?tls=required", MailServer::url(server.port));
    let world = by_smtp(1, url).await;
    let person = world.register().await;
    let attempts = || async {
        // Given back after each attempt, so due again a moment later than it was written.
        let tried: bool =
            sqlx::query_scalar("select due_at > created_at from identity.mails where recipient = $1")
                .bind(&person.email)
                .fetch_one(&mut world.admin().await)
                .await
                .unwrap();
        tried
    };
    until(attempts).await;
    assert!(server.to(&person.email).is_empty());
}

#[tokio::test]
async fn smtps_begins_with_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let world = by_smtp(1, format!("smtps://127.0.0.1:{port}")).await;
    world.register().await;
    let (mut stream, _) = listener.accept().await.unwrap();
    // A TLS record of the type handshake.
    assert_eq!(stream.read_u8().await.unwrap(), 22);
}

#[tokio::test]
async fn without_a_mail_server_a_mail_is_a_file_with_its_link_in_one_piece() {
    let world = World::alone().await;
    let form = v1::RegisterRequest {
        first_name: "Zoë".to_owned(),
        ..form()
    };
    answer(world.auth().register(form.clone()).await).unwrap();
    let token = world.link("verify-email", &form.email).await;
    assert_eq!(token.len(), 43);
    let mail = world.mails().remove(0);
    assert!(mail.contains("Hello Zoë,"), "{mail}");
    assert!(mail.contains("Content-Type: multipart/alternative"), "{mail}");
}

#[tokio::test]
async fn nobody_but_the_owner_of_an_address_gets_a_mail_however_it_is_typed() {
    let world = World::alone().await;
    let person = world.register().await;
    world.link("verify-email", &person.email).await;
    for typed in [person.email.to_uppercase(), "stranger@nowhere.example".to_owned()] {
        let request = v1::ResendVerificationRequest { email: typed };
        answer(world.auth().resend_verification(request).await).unwrap();
    }
    until(|| async { waiting(&world, "stranger@nowhere.example").await == 0 }).await;
    until(|| async { world.mails().len() == 2 }).await;
    let to = format!("To: {}\r\n", person.email);
    assert!(world.mails().iter().all(|mail| mail.contains(&to)));
}
