//! What `kontor up` chooses where neither the environment nor the file does.

use std::collections::HashSet;

use anyhow::Result;
use kontor_chassis::settings::{Listen, Settings};

use crate::explain;
use crate::private::Choices;
use crate::servers::{free_port, is_free};
use crate::suite::SERVICES;

/// Addresses to listen at: the default ports where they are free, else others.
pub(super) fn addresses(settings: &Settings) -> Result<Choices> {
    let mut ports = Ports::default();
    let mut choices = Choices::new();
    let gateway = if is_set(settings, "gateway_listen")? {
        settings.gateway_listen.clone()
    } else {
        let listen = Listen::local(ports.near(settings.gateway_listen.port)?);
        choices.push(("gateway_listen".to_owned(), listen.to_string()));
        listen
    };
    if !is_set(settings, "public_url")? {
        choices.push(("public_url".to_owned(), gateway.url()));
    }
    if !is_set(settings, "print_links")? {
        // Whoever tries the suite on a machine of theirs has no mail server, and goes on from the log.
        choices.push(("print_links".to_owned(), "true".to_owned()));
    }
    if settings.admin_listen.is_none() {
        let port = ports.near(gateway.admin().port)?;
        choices.push(("admin_listen".to_owned(), Listen::local(port).to_string()));
    }
    for service in &SERVICES {
        let key = format!("{}_listen", service.name);
        if !is_set(settings, &key)? {
            choices.push((key, Listen::local(ports.near(service.port)?).to_string()));
        }
    }
    Ok(choices)
}

/// The admin port of a service that has a process to itself.
pub(super) fn admin_of(listen: &Listen) -> Result<Listen> {
    Ok(Listen::local(Ports::default().near(listen.admin().port)?))
}

pub(super) fn is_set(settings: &Settings, key: &str) -> Result<bool> {
    Ok(settings.get::<String>(key).map_err(explain)?.is_some())
}

/// Ports given out so far: a port that is given is free until somebody listens.
#[derive(Default)]
struct Ports(HashSet<u16>);

impl Ports {
    fn near(&mut self, wanted: u16) -> Result<u16> {
        let mut port = wanted;
        while !is_free(port) || !self.0.insert(port) {
            port = free_port()?;
        }
        Ok(port)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_taken_port_is_left_to_its_owner_and_a_set_one_to_the_user() {
        let owner = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = owner.local_addr().unwrap().port();
        assert_ne!(Ports::default().near(taken).unwrap(), taken);

        let settings = Settings::from_pairs([
            ("gateway_listen", "0.0.0.0:1234"),
            ("activities_listen", "127.0.0.1:5"),
        ]);
        let choices = addresses(&settings.unwrap()).unwrap();
        assert!(
            choices
                .iter()
                .all(|(key, _)| key != "gateway_listen" && key != "activities_listen")
        );
        assert!(
            choices.contains(&("public_url".to_owned(), "http://127.0.0.1:1234".to_owned())),
            "{choices:?}"
        );
    }
}
