//! Pipelines, the board, the forecast and the search, as a person uses them.

use std::sync::Arc;

use kontor_integration_tests::{api::eventually, suite::Suite};
use libtest_mimic::Trial;
use serde_json::json;

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "deals::a_pipeline_is_made_filled_shown_and_changed",
            pipelines,
        ),
        trial(
            suite,
            "deals::sums_are_in_the_currency_that_the_company_changes_to",
            currencies,
        ),
        trial(
            suite,
            "deals::one_search_finds_records_of_all_kinds_best_first",
            search,
        ),
    ]
}

async fn pipelines(suite: &Suite) {
    let api = suite.api().company().await;
    let body = json!({
        "name": "Renewals",
        "stages": [{"name": "Due", "probability": 60, "rotting_days": 14}, {"name": "Talking", "probability": 80}],
    });
    let made = api.post("/pipelines/", body).await.expect(201);
    let id = made["id"].as_str().unwrap();
    let (due, talking) = (&made["stages"][0]["id"], &made["stages"][1]["id"]);
    let deal = json!({"name": "Renew", "pipeline_id": id, "amount": {"amount": "1000", "currency": "USD"}});
    api.post("/deals/", deal).await.expect(201);

    let board = api
        .get(&format!("/deals/board/?pipeline_id={id}"))
        .await
        .expect(200);
    let stage = &board["stages"][0];
    assert_eq!(stage["stage"]["name"], "Due", "{board}");
    assert_eq!(
        (&stage["count"], &stage["deals"][0]["name"]),
        (&json!(1), &json!("Renew"))
    );
    assert_eq!(stage["sums"], json!([{"amount": "1000.00", "currency": "USD"}]));
    assert_eq!(
        stage["weighted_sums"],
        json!([{"amount": "600.00", "currency": "USD"}])
    );
    assert_eq!(
        stage["converted_sum"],
        json!({"amount": "1000.00", "currency": "USD"})
    );
    assert_eq!(board["stages"].as_array().unwrap().len(), 2);

    let only = json!({"stages": [{"id": talking, "name": "Talking", "probability": 80}]});
    api.patch(&format!("/pipelines/{id}/"), only.clone())
        .await
        .problem(409, "stage_in_use");
    api.delete(&format!("/pipelines/{id}/"))
        .await
        .problem(409, "pipeline_in_use");
    let mut moved = only;
    moved["move_deals"] = json!({due.as_str().unwrap(): talking});
    let changed = api.patch(&format!("/pipelines/{id}/"), moved).await.expect(200);
    assert_eq!(changed["stages"].as_array().unwrap().len(), 1, "{changed}");
    let board = api
        .get(&format!("/deals/board/?pipeline_id={id}"))
        .await
        .expect(200);
    assert_eq!(board["stages"][0]["deals"][0]["probability"], 80, "{board}");
    api.get("/deals/board/?colour=red")
        .await
        .problem(400, "unknown_parameter");
}

async fn currencies(suite: &Suite) {
    let api = suite.api().company().await;
    let deal = json!({"name": "Swiss", "amount": {"amount": "100", "currency": "CHF"}});
    api.post("/deals/", deal).await.expect(201);
    let board = api.get("/deals/board/").await.expect(200);
    assert_eq!(
        board["stages"][0]["converted_sum"],
        json!(null),
        "a franc has no rate yet: {board}"
    );
    let change = json!({"currency": "CHF", "time_zone": "Europe/Zurich"});
    api.patch(&format!("/companies/{}/", api.company_id()), change)
        .await
        .expect(200);
    eventually(10, "deals hear of the company's currency", async || {
        let board = api.get("/deals/board/").await.expect(200);
        board["stages"][0]["converted_sum"] == json!({"amount": "100.00", "currency": "CHF"})
    })
    .await;
    let rows = api.get("/deals/forecast/").await.expect(200);
    assert_eq!(
        rows["rows"][0]["open"],
        json!({"amount": "100.00", "currency": "CHF"}),
        "{rows}"
    );
    let win_loss = api.get("/deals/win-loss/").await.expect(200);
    assert_eq!(win_loss["won_amount"]["currency"], "CHF", "{win_loss}");
}

async fn search(suite: &Suite) {
    let api = suite.api().company().await;
    let lead = json!({"last_name": "Quixote", "company_name": "Windmill Works"});
    api.post("/leads/", lead).await.expect(201);
    api.post("/accounts/", json!({"name": "Windmill"}))
        .await
        .expect(201);
    api.post(
        "/contacts/",
        json!({"first_name": "Sancho", "last_name": "Panza"}),
    )
    .await
    .expect(201);
    api.post("/deals/", json!({"name": "Twelve windmills"}))
        .await
        .expect(201);
    let found = api.get("/search/?q=windmill").await.expect(200);
    let kinds: Vec<_> = found["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["account", "deal", "lead"], "{found}");
    assert_eq!(found["results"][0]["matches"], json!(["Windmill"]));
    assert_eq!(found["unavailable"], json!([]));
    let typo = api.get("/search/?q=quixtoe&kinds=lead").await.expect(200);
    assert_eq!(typo["results"][0]["name"], "Quixote", "{typo}");
    api.get("/search/").await.problem(400, "required");
}
