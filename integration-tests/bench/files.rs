//! Programs the benchmarks need, and files they make.

use std::path::PathBuf;

use anyhow::{Result, bail};

/// Where a program is: on the PATH, or among PostgreSQL's.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    match folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
    {
        Some(file) => Ok(file),
        None => bail!("{name} is not installed: ./dev bench installs it"),
    }
}

/// A file of leads: every third with a budget, every fifth hot, ten to a company.
pub(crate) fn leads(rows: usize, mark: &str) -> String {
    let mut file = String::with_capacity(rows * 120);
    file.push_str(
        "First Name,Last Name,Email,Phone,Company,Industry,Lead Source,Rating,Budget,City,Country\r\n",
    );
    for n in 0..rows {
        let industry = ["Software", "Energy", "Retail", "Health Care", "Utilities"][n % 5];
        let source = ["website", "referral", "event", "partner"][n % 4];
        let rating = ["hot", "warm", "cold", "", ""][n % 5];
        let budget = if n % 3 == 0 { "5000" } else { "" };
        file.push_str(&format!(
            "First{n},Last{n},{mark}{n}@example.com,+1 555 {n:07},{mark} Company {},{industry},{source},{rating},{budget},Springfield,US\r\n",
            n / 10
        ));
    }
    file
}

/// A file of accounts.
pub(crate) fn accounts(rows: usize) -> String {
    let mut file = String::from("Name,Industry,Website,City,Country\r\n");
    for n in 0..rows {
        file.push_str(&format!(
            "Organisation {n},Software,https://organisation{n}.example,Springfield,US\r\n"
        ));
    }
    file
}

/// A file of contacts.
pub(crate) fn contacts(rows: usize) -> String {
    let mut file = String::from("First Name,Last Name,Email\r\n");
    for n in 0..rows {
        file.push_str(&format!("First{n},Last{n},contact{n}@example.com\r\n"));
    }
    file
}
