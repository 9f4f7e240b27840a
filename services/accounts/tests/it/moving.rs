//! What a changed territory moves: looked at beforehand, carried out in the background.

use kontor_accounts::{model::Account, store::jobs};
use kontor_chassis::{Error, Kind, peers::Peers};
use kontor_events::timers::{Due, Timer};
use kontor_proto::{
    accounts::v1::{self, territory_service_server::TerritoryService},
    leads::v1::{
        PreviewLeadMovesRequest, PreviewLeadMovesResponse,
        lead_territory_service_server::{LeadTerritoryService, LeadTerritoryServiceServer},
    },
    records::v1::{Address, TerritoryMoveFlow, TerritoryMoveRow, TerritoryMoves},
};
use kontor_records::territories::{MOVES, Mover, Progress};
use kontor_testbed::neighbours;
use time::OffsetDateTime;
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use crate::{
    territories::{below, called, rules},
    world::{World, answer, named},
};

/// Leads, where one record would come into the territory, whatever it is.
struct Leads;

const LEAD: Uuid = Uuid::from_u128(7);

#[tonic::async_trait]
impl LeadTerritoryService for Leads {
    async fn preview_lead_moves(
        &self,
        request: Request<PreviewLeadMovesRequest>,
    ) -> Result<Response<PreviewLeadMovesResponse>, Status> {
        let PreviewLeadMovesRequest {
            territory,
            behind,
            page_size,
        } = request.into_inner();
        let change = territory.unwrap().change.unwrap();
        let to = Some(kontor_proto::records::v1::Reference {
            id: change.id,
            name: change.name,
        });
        let row = TerritoryMoveRow {
            id: LEAD.to_string(),
            name: "Lead".into(),
            from: None,
            to: to.clone(),
            reason: "country is DE".into(),
        };
        let listed = behind.parse::<Uuid>().unwrap() < LEAD;
        let moves = TerritoryMoves {
            flows: vec![TerritoryMoveFlow {
                from: None,
                to,
                count: 1,
            }],
            more: listed && page_size == 0,
            moves: if listed && page_size > 0 {
                vec![row]
            } else {
                Vec::new()
            },
        };
        Ok(Response::new(PreviewLeadMovesResponse { moves: Some(moves) }))
    }
}

fn leads(peers: &Peers) {
    let routes = Routes::new(LeadTerritoryServiceServer::new(Leads));
    neighbours::answers(peers, "leads", routes);
}

impl World {
    async fn in_country(&self, name: &str, country: &str) -> v1::Account {
        let account = v1::Account {
            billing_address: Some(Address {
                country: Some(country.to_owned()),
                ..Address::default()
            }),
            ..named(name)
        };
        self.create(account).await.unwrap()
    }

    async fn preview(
        &self,
        id: &str,
        rules: Option<v1::TerritoryRules>,
        page: (i32, &str),
    ) -> Result<v1::PreviewTerritoryResponse, Error> {
        let request = self.asks(v1::PreviewTerritoryRequest {
            id: id.to_owned(),
            rules,
            priority: None,
            page_size: page.0,
            page_token: page.1.to_owned(),
        });
        answer(self.grpc.preview_territory(request).await)
    }

    async fn apply(
        &self,
        id: &str,
        rules: Option<v1::TerritoryRules>,
        priority: Option<i32>,
    ) -> Result<v1::TerritoryJob, Error> {
        let request = self.asks(v1::ApplyTerritoryRequest {
            id: id.to_owned(),
            rules,
            priority,
        });
        Ok(answer(self.grpc.apply_territory(request).await)?.job.unwrap())
    }

    async fn job(&self, territory: &str, job: &str) -> Result<v1::TerritoryJob, Error> {
        let request = self.asks(v1::GetTerritoryJobRequest {
            id: territory.to_owned(),
            job_id: job.to_owned(),
        });
        Ok(answer(self.grpc.get_territory_job(request).await)?.job.unwrap())
    }

