//! The board, the forecast, wins and losses, quotas, and what companies count in.

use kontor_chassis::{Error, Kind};
use kontor_deals::service::companies;
use kontor_proto::{
    deals::v1::{self, deal_forecast_service_server::DealForecastService, deal_service_server::DealService},
    identity::v1::{CompanyChanged, CurrenciesChanged, CurrencyRate},
    records::v1::{FieldFilter, ListQuery, Money},
};

use crate::{
    records::{sales, stage_id},
    world::{World, answer, fields, named},
};

/// A company that counts in euros by a clock of its own; a dollar is half a euro.
async fn world(time_zone: &str) -> World {
    let world = World::new().await;
    hear(&world, time_zone, 1).await;
    counts_in(&world, &[("USD", "0.5")], 1).await;
    world
}

async fn hear(world: &World, time_zone: &str, version: i64) {
    let event = CompanyChanged {
        company_id: world.company.to_string(),
        currency: "EUR".to_owned(),
        time_zone: time_zone.to_owned(),
        version,
        ..CompanyChanged::default()
    };
    let mut tx = world.begin().await;
    companies::changed(&mut tx, world.company, &event).await.unwrap();
    tx.commit().await.unwrap();
}

async fn counts_in(world: &World, rates: &[(&str, &str)], version: i64) {
    let rate = |(currency, rate): &(&str, &str)| CurrencyRate {
        currency: (*currency).to_owned(),
        rate: (*rate).to_owned(),
    };
    let event = CurrenciesChanged {
        company_id: world.company.to_string(),
        currency: "EUR".to_owned(),
        rates: rates.iter().map(rate).collect(),
        version,
    };
    let mut tx = world.begin().await;
    companies::counts_in(&mut tx, world.company, &event)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn money(amount: &str, currency: &str) -> Option<Money> {
    Some(Money {
        amount: amount.to_owned(),
        currency: currency.to_owned(),
    })
}

fn worth(name: &str, amount: &str, currency: &str) -> v1::Deal {
    v1::Deal {
        amount: money(amount, currency),
        ..named(name)
    }
}

fn shown(money: &Option<Money>) -> String {
    money
        .as_ref()
        .map_or_else(|| "none".to_owned(), |m| format!("{} {}", m.amount, m.currency))
}

fn all_shown(money: &[Money]) -> Vec<String> {
    money.iter().map(|money| shown(&Some(money.clone()))).collect()
}

async fn board(world: &World, request: v1::GetDealBoardRequest) -> Result<Vec<v1::BoardStage>, Error> {
    let answered = answer(world.grpc.get_deal_board(world.asks(request)).await)?;
    Ok(answered.stages)
}

fn names(stage: &v1::BoardStage) -> Vec<&str> {
    stage.deals.iter().map(|deal| deal.name.as_str()).collect()
}

async fn win(world: &World, id: &str) {
    let request = world.asks(v1::WinDealRequest {
        id: id.to_owned(),
        etag: String::new(),
    });
    answer(world.grpc.win_deal(request).await).unwrap();
}

async fn lose(world: &World, id: &str, reason: &str) {
    let request = world.asks(v1::LoseDealRequest {
        id: id.to_owned(),
        reason: reason.to_owned(),
        etag: String::new(),
    });
    answer(world.grpc.lose_deal(request).await).unwrap();
}

/// Closed at another moment, made so many days before.
async fn closed_at(world: &World, id: &str, at: &str, days: i32) {
    let mut tx = world.begin().await;
    sqlx::query(
        "update deals.deals
         set closed_at = $2::timestamptz, created_at = $2::timestamptz - $3 * interval '1 day'
         where id = $1::uuid",
    )
    .bind(id)
    .bind(at)
    .bind(days)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_board_shows_each_stage_with_its_sums_and_its_first_cards() {
    let world = world("UTC").await;
    let pipeline = sales(&world).await;
    for deal in [worth("a", "100", "EUR"), worth("b", "200", "USD"), named("c")] {
        world.create(deal).await.unwrap();
    }
    let swiss = v1::Deal {
        stage_id: stage_id(&pipeline, 2),
        ..worth("d", "70", "CHF")
    };
    world.create(swiss).await.unwrap();
    let won = world.create(worth("won", "5", "EUR")).await.unwrap();
    win(&world, &won.id).await;

    let stages = board(&world, v1::GetDealBoardRequest::default()).await.unwrap();
    assert_eq!(stages.len(), 4);
    let (first, third) = (&stages[0], &stages[2]);
    assert_eq!(first.stage.as_ref().unwrap().name, "Prospecting");
    assert_eq!((first.count, names(first)), (3, vec!["a", "b", "c"]));
    assert_eq!(all_shown(&first.sums), ["100.00 EUR", "200.00 USD"]);
    assert_eq!(all_shown(&first.weighted_sums), ["10.00 EUR", "20.00 USD"]);
    assert_eq!(shown(&first.converted_sum), "200.00 EUR");
    assert_eq!(all_shown(&third.sums), ["70.00 CHF"]);
    assert_eq!(shown(&third.converted_sum), "none", "a franc has no rate");
    assert_eq!((stages[1].count, stages[1].sums.len()), (0, 0));
    assert_eq!(shown(&stages[1].converted_sum), "0 EUR");
}

#[tokio::test]
async fn a_stage_of_a_board_has_pages_and_takes_the_filters_of_a_list() {
    let world = world("UTC").await;
    for name in ["alpha one", "alpha two", "alpha three", "beta"] {
        world.create(named(name)).await.unwrap();
    }
    let query = ListQuery {
        page_size: 2,
        search: "alpha".to_owned(),
        ..ListQuery::default()
    };
    let request = v1::GetDealBoardRequest {
        query: Some(query.clone()),
        ..v1::GetDealBoardRequest::default()
    };
    let stages = board(&world, request.clone()).await.unwrap();
    assert_eq!(
        (stages[0].count, names(&stages[0])),
        (3, vec!["alpha one", "alpha two"])
    );
    let token = stages[0].next_page_token.clone();
    let next = |stage: Option<String>| v1::GetDealBoardRequest {
        query: Some(ListQuery {
            page_token: token.clone(),
            ..query.clone()
        }),
        stage_id: stage,
        ..v1::GetDealBoardRequest::default()
    };
    let pipeline = sales(&world).await;
    let rest = board(&world, next(stage_id(&pipeline, 0))).await.unwrap();
    assert_eq!(
        (rest.len(), names(&rest[0]), rest[0].next_page_token.as_str()),
        (1, vec!["alpha three"], "")
    );
    let of_another = board(&world, next(stage_id(&pipeline, 1))).await.unwrap_err();
    assert_eq!(of_another.code(), "invalid_page_token");
    let of_none = board(&world, next(None)).await.unwrap_err();
    assert_eq!(fields(&of_none), [("stage_id", "required")]);
    let bad = v1::GetDealBoardRequest {
        query: Some(ListQuery {
            filter: "colour = 1".to_owned(),
            ..ListQuery::default()
        }),
        ..v1::GetDealBoardRequest::default()
    };
    assert_eq!(
        fields(&board(&world, bad).await.unwrap_err()),
        [("filter", "unknown_field")]
    );
    let theirs = v1::GetDealBoardRequest {
        pipeline_id: Some(sales(&world.elsewhere()).await.id),
        ..v1::GetDealBoardRequest::default()
    };
    assert_eq!(board(&world, theirs).await.unwrap_err().kind(), Kind::NotFound);
}

async fn forecast(world: &World, from: &str, to: &str, group_by: &str) -> Vec<v1::ForecastRow> {
    let request = world.asks(v1::GetDealForecastRequest {
        from: from.to_owned(),
        to: to.to_owned(),
        group_by: group_by.to_owned(),
        query: None,
    });
    answer(world.grpc.get_deal_forecast(request).await).unwrap().rows
}

async fn set_quota(world: &World, month: &str, amount: &str, currency: &str) -> Result<usize, Error> {
    let quota = v1::Quota {
        owner_id: world.user.to_string(),
        month: month.to_owned(),
        amount: money(amount, currency),
    };
    let request = world.asks(v1::UpdateQuotasRequest { quotas: vec![quota] });
    Ok(answer(world.grpc.update_quotas(request).await)?.quotas.len())
}

#[tokio::test]
async fn a_forecast_counts_by_month_owner_and_category_against_the_quota() {
    let world = world("Pacific/Auckland").await;
    let due = |name: &str, amount: &str, currency: &str, day: &str| v1::Deal {
        expected_close_date: Some(day.to_owned()),
        ..worth(name, amount, currency)
    };
    for deal in [
        due("a", "100", "EUR", "2026-11-01"),
        due("b", "200", "USD", "2026-11-30"),
        v1::Deal {
            forecast_category: Some(v1::ForecastCategory::Commit as i32),
            ..due("c", "50", "EUR", "2026-12-31")
        },
        v1::Deal {
            forecast_category: Some(v1::ForecastCategory::Omitted as i32),
            ..due("left out", "9000", "EUR", "2026-11-02")
        },
        due("later", "1", "EUR", "2027-01-01"),
        due("swiss", "7", "CHF", "2026-11-02"),
    ] {
        world.create(deal).await.unwrap();
    }
    let won = world.create(worth("won", "80", "EUR")).await.unwrap();
    win(&world, &won.id).await;
    // The first of November there.
    closed_at(&world, &won.id, "2026-10-31T12:00:00Z", 1).await;
    set_quota(&world, "2026-11", "1000", "EUR").await.unwrap();
    set_quota(&world, "2026-12", "300", "USD").await.unwrap();

    let rows = forecast(&world, "2026-11", "2026-12", "month,owner,category").await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.month.as_deref().unwrap(),
                row.category(),
                shown(&row.open),
                shown(&row.weighted),
                shown(&row.won),
                shown(&row.quota),
            )
        })
        .collect();
    let text = str::to_owned;
    assert_eq!(
        told,
        [
            (
                "2026-11",
                v1::ForecastCategory::Closed,
                text("0 EUR"),
                text("0 EUR"),
                text("80.00 EUR"),
                text("1000.00 EUR")
            ),
            (
                "2026-11",
                v1::ForecastCategory::Pipeline,
                text("200.00 EUR"),
                text("20.00 EUR"),
                text("0 EUR"),
                text("1000.00 EUR")
            ),
            (
                "2026-12",
                v1::ForecastCategory::Commit,
                text("50.00 EUR"),
                text("5.00 EUR"),
                text("0 EUR"),
                text("150.00 EUR")
            ),
        ]
    );
    assert!(
        rows.iter()
            .all(|row| row.owner_id == Some(world.user.to_string()))
    );
    assert_eq!(all_shown(&rows[1].unconverted), ["7.00 CHF"]);

    let whole = forecast(&world, "2026-11", "2026-12", "owner").await;
    assert_eq!(whole.len(), 1);
    assert_eq!(
        (
            shown(&whole[0].open),
            shown(&whole[0].won),
            shown(&whole[0].quota)
        ),
        (text("250.00 EUR"), text("80.00 EUR"), text("1150.00 EUR"))
    );
    assert_eq!(whole[0].month, None);
    let before = forecast(&world, "2026-10", "2026-10", "").await;
    assert_eq!(before, [], "it was won in November by the company's clock");
}

