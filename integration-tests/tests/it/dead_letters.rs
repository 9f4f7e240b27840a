//! A message that a service gives up, in the hands of whoever runs the suite.

use std::sync::Arc;

use kontor_integration_tests::api::eventually;
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::{conversion::lead, trial};

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "dead_letters::are_listed_shown_and_have_their_effect_once_tried_again",
        given_up,
    )]
}

async fn given_up(suite: &Suite) {
    let api = suite.api().company().await;
    let (company, database) = (api.company_id(), suite.database());
    // A fault of the audit log that meets this company alone.
    let fault = format!(
        "create function identity.fault_of_a_trial() returns trigger language plpgsql as $$
         begin
             if new.company_id = '{company}' then raise exception 'a fault of the trial'; end if;
             return new;
         end $$;
         create trigger fault_of_a_trial before insert on identity.audit_log
             for each row execute function identity.fault_of_a_trial();"
    );
    sqlx::raw_sql(AssertSqlSafe(fault))
        .execute(database)
        .await
        .unwrap();
    let id = lead(&api, json!({"last_name": "Unnoted"})).await;
    let noted = format!("/audit-log/?resource_id={id}");

    let mut line = String::new();
    eventually(90, "the message is dead", async || {
        let (content, text) = suite.said(&["events", "dead", "list", "identity"]).await;
        assert!(content, "{text}");
        line = text
            .lines()
            .find(|line| line.contains(company))
            .unwrap_or_default()
            .to_owned();
        !line.is_empty()
    })
    .await;
    let message = line.split_whitespace().nth(1).unwrap();
    assert!(
        line.starts_with("identity ") && line.contains("kontor.leads.v1.LeadsChanged"),
        "{line}"
    );
    let (found, shown) = suite.said(&["events", "dead", "show", "identity", message]).await;
    assert!(found, "{shown}");
    for told in [message, company, &id, "kontor.leads.v1.LeadsChanged", "reason"] {
        assert!(shown.contains(told), "{told} is not in {shown}");
    }
    assert_eq!(api.get(&noted).await.expect(200)["total_size"], 0);

    let mended =
        "drop trigger fault_of_a_trial on identity.audit_log; drop function identity.fault_of_a_trial()";
    sqlx::raw_sql(mended).execute(database).await.unwrap();
    let retry = ["events", "dead", "retry", "identity", message];
    assert_eq!(
        suite.said(&retry).await,
        (true, "1 given to identity again\n".to_owned())
    );
    eventually(30, "it has its effect", async || {
        api.get(&noted).await.expect(200)["total_size"] == 1
    })
    .await;
    assert!(
        !suite
            .said(&["events", "dead", "show", "identity", message])
            .await
            .0
    );
    assert!(!suite.said(&retry).await.0, "it is not dead any more");
}
