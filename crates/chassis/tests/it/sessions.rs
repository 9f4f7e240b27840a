use std::sync::Arc;
use std::time::{Duration, Instant};

use kontor_chassis::host::Process;
use kontor_chassis::peers::Peers;
use kontor_chassis::settings::Settings;
use kontor_chassis::token::{ServiceKey, Verifier};
use kontor_chassis::{Error, Kind, serve};
use tokio_util::sync::CancellationToken;

use crate::identity::{Identity, Suite, claims};
use crate::within::until;

#[tokio::test]
async fn a_session_that_ended_is_refused_within_a_second_although_its_token_is_remembered() {
    let suite = Suite::start().await;
    let ending = claims();
    let token = suite.identity.sign(&ending);
    suite.get_me(&token).await.unwrap();
    let ended_at = Instant::now();
    suite.identity.end(ending.sid);
    until("the session is refused", || async {
        suite.get_me(&token).await.is_err()
    })
    .await;
    assert!(
        ended_at.elapsed() < Duration::from_secs(1),
        "{:?}",
        ended_at.elapsed()
    );
    assert_eq!(
        Error::from(suite.get_me(&token).await.unwrap_err()).code(),
        "session_ended"
    );
    suite.get_me(&suite.identity.sign(&claims())).await.unwrap();
}

#[tokio::test]
async fn a_token_signed_by_a_key_of_a_moment_ago_is_known() {
    let suite = Suite::start().await;
    let old = suite.identity.sign(&claims());
    suite.get_me(&old).await.unwrap();
    suite.identity.rotate();
    let new = suite.identity.sign(&claims());
    until("the new key is known", || async {
        suite.get_me(&new).await.is_ok()
    })
    .await;
    suite.get_me(&old).await.unwrap();
}

#[tokio::test]
async fn until_identity_is_heard_a_token_cannot_be_judged_and_afterwards_it_can() {
    let settings = Settings::from_pairs([
        ("identity_listen", "127.0.0.1:0"),
        ("database_url", "postgres://nobody@127.0.0.1:1/none"),
    ])
    .unwrap();
    let peers = Peers::builder(ServiceKey::random())
        .local("identity")
        .build("suite");
    let process = Process::start(Arc::new(settings), peers, "identity").unwrap();
    let identity = Identity::new();
    let header = format!("Bearer {}", identity.sign(&claims())).parse().unwrap();
    assert_eq!(
        process.verifier.verify(&header).await.unwrap_err().kind(),
        Kind::Unavailable
    );

    let ended = claims();
    identity.end(ended.sid);
    let host = process.host("identity", 0).unwrap();
    serve::serve(&host, identity.routes()).await.unwrap();
    until("identity is heard", || async {
        process.verifier.verify(&header).await.is_ok()
    })
    .await;
    let header = format!("Bearer {}", identity.sign(&ended)).parse().unwrap();
    let error = process.verifier.verify(&header).await.unwrap_err();
    assert_eq!(error.code(), "session_ended", "it ended before anybody listened");
}

#[tokio::test]
async fn while_identity_is_down_who_is_known_stays_known_and_ended_sessions_stay_ended() {
    let suite = Suite::start().await;
    let key = suite.process.peers.service_key().clone();
    let peers = Peers::builder(key.clone())
        .remote("identity", &format!("http://{}", suite.address))
        .unwrap();
    let peer = peers.build("beta").get("identity").unwrap();
    let verifier = Verifier::start(key, peer, 600, CancellationToken::new());
    until("identity is heard", || async { verifier.is_in_step() }).await;

    let (staying, ending) = (claims(), claims());
    let staying = format!("Bearer {}", suite.identity.sign(&staying))
        .parse()
        .unwrap();
    let gone = format!("Bearer {}", suite.identity.sign(&ending))
        .parse()
        .unwrap();
    verifier.verify(&gone).await.unwrap();
    suite.identity.end(ending.sid);
    until("the session is refused", || async {
        verifier.verify(&gone).await.is_err()
    })
    .await;

    suite.process.stop().await;
    verifier.verify(&staying).await.unwrap();
    assert_eq!(verifier.verify(&gone).await.unwrap_err().code(), "session_ended");
}

#[tokio::test]
async fn rights_that_changed_count_within_a_second_under_the_same_token_and_no_longer_than_membership() {
    let suite = Suite::start().await;
    let member = claims();
    let token = suite.identity.sign(&member);
    let role = async || {
        let answer = suite.get_me(&token).await;
        answer
            .map(|me| me.into_inner().role)
            .map_err(|status| Error::from(status).code().to_owned())
    };
    assert_eq!(role().await.unwrap(), "viewer");
    for given in ["manager", "rep"] {
        let before = match given {
            "manager" => member.grant.unwrap(),
            _ => suite.identity.grant(),
        };
        let changed_at = Instant::now();
        suite.identity.give(given, before);
        until("the rights are those of now", || async {
            role().await.unwrap() == given
        })
        .await;
        assert!(changed_at.elapsed() < Duration::from_secs(1));
    }
    suite.identity.shut_out(suite.identity.grant());
    until("who is no member is refused", || async {
        role().await == Err("session_ended".to_owned())
    })
    .await;
}
