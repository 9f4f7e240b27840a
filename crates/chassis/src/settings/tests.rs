use super::*;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().copied()).unwrap()
}

#[test]
fn everything_has_a_default() {
    let settings = settings(&[]);
    assert_eq!(settings.gateway_listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.access_token_seconds, 600);
    assert!(settings.rate_limits && settings.reflection);
    assert_eq!(settings.log_format, None);
}

#[test]
fn a_service_logs_in_as_its_own_role_with_the_common_password() {
    let settings = settings(&[(
        "database_url",
        "postgres://anyone:s%40cret@db:5433/kontor?sslmode=disable",
    )]);
    let service = settings.service("alpha", 50054).unwrap();
    assert_eq!(
        service.database_url().unwrap(),
        "postgres://kontor_alpha:s%40cret@db:5433/kontor?sslmode=disable"
    );
}

#[test]
fn a_service_s_own_settings_win() {
    let settings = settings(&[
        ("database_url", "postgres://a:b@db/kontor"),
        ("alpha_database_url", "postgres://x:y@other/alpha"),
        ("alpha_listen", "0.0.0.0:6000"),
        ("beta_url", "http://beta.example:1"),
    ]);
    let alpha = settings.service("alpha", 50054).unwrap();
    assert_eq!(alpha.database_url().unwrap(), "postgres://x:y@other/alpha");
    assert_eq!(alpha.listen.to_string(), "0.0.0.0:6000");
    assert_eq!(alpha.url, "http://127.0.0.1:6000");
    assert_eq!(alpha.admin_listen.to_string(), "0.0.0.0:7000");
    assert_eq!(
        settings.service("beta", 50055).unwrap().url,
        "http://beta.example:1"
    );
}

#[test]
fn without_a_database_the_message_names_the_settings() {
    let error = settings(&[])
        .service("alpha", 1)
        .unwrap()
        .database_url()
        .unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        source.contains("KONTOR_DATABASE_URL") && source.contains("KONTOR_ALPHA_DATABASE_URL"),
        "{source}"
    );
}

#[test]
fn a_value_that_cannot_be_read_is_named() {
    for (key, value) in [
        ("gateway_listen", "nowhere"),
        ("access_token_seconds", "ten"),
        ("rate_limits", "perhaps"),
        ("log_format", "xml"),
    ] {
        let error = Settings::from_pairs([(key, value)]).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(&variable(key)), "{source}");
    }
}

#[test]
fn switches_are_on_or_off() {
    for (word, on) in [("on", true), ("off", false), ("true", true), ("0", false)] {
        assert_eq!(settings(&[("rate_limits", word)]).rate_limits, on, "{word}");
    }
}

#[test]
fn passwords_are_struck_out_where_settings_are_shown() {
    let settings = settings(&[
        ("database_url", "postgres://a:hunter2@db/kontor"),
        ("events", "amqp://u:hunter2@mq/"),
    ]);
    let shown = format!("{settings:?} {:?}", settings.service("alpha", 1).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        settings
            .in_force()
            .iter()
            .any(|one| one.variable == "KONTOR_EVENTS" && one.value.contains("***"))
    );
}

#[test]
fn the_manual_explains_every_setting() {
    assert!(Settings::manual().all(|(variable, text)| variable.starts_with("KONTOR_") && text.len() > 10));
    assert!(Settings::manual().any(|(variable, _)| variable == "KONTOR_ACCESS_TOKEN_SECONDS"));
}

#[test]
fn a_setting_of_a_service_s_own_is_read_by_its_key() {
    let settings = settings(&[("import_max_bytes", "12")]);
    assert_eq!(settings.get::<u64>("import_max_bytes").unwrap(), Some(12));
    assert_eq!(settings.get::<u64>("export_max_bytes").unwrap(), None);
}
