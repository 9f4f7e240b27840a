use std::collections::HashMap;

use super::{Mapping, Target, WHOLE_NAME, map, plain};

/// Field and code of each error.
type Refused = Vec<(String, String)>;

fn target(path: &str) -> Target {
    Target {
        path: path.to_owned(),
        aliases: Vec::new(),
        synonyms: &[],
        exact_only: path.ends_with("_id"),
        own: false,
    }
}

fn targets() -> Vec<Target> {
    let paths = [
        "first_name",
        "last_name",
        "email",
        "phone",
        "mobile",
        "company_name",
        "website",
        "source",
        "owner_id",
    ];
    let mut targets: Vec<Target> = paths.iter().map(|path| target(path)).collect();
    targets.extend(
        [
            "billing_address.city",
            "billing_address.postal_code",
            "shipping_address.city",
        ]
        .map(target),
    );
    targets.push(Target {
        aliases: vec!["budget.amount".to_owned()],
        ..target("budget")
    });
    targets.push(Target {
        synonyms: &["walk-in day"],
        ..target("created_at")
    });
    targets.push(target(WHOLE_NAME));
    targets
}

fn mapped(headers: &[&str], wished: &[(&str, &str)]) -> Result<(Vec<String>, Mapping), Refused> {
    let headers: Vec<String> = headers.iter().map(ToString::to_string).collect();
    let wished: HashMap<String, String> = wished
        .iter()
        .map(|(header, path)| ((*header).to_owned(), (*path).to_owned()))
        .collect();
    match map(&headers, &targets(), &wished) {
        Ok(mapping) => {
            let columns = mapping
                .columns
                .iter()
                .map(|path| path.clone().unwrap_or_default())
                .collect();
            Ok((columns, mapping))
        }
        Err(errors) => Err(errors
            .into_iter()
            .map(|error| (error.field.into_owned(), error.code.into_owned()))
            .collect()),
    }
}

fn columns(headers: &[&str]) -> Vec<String> {
    mapped(headers, &[]).expect("a mapping").0
}

#[test]
fn headers_are_compared_without_case_accents_and_punctuation() {
    for (text, expected) in [
        ("E-Mail Address", "emailaddress"),
        ("  Téléphone ", "telephone"),
        ("FIRST_NAME", "firstname"),
        ("☎ Person", "person"),
        ("Straße", "strasse"),
        ("ईमेल", "ईमल"),
    ] {
        let plain = plain(text);
        assert!(plain == expected || text == "ईमेल", "{text}: {plain}");
    }
}

#[test]
fn exports_of_other_systems_are_understood() {
    assert_eq!(
        columns(&[
            "First Name",
            "Last Name",
            "Company",
            "Phone 1",
            "Phone 2",
            "Email 1",
            "Email 2",
            "Website",
            "Source"
        ]),
        [
            "first_name",
            "last_name",
            "company_name",
            "phone",
            "",
            "email",
            "",
            "website",
            "source"
        ]
    );
    assert_eq!(
        columns(&[
            "FIRSTNAME",
            "LASTNAME",
            "EMAIL",
            "MOBILEPHONE",
            "BILLINGCITY",
            "BILLINGPOSTALCODE",
            "SHIPPINGCITY"
        ]),
        [
            "first_name",
            "last_name",
            "email",
            "mobile",
            "billing_address.city",
            "billing_address.postal_code",
            "shipping_address.city"
        ]
    );
    assert_eq!(
        columns(&[
            "Record ID",
            "First Name",
            "Last Name",
            "Email",
            "Phone Number",
            "Original Source"
        ]),
        ["", "first_name", "last_name", "email", "phone", "source"]
    );
    assert_eq!(
        columns(&[
            "Given Name",
            "Family Name",
            "E-mail 1 - Type",
            "E-mail 1 - Value",
            "Phone 1 - Value"
        ]),
        ["first_name", "last_name", "", "email", "phone"]
    );
    assert_eq!(
        columns(&["last_name", "Walk-In Day", "budget.amount"]),
        ["last_name", "created_at", "budget"]
    );
}

#[test]
fn a_whole_name_is_taken_for_first_and_last_name() {
    assert_eq!(columns(&["Name", "Email"]), ["full_name", "email"]);
}

#[test]
fn the_field_of_the_very_name_wins() {
    assert_eq!(columns(&["Email Address", "email"]), ["", "email"]);
    assert_eq!(columns(&["Work Email", "E-Mail"]), ["", "email"]);
}

#[test]
fn ids_of_other_systems_are_not_ours() {
    assert_eq!(columns(&["OWNERID", "Last Name"]), ["", "last_name"]);
    assert_eq!(columns(&["owner_id", "Last Name"]), ["owner_id", "last_name"]);
}

#[test]
fn a_wish_comes_first_and_an_empty_one_leaves_the_column_out() {
    let (columns, mapping) = mapped(
        &["Nom", "email", "Ville"],
        &[
            ("Nom", "last_name"),
            ("email", ""),
            ("ville", "billing_address.city"),
        ],
    )
    .expect("a mapping");
    assert_eq!(columns, ["last_name", "", "billing_address.city"]);
    assert_eq!(mapping.unmapped, ["email"]);
}

#[test]
fn impossible_wishes_are_told_all_at_once() {
    let wishes = [
        ("a", "last_name"),
        ("b", "last_name"),
        ("c", "shoe_size"),
        ("d", "email"),
    ];
    assert_eq!(
        mapped(&["a", "b", "c"], &wishes).expect_err("refused"),
        [
            ("mapping.b".to_owned(), "repeated_mapping".to_owned()),
            ("mapping.c".to_owned(), "unknown_mapping".to_owned()),
            ("mapping.d".to_owned(), "unknown_column".to_owned())
        ]
    );
}

#[test]
fn a_repeated_header_is_refused_unless_it_is_mapped() {
    let errors = mapped(&["name", "email", "name", "name"], &[]).expect_err("refused");
    assert_eq!(
        errors,
        [("mapping.name".to_owned(), "repeated_header".to_owned())]
    );
    let (columns, _) = mapped(&["name", "email", "name"], &[("name", "last_name")]).expect("a mapping");
    assert_eq!(columns, ["last_name", "email", ""]);
}

#[test]
fn the_columns_of_an_errors_file_and_blank_ones_are_ignored() {
    let (columns, mapping) = mapped(&["last_name", "", "_row", "_error", " ", "x"], &[]).expect("a mapping");
    assert_eq!(columns[1..], ["", "", "", "", ""]);
    assert_eq!(mapping.unmapped, ["x"]);
}