#[tokio::test]
async fn a_forecast_of_no_month_is_refused() {
    let world = world("UTC").await;
    let request = world.asks(v1::GetDealForecastRequest {
        from: "2026-13".to_owned(),
        to: "soon".to_owned(),
        group_by: "month,colour".to_owned(),
        query: None,
    });
    let error = answer(world.grpc.get_deal_forecast(request).await).unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("from", "invalid_date"),
            ("to", "invalid_date"),
            ("group_by", "unknown_value")
        ]
    );
}

#[tokio::test]
async fn quotas_are_set_one_by_one_and_for_members_only() {
    let world = world("UTC").await;
    assert_eq!(set_quota(&world, "2026-11", "10", "EUR").await.unwrap(), 1);
    assert_eq!(set_quota(&world, "2026-12", "20", "EUR").await.unwrap(), 2);
    assert_eq!(set_quota(&world, "2026-11", "30", "EUR").await.unwrap(), 2);
    let list = world.asks(v1::ListQuotasRequest {
        from: String::new(),
        to: "2026-11".to_owned(),
    });
    let quotas = answer(world.grpc.list_quotas(list).await).unwrap().quotas;
    assert_eq!(
        (quotas.len(), quotas[0].month.as_str(), shown(&quotas[0].amount)),
        (1, "2026-11", "30.00 EUR".to_owned())
    );
    let error = set_quota(&world, "2026", "-1", "EURO").await.unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("quotas[0].month", "invalid_date"),
            ("quotas[0].amount.amount", "out_of_range"),
            ("quotas[0].amount.currency", "invalid_currency")
        ]
    );
    let gone = kontor_proto::records::v1::RecordChange {
        id: uuid::Uuid::now_v7().to_string(),
        name: "Gone".to_owned(),
        deleted: true,
        version: 1,
        ..Default::default()
    };
    world.told_of("member", std::slice::from_ref(&gone)).await;
    let request = world.asks(v1::UpdateQuotasRequest {
        quotas: vec![v1::Quota {
            owner_id: gone.id,
            month: "2026-11".to_owned(),
            amount: money("1", "EUR"),
        }],
    });
    let error = answer(world.grpc.update_quotas(request).await).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(fields(&error), [("quotas[0].owner_id", "unknown_reference")]);
}

