//! That lists and searches are served by indexes although Row-Level Security is in force, asked as the login role.

use kontor_chassis::FieldErrors;
use kontor_proto::records::v1::ListQuery;
use kontor_records::Record as _;
use kontor_records::fields::Fields;
use kontor_records::query::{Order, Selection};
use sqlx::AssertSqlSafe;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::lead::Lead;
use crate::world::{DATABASE, World, filter};

static CROWD: OnceCell<Uuid> = OnceCell::const_new();

/// A company with many leads, of whom one is called Quixotl.
async fn crowd() -> World {
    let company = CROWD
        .get_or_init(|| async {
            let world = World::new().await;
            let mut tx = world.tx().await;
            sqlx::query(
                "insert into leads
                    (company_id, id, last_name, status, score, activity_count, created_at, updated_at, version, search)
                 select $1, gen_random_uuid(), name, case when n % 50 = 0 then 'working' else 'new' end, n % 100, 0,
                    now() - n * interval '1 second', now(), 1, ' ' || name || ' person' || n % 1000
                 from (
                    select n, case when n = 7777 then 'quixotl' else 'name' || n end as name
                    from generate_series(1, 30000) as n
                 ) as named",
            )
            .bind(world.company)
            .execute(&mut *tx)
            .await
            .unwrap();
            tx.commit().await.unwrap();
            sqlx::query("vacuum analyze leads.leads").execute(&mut DATABASE.admin().await).await.unwrap();
            world.company
        })
        .await;
    World::of(*company).await
}

/// The plan of the first page of a list.
async fn plan(world: &World, query: ListQuery, ruled_out: &[&str]) -> String {
    let description = Lead::description();
    let fields = Fields::new(description, Vec::new());
    let mut tx = world.db.read(&world.admin).await.unwrap();
    let selection = Selection::settled::<Lead>(&mut tx, &world.admin, &query)
        .await
        .unwrap();
    let order = Order::of(&query.order_by, &fields, &mut FieldErrors::new());
    // On so few records, reading them all may well be cheaper: the question is whether the index can serve at all.
    for way in ruled_out {
        let sql = format!("set local enable_{way} = off");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
    }
    let condition = &selection.condition;
    let sql = format!(
        "explain select {} from {} where {} order by {} limit 51",
        description.columns,
        description.table,
        condition.text(),
        order.sql(&fields)
    );
    let lines: Vec<String> = sqlx::query_scalar_with(AssertSqlSafe(sql), condition.arguments().unwrap())
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    lines.join("\n")
}

#[tokio::test]
async fn search_uses_the_trigram_index() {
    let plan = plan(
        &crowd().await,
        ListQuery {
            search: "quixotl".into(),
            ..ListQuery::default()
        },
        &[],
    )
    .await;
    assert!(plan.contains("Bitmap Index Scan on leads_search"), "{plan}");
}

#[tokio::test]
async fn a_search_with_a_typo_uses_it_too() {
    let world = crowd().await;
    let query = ListQuery {
        search: "quixolt".into(),
        ..ListQuery::default()
    };
    let plan = plan(&world, query.clone(), &["seqscan", "indexscan"]).await;
    assert!(
        plan.contains("BitmapOr") && plan.contains("Bitmap Index Scan on leads_search"),
        "{plan}"
    );
    assert_eq!(world.names(query).await, ["quixotl"]);
}

#[tokio::test]
async fn the_newest_come_from_an_index_without_sorting() {
    let plan = plan(&crowd().await, ListQuery::default(), &[]).await;
    assert!(
        plan.contains("Index Scan Backward using leads_newest") && !plan.contains("Sort"),
        "{plan}"
    );
}

#[tokio::test]
async fn one_status_comes_from_its_index_without_sorting() {
    let query = ListQuery {
        field_filters: vec![filter("status", &["working"])],
        ..ListQuery::default()
    };
    let plan = plan(&crowd().await, query, &[]).await;
    assert!(
        plan.contains("Index Scan Backward using leads_status") && !plan.contains("Sort"),
        "{plan}"
    );
}

#[tokio::test]
async fn pages_of_a_list_are_planned_once() {
    let world = crowd().await.with_one_connection().await;
    let query = ListQuery {
        field_filters: vec![filter("status", &["new"])],
        include_total: Some(false),
        ..ListQuery::default()
    };
    let mut token = String::new();
    for _ in 0..10 {
        let page = world
            .list(ListQuery {
                page_token: token,
                ..query.clone()
            })
            .await
            .unwrap();
        token = page.next_page_token;
    }
    let mut tx = world.db.read(&world.admin).await.unwrap();
    let (kept, anew): (i64, i64) = sqlx::query_as(
        "select sum(generic_plans)::bigint, sum(custom_plans)::bigint
         from pg_prepared_statements
         where statement like 'select id,%order by created_at%'",
    )
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    assert_eq!((kept, anew), (10, 0));
    // The setting ends with the page: what comes next on this connection is planned as before.
    let mode: String = sqlx::query_scalar("show plan_cache_mode")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(mode, "auto");
}
