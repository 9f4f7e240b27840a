//! One click makes an account, a contact and a deal, once.

use std::sync::Arc;

use futures_util::future::join_all;
use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "conversion::makes_an_account_a_contact_and_a_deal",
            makes_three,
        ),
        trial(
            suite,
            "conversion::is_the_same_however_often_it_is_asked_for",
            is_idempotent,
        ),
        trial(
            suite,
            "conversion::two_leads_of_one_new_company_share_the_account",
            share_the_account,
        ),
        trial(
            suite,
            "conversion::links_the_contact_with_the_same_address",
            links_the_contact,
        ),
        trial(suite, "conversion::without_a_deal_makes_none", without_a_deal),
        trial(
            suite,
            "conversion::refuses_references_that_are_not_there",
            unknown_references,
        ),
        trial(suite, "conversion::that_cannot_succeed_is_undone", undone),
        trial(suite, "conversion::is_previewed_with_nothing_saved", previewed),
        trial(
            suite,
            "conversion::is_taken_back_while_untouched_and_done_again",
            taken_back,
        ),
        trial(
            suite,
            "conversion::of_a_disqualified_lead_is_a_conflict",
            disqualified,
        ),
        trial(
            suite,
            "conversion::of_a_lead_never_converted_is_not_found",
            never_converted,
        ),
    ]
}