#[tokio::test]
async fn wins_and_losses_are_counted_where_the_deals_were_closed() {
    let world = world("UTC").await;
    let of = |source: &str| v1::Deal {
        source: Some(source.to_owned()),
        ..worth("Closed", "100", "USD")
    };
    let mut ids = Vec::new();
    for source in ["referral", "referral", "website", "website"] {
        ids.push(world.create(of(source)).await.unwrap().id);
    }
    win(&world, &ids[0]).await;
    lose(&world, &ids[1], "Price").await;
    lose(&world, &ids[2], " Price ").await;
    lose(&world, &ids[3], "Silence").await;
    for (id, days) in ids.iter().zip([10, 20, 30, 40]) {
        closed_at(&world, id, "2026-11-15T12:00:00Z", days).await;
    }
    let request = |from: &str| {
        world.asks(v1::GetDealWinLossRequest {
            from: from.to_owned(),
            ..v1::GetDealWinLossRequest::default()
        })
    };
    let told = answer(world.grpc.get_deal_win_loss(request("2026-11")).await).unwrap();
    assert_eq!((told.won_count, told.lost_count), (1, 3));
    assert!((told.win_rate - 0.25).abs() < 1e-9);
    assert_eq!(shown(&told.won_amount), "50.00 EUR");
    assert_eq!(told.median_days_to_close, Some(25.0));
    let reasons: Vec<_> = told
        .lost_reasons
        .iter()
        .map(|reason| (reason.reason.as_str(), reason.count))
        .collect();
    assert_eq!(reasons, [("Price", 2), ("Silence", 1)]);
    let sources: Vec<_> = told
        .by_source
        .iter()
        .map(|group| (group.value.as_deref().unwrap(), group.won_count, group.lost_count))
        .collect();
    assert_eq!(sources, [("referral", 1, 1), ("website", 0, 2)]);
    assert_eq!(told.by_owner.len(), 1);
    let stage = stage_id(&sales(&world).await, 0);
    assert_eq!(told.by_stage[0].value, stage);

    let later = answer(world.grpc.get_deal_win_loss(request("2026-12")).await).unwrap();
    assert_eq!(
        (later.won_count, later.win_rate, later.median_days_to_close),
        (0, 0.0, None)
    );
    assert_eq!(shown(&later.won_amount), "0 EUR");
}

