//! Nobody learns by the time of an answer which addresses are known.

use std::time::{Duration, Instant};

use kontor_proto::identity::v1;

use crate::world::{World, answer, sign_in};

/// How far two samples are apart: the z of the Mann-Whitney test, which asks only how often one is slower than the other
/// and so does not care for outliers. Samples of one distribution stay below 4 but once in 16,000.
fn distance(one: &[Duration], other: &[Duration]) -> f64 {
    let wins: f64 = one
        .iter()
        .flat_map(|a| other.iter().map(move |b| a.cmp(b)))
        .map(|order| match order {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    #[allow(clippy::cast_precision_loss)] // some dozens
    let (n, m) = (one.len() as f64, other.len() as f64);
    ((wins - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()).abs()
}

/// Measures both in turn, so that what else the machine does hits both alike.
async fn both<A: Future<Output = ()>, B: Future<Output = ()>>(
    rounds: usize,
    known: impl Fn() -> A,
    unknown: impl Fn() -> B,
) -> f64 {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for round in 0..rounds + 3 {
        // Which goes first changes, too.
        for first in [round % 2 == 0, round % 2 != 0] {
            let began = Instant::now();
            if first {
                known().await;
            } else {
                unknown().await;
            }
            // The first ones warm up.
            if round >= 3 {
                let sample = if first { &mut one } else { &mut other };
                sample.push(began.elapsed());
            }
        }
    }
    distance(&one, &other)
}

#[test]
fn a_leak_of_a_tenth_would_be_seen_and_one_slow_answer_is_none() {
    let sample = |scale: f64| -> Vec<Duration> {
        let noise = |n: u32| f64::from((n * 7919) % 31) / 31.0;
        (0..40)
            .map(|n| Duration::from_secs_f64(0.02 * scale * (1.0 + 0.1 * noise(n))))
            .collect()
    };
    assert!(distance(&sample(1.0), &sample(1.1)) > 4.0);
    let mut one_slow = sample(1.0);
    one_slow[7] = Duration::from_secs(5);
    assert!(distance(&sample(1.0), &one_slow) < 1.0);
}

#[tokio::test]
async fn signing_in_takes_the_same_time_whether_the_address_is_known() {
    let world = World::new().await;
    let person = world.register().await;
    let login = async |email: String| {
        let error = world.login(&email, "wrong password").await.unwrap_err();
        assert_eq!(error.code(), "invalid_credentials");
    };
    let known = || login(person.email.clone());
    let unknown = || {
        login(format!(
            "nobody-{}@nowhere.example",
            uuid::Uuid::now_v7().simple()
        ))
    };
    let z = both(40, known, unknown).await;
    assert!(z < 4.0, "the times are {z} apart");
}

#[tokio::test]
async fn asking_for_a_mail_takes_the_same_time_and_gets_the_same_answer_whether_the_address_is_known() {
    let world = World::alone().await;
    let person = world.verified().await;
    let reset = async |email: String| {
        let request = v1::RequestPasswordResetRequest { email };
        answer(world.auth().request_password_reset(request).await).unwrap();
    };
    let resend = async |email: String| {
        let request = v1::ResendVerificationRequest { email };
        answer(world.auth().resend_verification(request).await).unwrap();
    };
    let stranger = || format!("nobody-{}@nowhere.example", uuid::Uuid::now_v7().simple());
    let z = both(40, || reset(person.email.clone()), || reset(stranger())).await;
    assert!(z < 4.0, "the times of resets are {z} apart");
    let z = both(40, || resend(person.email.clone()), || resend(stranger())).await;
    assert!(z < 4.0, "the times of verifications are {z} apart");
}

#[tokio::test]
async fn the_headers_of_an_answer_are_the_same_whether_the_address_is_known() {
    let world = World::new().await;
    let person = world.register().await;
    let headers = async |email: &str| {
        let status = world
            .auth()
            .login(sign_in(email, "wrong password"))
            .await
            .unwrap_err();
        let mut names: Vec<String> = status
            .metadata()
            .clone()
            .into_headers()
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        names.sort();
        (names, status.code(), status.message().to_owned())
    };
    assert_eq!(
        headers(&person.email).await,
        headers("nobody@nowhere.example").await
    );
}
