//! `./dev bench`: each workload against its limit in turn, as ratios, on a suite of real processes.
//!
//! The limit is `pgbench` with the very SQL that the service sends (read off the server's log), prepared, as the
//! service's own login role under row-level security, pipelined in one round trip, on the same database with the same
//! number of connections. See `docs/performance.md` for the table of the last run.

use anyhow::{Result, ensure};

mod bulk;
mod capture;
mod convert;
mod files;
mod idle;
mod pgbench;
mod single;
mod table;
mod usage;
mod world;
mod wrk;

use table::Table;
use world::World;

/// How much and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Leads of the large company.
    pub(crate) leads: usize,
    /// Accounts of the large company.
    pub(crate) accounts: usize,
    /// Contacts of the large company.
    pub(crate) contacts: usize,
    /// Rows of the import that is measured.
    pub(crate) import: usize,
    /// Seconds of one run.
    pub(crate) seconds: u32,
}

/// Connections of every load, and of its limit.
pub(crate) const CONNECTIONS: u32 = 8;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ensure!(
        arguments.iter().all(|a| a == "--quick"),
        "usage: ./dev bench [--quick]"
    );
    let scale = if arguments.is_empty() {
        Scale {
            leads: 500_000,
            accounts: 100_000,
            contacts: 300_000,
            import: 100_000,
            seconds: 10,
        }
    } else {
        Scale {
            leads: 50_000,
            accounts: 10_000,
            contacts: 30_000,
            import: 10_000,
            seconds: 3,
        }
    };
    let mut table = Table::new(scale);
    let world = World::make(scale, &mut table)?;
    let result = world.run(async |world: &World| {
        single::get_by_rest(world, &mut table).await?;
        single::get_by_grpc(world, &mut table).await?;
        single::list(world, &mut table).await?;
        single::create(world, &mut table).await?;
        convert::rows(world, &mut table).await?;
        bulk::import(world, &mut table).await?;
        bulk::export(world, &mut table).await
    });
    world.stop();
    result?;
    table.write()
}
