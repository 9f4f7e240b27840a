//! Logins as fast as the passwords can be hashed, and reads beside them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use kontor_integration_tests::api::PASSWORD;
use serde_json::json;

use crate::arena::Arena;
use crate::load::Script;
use crate::table::{Demand, Row, number};
use crate::turns::in_turn;

/// What docs/architecture.md promises of a hash: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// The threads that hash at the limit.
const THREADS: usize = 2;

pub(super) async fn beside_reads(arena: &Arena<'_>) -> Result<Row> {
    let email = arena.api.session["user"]["email"]
        .as_str()
        .context("a founder without an address")?;
    let body = json!({"email": email, "password": PASSWORD}).to_string();
    let login = async |seconds: u64| {
        arena
            .wrk(Script::Post, seconds, &["/api/v1/auth/login", &body, "", "0"])
            .await
    };
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| login(turn.seconds).await,
        async |turn| hashes_per_second(turn.seconds).await,
    )
    .await?;

    let ids = arena.leads(5_000).await?;
    let paths: Vec<String> = ids.iter().map(|id| format!("/api/v1/leads/{id}")).collect();
    let file = arena.file("leads", &paths)?;
    let alone = arena.gets(&file, arena.seconds, 1).await?;
    let (beside, logins) = tokio::join!(arena.gets(&file, arena.seconds, 2), login(arena.seconds));
    let (beside, logins) = (beside?, logins?);
    let kept = beside.rate() / alone.rate();
    let p99 = beside.latency.map_or(f64::NAN, |latency| latency.p99);
    let mut row = Row {
        workload: "login (limit: argon2id on two threads)".to_owned(),
        demands: vec![
            Demand::share(&measured, 0.88),
            Demand::that(
                format!("GETs beside it keep 35 %: {}", number(kept * 100.0)),
                kept >= 0.35,
            ),
            Demand::that(format!("their p99 ≤ 40 ms: {}", number(p99)), p99 <= 40.0),
        ],
        measured,
        ..Row::default()
    };
    row.measured.load.errors += beside.errors + logins.errors;
    Ok(row)
}

async fn hashes_per_second(seconds: u64) -> Result<f64> {
    let threads = (0..THREADS).map(|_| {
        tokio::task::spawn_blocking(move || {
            let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(anyhow::Error::msg)?;
            let mut memory = vec![Block::default(); params.block_count()];
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let mut out = [0; 32];
            let mut hashes = 0_u32;
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(seconds) {
                argon2
                    .hash_password_into_with_memory(
                        PASSWORD.as_bytes(),
                        b"sixteen bytes it",
                        &mut out,
                        &mut memory,
                    )
                    .map_err(anyhow::Error::msg)?;
                hashes += 1;
            }
            Ok::<_, anyhow::Error>(f64::from(hashes) / began.elapsed().as_secs_f64())
        })
    });
    let rates = futures_util::future::try_join_all(threads).await?;
    rates.into_iter().sum()
}