/// A new lead's id.
pub(crate) async fn lead(api: &Api, body: Value) -> String {
    api.post("/leads/", body).await.expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn total(api: &Api, path: &str) -> Value {
    api.get(path).await.expect(200)["total_size"].clone()
}

async fn makes_three(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(
        &api,
        json!({
            "first_name": "Ada", "last_name": "Lovelace", "email": "ada@analytical.example", "company_name": "Analytical Engines Ltd",
            "website": "www.analytical.example", "title": "Countess", "phone": "+44 20 7946 0000",
            "budget": {"amount": "2500.50", "currency": "EUR"}, "tags": ["vip"],
            "address": {"city": "London", "country": "GB"},
        }),
    )
    .await;
    let answer = api
        .post(&format!("/leads/{id}/convert/"), json!({"wait_seconds": 30, "deal": {"name": "Engine No. 1", "expected_close_date": "2027-01-31"}}))
        .await
        .expect(200);
    let (conversion, after) = (&answer["conversion"], &answer["lead"]);
    assert_eq!(conversion["state"], "completed");
    let steps: Vec<&Value> = conversion["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["step"])
        .collect();
    assert_eq!(steps, ["account", "contact", "deal"]);
    assert!(
        conversion["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["state"] == "completed" && step["matched_existing"] == false)
    );
    assert_eq!(after["status"], "converted");
    assert_eq!(after["conversion"]["account_id"], conversion["account_id"]);
    assert!(after["conversion"]["converted_at"].is_string());

    let account = api
        .get(&format!(
            "/accounts/{}/",
            conversion["account_id"].as_str().unwrap()
        ))
        .await
        .expect(200);
    assert_eq!(account["name"], "Analytical Engines Ltd");
    assert_eq!(account["domain"], "analytical.example");
    assert_eq!(account["website"], "https://www.analytical.example");
    let contact = api
        .get(&format!(
            "/contacts/{}/",
            conversion["contact_id"].as_str().unwrap()
        ))
        .await
        .expect(200);
    assert_eq!(contact["full_name"], "Ada Lovelace");
    assert_eq!(contact["title"], "Countess");
    assert_eq!(contact["account_id"], account["id"]);
    let deal = api
        .get(&format!("/deals/{}/", conversion["deal_id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(deal["name"], "Engine No. 1");
    assert_eq!(deal["lead_id"], id.as_str());
    assert_eq!(deal["expected_close_date"], "2027-01-31");
    assert_eq!(deal["amount"], json!({"amount": "2500.50", "currency": "EUR"}));
    assert_eq!(deal["probability"], 10, "the first stage of Sales: {deal}");

    assert_eq!(
        &api.get(&format!("/leads/{id}/conversion/")).await.expect(200),
        conversion
    );
    api.patch(&format!("/leads/{id}/"), json!({"phone": "1"}))
        .await
        .problem(409, "lead_converted");
    let patched = api
        .patch(
            &format!("/leads/{id}/"),
            json!({"description": "Done", "tags": ["won"]}),
        )
        .await
        .expect(200);
    assert_eq!(patched["tags"], json!(["won"]));
}

async fn is_idempotent(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(
        &api,
        json!({"last_name": "Once", "company_name": "Once Corp", "email": "once@example.com"}),
    )
    .await;
    let path = format!("/leads/{id}/convert/");
    let answers = join_all((0..8).map(|_| api.post(&path, json!({"wait_seconds": 30})))).await;
    let ids: Vec<Value> = answers
        .into_iter()
        .map(|answer| answer.expect(200)["conversion"]["id"].clone())
        .collect();
    assert!(ids.iter().all(|other| *other == ids[0]), "{ids:?}");
    let again = api.post(&path, json!({})).await.expect(200);
    assert_eq!(again["conversion"]["id"], ids[0]);
    assert_eq!(total(&api, "/accounts/").await, 1);
    assert_eq!(total(&api, "/contacts/").await, 1);
    assert_eq!(total(&api, "/deals/").await, 1);
}

async fn share_the_account(suite: &Suite) {
    let api = suite.api().company().await;
    let names = [
        "Müller & Söhne GmbH",
        "MULLER & SOHNE",
        "müller söhne gmbh",
        "Muller, Sohne GmbH",
    ];
    let mut ids = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        ids.push(lead(&api, json!({"last_name": format!("M{number}"), "company_name": name, "email": format!("m{number}@example.net")})).await);
    }
    let answers = join_all(ids.iter().map(|id| {
        let api = &api;
        async move {
            api.post(&format!("/leads/{id}/convert/"), json!({"wait_seconds": 30}))
                .await
                .expect(200)
        }
    }))
    .await;
    let first = &answers[0]["conversion"]["account_id"];
    assert!(
        answers
            .iter()
            .all(|answer| answer["conversion"]["account_id"] == *first),
        "{answers:?}"
    );
    assert_eq!(total(&api, "/accounts/").await, 1);
    assert_eq!(total(&api, "/contacts/").await, 4);
}

async fn links_the_contact(suite: &Suite) {
    let api = suite.api().company().await;
    let contact = api
        .post(
            "/contacts/",
            json!({"last_name": "Known", "email": "Known@Example.com"}),
        )
        .await
        .expect(201);
    let id = lead(&api, json!({"last_name": "Known", "email": "known@example.com", "phone": "123456", "company_name": "New Co"})).await;
    let answer = api
        .post(&format!("/leads/{id}/convert/"), json!({"wait_seconds": 30}))
        .await
        .expect(200);
    assert_eq!(answer["conversion"]["contact_id"], contact["id"]);
    assert_eq!(answer["conversion"]["steps"][1]["matched_existing"], true);
    let after = api
        .get(&format!("/contacts/{}/", contact["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(after["phone"], "123456", "blanks are filled by default: {after}");
}

async fn without_a_deal(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(&api, json!({"last_name": "Dealless"})).await;
    let answer = api
        .post(
            &format!("/leads/{id}/convert/"),
            json!({"create_deal": false, "wait_seconds": 30}),
        )
        .await
        .expect(200);
    assert_eq!(answer["conversion"]["deal_id"], Value::Null);
    assert_eq!(answer["conversion"]["steps"].as_array().unwrap().len(), 2);
    assert_eq!(total(&api, "/deals/").await, 0);
}

async fn unknown_references(suite: &Suite) {
    let api = suite.api().company().await;
    let other = suite.api().company().await;
    let theirs = other
        .post("/accounts/", json!({"name": "Theirs"}))
        .await
        .expect(201);
    let id = lead(&api, json!({"last_name": "Lost"})).await;
    let path = format!("/leads/{id}/convert/");
    let nobody = "01890000-0000-7000-8000-000000000000";
    for (body, field) in [
        (json!({"account_id": nobody}), "account_id"),
        (json!({"account_id": theirs["id"]}), "account_id"),
        (json!({"contact_id": nobody}), "contact_id"),
        (json!({"owner_id": nobody}), "owner_id"),
        (json!({"deal": {"pipeline_id": nobody}}), "deal.pipeline_id"),
    ] {
        let problem = api.post(&path, body).await.problem(422, "unknown_reference");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    assert_eq!(
        api.get(&format!("/leads/{id}/")).await.expect(200)["status"],
        "new"
    );
    api.post(&path, json!({"acount_id": nobody}))
        .await
        .problem(400, "unknown_field");
}

async fn undone(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(
        &api,
        json!({"last_name": "Unlucky", "company_name": "Unlucky AG"}),
    )
    .await;
    api.post(&format!("/leads/{id}/qualify/"), json!({}))
        .await
        .expect(200);
    // A pipeline that is there and a stage that is not its own passes no step: the account and the contact are taken back.
    let deal = json!({"deal": {"stage_id": "01890000-0000-7000-8000-000000000000"}, "wait_seconds": 30});
    let answer = api.post(&format!("/leads/{id}/convert/"), deal).await;
    assert!(matches!(answer.status.as_u16(), 409 | 422), "{}", answer.text);
    eventually(10, "the lead is back in its state", async || {
        api.get(&format!("/leads/{id}/")).await.expect(200)["status"] == "qualified"
    })
    .await;
    eventually(10, "nothing is left", async || {
        total(&api, "/accounts/").await == 0
            && total(&api, "/contacts/").await == 0
            && total(&api, "/deals/").await == 0
    })
    .await;
    let answer = api
        .post(&format!("/leads/{id}/convert/"), json!({"wait_seconds": 30}))
        .await
        .expect(200);
    assert_eq!(
        answer["conversion"]["state"], "completed",
        "a failed conversion may be tried again"
    );
}

async fn disqualified(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(&api, json!({"last_name": "No"})).await;
    api.post(&format!("/leads/{id}/disqualify/"), json!({"reason": "Student"}))
        .await
        .expect(200);
    let problem = api
        .post(&format!("/leads/{id}/convert/"), json!({}))
        .await
        .problem(409, "wrong_state");
    assert!(
        problem["detail"].as_str().unwrap().contains("disqualified"),
        "{problem}"
    );
}

async fn never_converted(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(&api, json!({"last_name": "Never"})).await;
    api.get(&format!("/leads/{id}/conversion/"))
        .await
        .problem(404, "not_found");
}

async fn previewed(suite: &Suite) {
    let api = suite.api().company().await;
    let account = api
        .post(
            "/accounts/",
            json!({"name": "Preview Inc", "website": "https://preview.example", "industry": "Steel"}),
        )
        .await
        .expect(201);
    let lead = json!({"last_name": "Before", "email": "before@preview.example", "company_name": "Somewhat Else",
        "website": "preview.example", "industry": "Films", "phone": "+1 555 0100"});
    let id = self::lead(&api, lead).await;
    let path = format!("/leads/{id}/convert/preview/");
    let plan = api.post(&path, json!({})).await.expect(200);
    assert_eq!(plan["account"]["action"], "link", "{plan}");
    assert_eq!(plan["account"]["id"], account["id"]);
    let candidate = &plan["account"]["candidates"][0];
    assert_eq!(
        (&candidate["id"], &candidate["name"], &candidate["reason"]),
        (&account["id"], &json!("Preview Inc"), &json!("domain"))
    );
    assert!(candidate["score"].as_f64().unwrap() > 0.5);
    assert_eq!(
        plan["account"]["writes"],
        json!([{"field": "phone", "from": null, "to": "+1 555 0100"}])
    );
    assert_eq!(plan["contact"]["action"], "create");
    assert_eq!(plan["deal"]["action"], "create");
    let overwrite = api
        .post(&path, json!({"fill": "overwrite", "create_deal": false}))
        .await
        .expect(200);
    let writes = overwrite["account"]["writes"].as_array().unwrap();
    assert!(writes.contains(&json!({"field": "industry", "from": "Steel", "to": "Films"})));
    assert_eq!(overwrite["deal"], Value::Null);
    assert_eq!(total(&api, "/contacts/").await, 0);
    assert_eq!(total(&api, "/deals/").await, 0);
    let unchanged = api
        .get(&format!("/accounts/{}/", account["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(unchanged, account);
    assert_eq!(
        api.get(&format!("/leads/{id}/")).await.expect(200)["status"],
        "new"
    );
    let other = suite.api().company().await;
    other.post(&path, json!({})).await.problem(404, "not_found");
}

async fn taken_back(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(
        &api,
        json!({"last_name": "Returns", "company_name": "Return Co", "email": "returns@example.com"}),
    )
    .await;
    api.post(&format!("/leads/{id}/qualify/"), json!({}))
        .await
        .expect(200);
    let (convert, undo) = (
        format!("/leads/{id}/convert/"),
        format!("/leads/{id}/convert/undo/"),
    );
    let first = api.post(&convert, json!({"wait_seconds": 30})).await.expect(200);
    let deal = first["conversion"]["deal_id"].as_str().unwrap();
    let patched = api
        .patch(&format!("/deals/{deal}/"), json!({"description": "worked on"}))
        .await;
    patched.expect(200);
    let account = &first["conversion"]["account_id"];
    let colleague = api
        .post(
            "/contacts/",
            json!({"last_name": "Colleague", "account_id": account}),
        )
        .await
        .expect(201);
    let problem = api
        .post(&undo, json!({}))
        .await
        .problem(409, "conversion_touched");
    let mut touched: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["field"].as_str().unwrap(), error["code"].as_str().unwrap()))
        .collect();
    touched.sort_unstable();
    let colleague = colleague["id"].as_str().unwrap();
    let (by_contact, by_deal) = (format!("contacts.{colleague}"), format!("deals.{deal}"));
    assert_eq!(
        touched,
        [(by_contact.as_str(), "linked"), (by_deal.as_str(), "changed")],
        "{problem}"
    );
    assert_eq!(
        api.get(&format!("/deals/{deal}/")).await.expect(200)["description"],
        "worked on"
    );

    let id = lead(
        &api,
        json!({"last_name": "Clean", "company_name": "Clean Co", "email": "clean@example.com"}),
    )
    .await;
    let (convert, undo) = (
        format!("/leads/{id}/convert/"),
        format!("/leads/{id}/convert/undo/"),
    );
    api.post(&undo, json!({})).await.problem(409, "wrong_state");
    let before = api.get(&format!("/leads/{id}/")).await.expect(200);
    let first = api.post(&convert, json!({"wait_seconds": 30})).await.expect(200);
    let answer = api.post(&undo, json!({})).await;
    assert!(matches!(answer.status.as_u16(), 200 | 202), "{}", answer.text);
    eventually(30, "the conversion is taken back", async || {
        api.get(&format!("/leads/{id}/conversion/")).await.expect(200)["state"] == "undone"
    })
    .await;
    let back = api.get(&format!("/leads/{id}/")).await.expect(200);
    for field in ["status", "score", "conversion"] {
        assert_eq!(back[field], before[field], "{field} of {back}");
    }
    for (kind, one) in [
        ("accounts", "account_id"),
        ("contacts", "contact_id"),
        ("deals", "deal_id"),
    ] {
        let made = first["conversion"][one].as_str().unwrap();
        api.get(&format!("/{kind}/{made}/"))
            .await
            .problem(404, "not_found");
    }
    let again = api.post(&convert, json!({"wait_seconds": 30})).await.expect(200);
    assert_eq!(again["conversion"]["state"], "completed");
    assert_ne!(again["conversion"]["id"], first["conversion"]["id"]);
}