    /// Lets the timer of a job do its work, as it does when it is due.
    async fn works(&self, job: &str) {
        let mover = Mover::<Account>::new(self.db.clone(), Default::default());
        let mut tx = self.begin().await;
        let timer: (String, Vec<u8>) =
            sqlx::query_as("delete from timers where id = $1 returning kind, payload")
                .bind(job.parse::<Uuid>().unwrap())
                .fetch_one(&mut *tx)
                .await
                .unwrap();
        assert_eq!(timer.0, MOVES);
        let timer = Timer {
            id: job.parse().unwrap(),
            due_at: OffsetDateTime::now_utc(),
            company: self.company,
            payload: timer.1,
        };
        mover.due(&mut tx, &timer).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn leads_moved(&self, job: &str, moved: i64, done: bool) {
        let mut tx = self.begin().await;
        let (job, now) = (job.parse().unwrap(), OffsetDateTime::now_utc());
        let progress = Progress { moved, done };
        jobs::progressed(&mut tx, self.company, job, "leads", progress, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn lies(&self, account: &v1::Account) -> Option<String> {
        self.get(&account.id).await.unwrap().territory_id
    }
}

/// `A → B 3`, `- → B 1`
fn flows(preview: &v1::PreviewTerritoryResponse) -> Vec<String> {
    let name = |reference: &Option<kontor_proto::records::v1::Reference>| {
        reference
            .as_ref()
            .map_or("-", |reference| &reference.name)
            .to_owned()
    };
    let mut flows: Vec<String> = preview
        .by_territory
        .iter()
        .map(|flow| format!("{} → {} {}", name(&flow.from), name(&flow.to), flow.count))
        .collect();
    flows.sort();
    flows
}

#[tokio::test]
async fn what_would_move_is_told_with_the_reason_and_nothing_is_saved() {
    let world = World::beside(leads).await;
    let west = world
        .territory(called("West", rules(&["DE", "FR"], &[])))
        .await
        .unwrap();
    let east = world
        .territory(called("East", rules(&["PL"], &[])))
        .await
        .unwrap();
    let german = world.in_country("German", "DE").await;
    world.in_country("French", "FR").await;
    world.in_country("Polish", "PL").await;
    let danish = world.in_country("Danish", "DK").await;

    let preview = world
        .preview(&west.id, rules(&["FR", "DK"], &[]), (0, ""))
        .await
        .unwrap();
    assert_eq!(flows(&preview), ["- → West 2", "West → - 1"]);
    assert_eq!(preview.total, 3);
    let moves: Vec<(String, String, String)> = preview
        .moves
        .iter()
        .map(|m| {
            let record = m.record.clone().unwrap();
            (record.kind, record.name, m.reason.clone())
        })
        .collect();
    let told = |kind: &str, name: &str, reason: &str| (kind.to_owned(), name.to_owned(), reason.to_owned());
    assert_eq!(
        moves,
        [
            told("account", "German", "no territory's rules match"),
            told("account", "Danish", "country is DK"),
            told("lead", "Lead", "country is DE"),
        ]
    );
    assert_eq!(world.lies(&german).await, Some(west.id.clone()));
    assert_eq!(world.lies(&danish).await, None);

    let mut token = String::new();
    let mut pages = Vec::new();
    loop {
        let page = world
            .preview(&west.id, rules(&["FR", "DK"], &[]), (1, &token))
            .await
            .unwrap();
        assert_eq!(page.total, 3, "every page counts all");
        pages.extend(page.moves.iter().map(|m| m.record.clone().unwrap().name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, ["German", "Danish", "Lead"]);

    let foreign = world
        .preview(&east.id, None, (1, &format!("{}account-x", west.id)))
        .await
        .unwrap_err();
    assert_eq!(foreign.code(), "invalid_page_token");
    let unknown = world
        .elsewhere()
        .preview(&west.id, None, (0, ""))
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
    let bad = world
        .preview(&west.id, rules(&["Germany"], &[]), (0, ""))
        .await
        .unwrap_err();
    assert_eq!(bad.code(), "invalid_country");
}

#[tokio::test]
async fn an_applied_territory_moves_its_records_but_those_that_a_person_placed() {
    let world = World::beside(leads).await;
    let west = world
        .territory(called("West", rules(&["DE"], &[])))
        .await
        .unwrap();
    let software = world
        .territory(below(&west, "Software", rules(&[], &["Software"])))
        .await
        .unwrap();
    let german = world.in_country("German", "DE").await;
    let french = world.in_country("French", "FR").await;
    let industry = v1::Account {
        industry: Some("Software".into()),
        ..named("")
    };
    let coder = world.in_country("Coder", "FR").await;
    world
        .update(&coder.id, industry, &["industry"], "")
        .await
        .unwrap();
    let chosen = v1::Account {
        territory_id: Some(west.id.clone()),
        ..named("Chosen")
    };
    let chosen = world.create(chosen).await.unwrap();

    let job = world.apply(&west.id, rules(&["FR"], &[]), Some(3)).await.unwrap();
    assert_eq!(
        (job.state(), job.total, job.moved),
        (v1::TerritoryJobState::Running, 4, 0)
    );
    let asked: Vec<v1::TerritoryMovesRequested> = world.told().await;
    assert_eq!(asked[0].job_id, job.id);
    let told = asked[0].territory.as_ref().unwrap();
    assert_eq!(
        (&told.countries, told.priority),
        (&vec!["FR".to_owned()], 3),
        "with what was applied"
    );

    world.works(&job.id).await;
    assert_eq!(world.lies(&german).await, None);
    assert_eq!(world.lies(&french).await, Some(west.id.clone()));
    assert_eq!(world.lies(&coder).await, Some(software.id));
    assert_eq!(world.lies(&chosen).await, Some(west.id.clone()), "placed by hand");
    let running = world.job(&west.id, &job.id).await.unwrap();
    assert_eq!(
        (running.state(), running.moved),
        (v1::TerritoryJobState::Running, 3),
        "leads are not done"
    );

    world.leads_moved(&job.id, 1, true).await;
    world.leads_moved(&job.id, 0, false).await;
    let ended = world.job(&west.id, &job.id).await.unwrap();
    assert_eq!(
        (ended.state(), ended.moved),
        (v1::TerritoryJobState::Succeeded, 4),
        "told late, in any order"
    );
    assert!(ended.finished_at.is_some());
    assert_eq!(
        world.elsewhere().job(&west.id, &job.id).await.unwrap_err().kind(),
        Kind::NotFound
    );
}

#[tokio::test]
async fn a_job_goes_on_where_it_was_and_moves_nothing_twice() {
    let world = World::beside(leads).await;
    let west = world.territory(called("West", None)).await.unwrap();
    let mut tx = world.begin().await;
    sqlx::query(
        "insert into accounts.accounts (company_id, id, name, name_key, billing_address_country, created_at, updated_at)
         select $1, gen_random_uuid(), 'A' || n, 'a' || n, 'DE', now(), now()
         from generate_series(1, 2500) as n",
    )
    .bind(world.company)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let job = world.apply(&west.id, rules(&["DE"], &[]), None).await.unwrap();
    assert_eq!(job.total, 2501);
    // A process that died after its first batch: that batch is kept, its timer is there again.
    for _ in 0..2 {
        let mover = Mover::<Account>::new(world.db.clone(), Default::default());
        let mut tx = world.begin().await;
        let timer = Timer {
            id: job.id.parse().unwrap(),
            due_at: OffsetDateTime::now_utc(),
            company: world.company,
            payload: Vec::new(),
        };
        mover.due(&mut tx, &timer).await.unwrap();
        drop(tx);
    }
    world.works(&job.id).await;
    let mut tx = world.begin().await;
    let (moved, versions): (i64, i64) = sqlx::query_as(
        "select count(*) filter (where territory_id = $2), sum(version)::bigint
         from accounts.accounts
         where company_id = $1",
    )
    .bind(world.company)
    .bind(west.id.parse::<Uuid>().unwrap())
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    drop(tx);
    assert_eq!((moved, versions), (2500, 5000), "each once");
    assert_eq!(world.job(&west.id, &job.id).await.unwrap().moved, 2500);
}

#[tokio::test]
async fn records_of_a_deleted_territory_lie_in_none() {
    let world = World::beside(leads).await;
    let west = world
        .territory(called("West", rules(&["DE"], &[])))
        .await
        .unwrap();
    world.territory(called("Everything", None)).await.unwrap();
    let german = world.in_country("German", "DE").await;
    world.delete_territory(&west.id).await.unwrap();
    assert_eq!(world.lies(&german).await, None);
}
