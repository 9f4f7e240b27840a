//! The story of the product, with real companies: import them as accounts, import leads at those companies, read
//! scores, convert, read account, contact and deal, export, compare.

use std::sync::Arc;

use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::json;

use crate::trial;

/// The S&P 500 as published by `datasets/s-and-p-500-companies` (ODC PDDL 1.0, public domain).
const COMPANIES: &str = include_str!("../../fixtures/sp500_constituents.csv");

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "story::real_companies_travel_from_a_file_to_deals_and_back_to_a_file",
        real_companies,
    )]
}

async fn real_companies(suite: &Suite) {
    let api = suite.api().company().await;

    let mapping = json!({"Security": "name", "Symbol": "account_number", "GICS Sector": "industry"});
    let job = api
        .send(
            api.request(reqwest::Method::POST, "/accounts/import/")
                .query(&[
                    ("mapping", mapping.to_string()),
                    ("skip_duplicates", "false".into()),
                ])
                .header("content-type", "text/csv")
                .body(COMPANIES),
        )
        .await
        .expect(200);
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(job["created"], 503, "{job}");
    assert_eq!(job["mapping"]["Security"], "name");

    let page = api
        .get("/accounts/?industry=Industrials&page_size=200&order_by=name")
        .await
        .expect(200);
    let industrials = csv::Reader::from_reader(COMPANIES.as_bytes())
        .records()
        .filter(|row| &row.as_ref().unwrap()[2] == "Industrials")
        .count();
    assert_eq!(page["total_size"], industrials, "{page}");

    // A lead at each of the first twenty companies, with a company name written otherwise than the account's.
    let mut leads = String::from("First Name,Last Name,Email,Company,Phone,Lead Source,Rating,Budget\r\n");
    let names: Vec<String> = csv::Reader::from_reader(COMPANIES.as_bytes())
        .records()
        .take(20)
        .map(|row| row.unwrap()[1].to_owned())
        .collect();
    for (number, name) in names.iter().enumerate() {
        leads.push_str(&format!(
            "Buyer,Number {number},buyer{number}@example.org,\"{}, Inc.\",+1 555 01{number:02},Event,Hot,1000\r\n",
            name.to_uppercase()
        ));
    }
    let job = api.csv("/leads/import/", leads).await.expect(200);
    assert_eq!(job["created"], 20, "{job}");
    assert_eq!(job["failed"], 0, "{job}");

    let page = api
        .get("/leads/?order_by=email&source=event&rating=hot")
        .await
        .expect(200);
    assert_eq!(page["total_size"], 20);
    let lead = &page["leads"][0];
    // e-mail 10, phone 5, company 10, budget 15, hot 20, recency 10.
    assert_eq!(lead["score"], 70, "{lead}");

    let answer = api
        .post(
            &format!("/leads/{}/convert/", lead["id"].as_str().unwrap()),
            json!({"wait_seconds": 30}),
        )
        .await
        .expect(200);
    let conversion = &answer["conversion"];
    assert_eq!(conversion["state"], "completed", "{answer}");
    assert_eq!(answer["lead"]["status"], "converted");
    assert_eq!(conversion["steps"][0]["step"], "account");
    assert_eq!(
        conversion["steps"][0]["matched_existing"], true,
        "legal form and case don't matter: {answer}"
    );

    let account = api
        .get(&format!(
            "/accounts/{}/",
            conversion["account_id"].as_str().unwrap()
        ))
        .await
        .expect(200);
    assert_eq!(account["name"], names[0].as_str());
    let contact = api
        .get(&format!(
            "/contacts/{}/",
            conversion["contact_id"].as_str().unwrap()
        ))
        .await
        .expect(200);
    assert_eq!(contact["email"], lead["email"]);
    assert_eq!(contact["account_id"], account["id"]);
    let deal = api
        .get(&format!("/deals/{}/", conversion["deal_id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(deal["account_id"], account["id"]);
    assert_eq!(deal["contact_ids"], json!([contact["id"]]));
    assert_eq!(
        deal["amount"],
        json!({"amount": "1000.00", "currency": "USD"}),
        "{deal}"
    );
    assert_eq!(deal["status"], "open");

    // What went in comes out.
    let exported = api
        .get("/accounts/export/?columns=name,account_number,industry&order_by=name,account_number")
        .await;
    assert_eq!(exported.status, 200, "{}", exported.text);
    let mut expected: Vec<[String; 3]> = csv::Reader::from_reader(COMPANIES.as_bytes())
        .records()
        .map(|row| row.unwrap())
        .map(|row| [row[1].to_owned(), row[0].to_owned(), row[2].to_owned()])
        .collect();
    let mut got: Vec<[String; 3]> = csv::Reader::from_reader(exported.text.as_bytes())
        .records()
        .map(|row| row.unwrap())
        .map(|row| [row[0].to_owned(), row[1].to_owned(), row[2].to_owned()])
        .collect();
    expected.sort();
    got.sort();
    assert_eq!(got, expected);
}
