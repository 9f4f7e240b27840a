//! Duplicates of leads, their merging, and taking it back.

use std::collections::HashMap;

use kontor_chassis::Error;
use kontor_proto::leads::v1::{self, LeadStatus, lead_history_service_server::LeadHistoryService};
use kontor_proto::records::v1::Money;

use crate::world::{World, answer, fields, named};

async fn ask(
    world: &World,
    winner: &v1::Lead,
    sources: &[&v1::Lead],
    fields: &[(&str, &v1::Lead)],
    dry_run: bool,
) -> Result<v1::MergeLeadResponse, Error> {
    let fields = fields
        .iter()
        .map(|(field, lead)| ((*field).to_owned(), lead.id.clone()));
    let request = world.asks(v1::MergeLeadRequest {
        id: winner.id.clone(),
        source_ids: sources.iter().map(|lead| lead.id.clone()).collect(),
        fields: HashMap::from_iter(fields),
        dry_run,
        etag: String::new(),
    });
    answer(world.grpc.merge_lead(request).await)
}

async fn unmerge(world: &World, winner: &v1::Lead, merge_id: &str) -> Result<v1::UnmergeLeadResponse, Error> {
    let request = world.asks(v1::UnmergeLeadRequest {
        id: winner.id.clone(),
        merge_id: merge_id.to_owned(),
    });
    answer(world.grpc.unmerge_lead(request).await)
}

fn of(first: &str, last: &str, company: &str) -> v1::Lead {
    v1::Lead {
        first_name: Some(first.to_owned()),
        company_name: Some(company.to_owned()),
        ..named(last)
    }
}

#[tokio::test]
async fn leads_are_taken_for_one_by_name_and_company_and_a_page_holds_the_surest_first() {
    let world = World::new().await;
    for lead in [
        of("Ada", "Lovelace", "Analytical Engines Ltd"),
        of("Ada", "Lovelace", "ANALYTICAL ENGINES"),
        v1::Lead {
            email: Some("konrad@example.com".into()),
            ..of("Konrad", "Zuse", "Zuse KG")
        },
        v1::Lead {
            email: Some("Konrad@example.com".into()),
            ..of("Konrad", "Zuse", "Zuse")
        },
        of("Ada", "Lovelace", "Something Else"),
    ] {
        world.create(lead).await.unwrap();
    }
    let page = async |token: &str| {
        let request = world.asks(v1::ListLeadDuplicatesRequest {
            page_size: 1,
            page_token: token.to_owned(),
        });
        answer(world.grpc.list_lead_duplicates(request).await).unwrap()
    };
    let first = page("").await;
    let second = page(&first.next_page_token).await;
    assert_eq!(second.next_page_token, "");
    let names = |page: &v1::ListLeadDuplicatesResponse| -> Vec<String> {
        let records = page.groups[0].records.iter();
        records.map(|record| record.name.clone()).collect()
    };
    assert_eq!(names(&first), ["Konrad Zuse", "Konrad Zuse"]);
    assert_eq!(names(&second), ["Ada Lovelace", "Ada Lovelace"]);
    assert!(first.groups[0].score >= second.groups[0].score);
    let request = world.asks(v1::ListLeadDuplicatesRequest {
        page_size: 0,
        page_token: "1".to_owned(),
    });
    let error = answer(world.grpc.list_lead_duplicates(request).await).unwrap_err();
    assert_eq!(fields(&error), [("page_token", "invalid_page_token")]);
}

#[tokio::test]
async fn a_merged_lead_is_scored_by_what_it_has_then_and_is_what_it_was_when_that_is_taken_back() {
    let world = World::new().await;
    let winner = world.create(named("Lovelace")).await.unwrap();
    let source = world
        .create(v1::Lead {
            email: Some("ada@example.com".into()),
            budget: Some(Money {
                amount: "100".into(),
                currency: "EUR".into(),
            }),
            ..of("Ada", "King", "Engines")
        })
        .await
        .unwrap();
    let dry = ask(&world, &winner, &[&source], &[("last_name", &source)], true)
        .await
        .unwrap();
    assert_eq!(world.get(&winner.id).await.unwrap(), winner);
    let merged = ask(&world, &winner, &[&source], &[("last_name", &source)], false)
        .await
        .unwrap();
    let lead = merged.lead.unwrap();
    assert_eq!(lead.full_name, "Ada King");
    assert_eq!(lead.score, winner.score + 10 + 10 + 15, "e-mail, company, budget");
    let shown = dry.lead.unwrap();
    assert_eq!(
        (shown.full_name, shown.score, shown.email),
        (lead.full_name.clone(), lead.score, lead.email.clone())
    );
    let gone = world.get(&source.id).await.unwrap_err();
    assert_eq!(
        gone.members().collect::<Vec<_>>(),
        [("winner_id", winner.id.as_str())]
    );
    let told: Vec<v1::LeadsMerged> = world.told().await;
    assert_eq!(told[0].merging.as_ref().unwrap().sources[0].id, source.id);

    let back = unmerge(&world, &winner, &merged.merge_id).await.unwrap();
    let lead = back.lead.unwrap();
    assert_eq!(
        (lead.full_name, lead.score, lead.email, lead.budget),
        (winner.full_name, winner.score, None, None)
    );
    assert!(back.lost.is_empty(), "{:?}", back.lost);
    let restored = world.get(&source.id).await.unwrap();
    assert_eq!((&restored.budget, restored.score), (&source.budget, source.score));
    let request = world.asks(v1::ListLeadMergesRequest { id: winner.id });
    let merges = answer(world.grpc.list_lead_merges(request).await).unwrap().merges;
    assert_eq!((merges.len(), &merges[0].id), (1, &merged.merge_id));
    assert!(merges[0].unmerged_at.is_some());
}

#[tokio::test]
async fn a_lead_that_is_converting_takes_no_part_in_a_merge() {
    let world = World::new().await;
    let lead = world.create(named("Lovelace")).await.unwrap();
    let other = world.create(named("King")).await.unwrap();
    world
        .convert(v1::ConvertLeadRequest {
            id: lead.id.clone(),
            wait_seconds: Some(0),
            ..v1::ConvertLeadRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(
        world.get(&lead.id).await.unwrap().status(),
        LeadStatus::Converting
    );
    for (winner, source) in [(&lead, &other), (&other, &lead)] {
        let error = ask(&world, winner, &[source], &[], false).await.unwrap_err();
        assert_eq!(error.kind().http(), 409, "{error}");
    }
    assert!(world.get(&other.id).await.is_ok());
}

#[tokio::test]
async fn two_merges_of_one_lead_at_once_give_it_to_one_winner() {
    let world = World::new().await;
    for _ in 0..5 {
        let mut leads = Vec::new();
        for name in ["A", "B", "C"] {
            leads.push(world.create(named(name)).await.unwrap());
        }
        let [a, b, c] = &leads[..] else {
            panic!("three of them")
        };
        let sources = [c];
        let (one, two) = tokio::join!(
            ask(&world, a, &sources, &[], false),
            ask(&world, b, &sources, &[], false),
        );
        assert!(one.is_ok() ^ two.is_ok(), "{one:?} {two:?}");
        let winner = if one.is_ok() { a } else { b };
        let refused = one.err().or(two.err()).unwrap();
        assert_eq!(fields(&refused), [("source_ids[0]", "unknown_reference")]);
        let gone = world.get(&c.id).await.unwrap_err();
        assert_eq!(
            gone.members().collect::<Vec<_>>(),
            [("winner_id", winner.id.as_str())]
        );
    }
}