#[tokio::test]
async fn only_what_one_may_read_is_in_the_pictures() {
    let world = world("UTC").await;
    world.create(worth("Theirs", "100", "EUR")).await.unwrap();
    let rep = world.rep();
    rep.create(worth("Mine", "1", "EUR")).await.unwrap();
    let stages = board(&rep, v1::GetDealBoardRequest::default()).await.unwrap();
    assert_eq!((stages[0].count, names(&stages[0])), (1, vec!["Mine"]));
    set_quota(&world, "2026-11", "5", "EUR").await.unwrap();
    assert_eq!(forecast(&rep, "2026-11", "2026-11", "").await, []);
    let rows = forecast(&rep, "", "", "").await;
    assert_eq!(
        (rows.len(), shown(&rows[0].open), rows[0].month.as_deref()),
        (1, "1.00 EUR".to_owned(), None)
    );
    let mine = ListQuery {
        field_filters: vec![FieldFilter {
            parameter: "owner_id".to_owned(),
            values: vec!["me".to_owned()],
        }],
        ..ListQuery::default()
    };
    let request = v1::GetDealBoardRequest {
        query: Some(mine),
        ..v1::GetDealBoardRequest::default()
    };
    assert_eq!(names(&board(&world, request).await.unwrap()[0]), ["Theirs"]);
}

#[tokio::test]
async fn what_a_company_counts_in_is_told_in_any_order() {
    let world = World::new().await;
    counts_in(&world, &[("USD", "0.9"), ("CHF", "1.1")], 3).await;
    counts_in(&world, &[("USD", "0.1")], 2).await;
    hear(&world, "Europe/Berlin", 4).await;
    hear(&world, "No/Where", 1).await;
    world.create(worth("a", "100", "CHF")).await.unwrap();
    let stages = board(&world, v1::GetDealBoardRequest::default()).await.unwrap();
    assert_eq!(shown(&stages[0].converted_sum), "110.00 EUR");
    counts_in(&world, &[("USD", "0.9")], 5).await;
    let stages = board(&world, v1::GetDealBoardRequest::default()).await.unwrap();
    assert_eq!(shown(&stages[0].converted_sum), "none", "its rate is gone");
}
