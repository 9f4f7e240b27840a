//! The table of scores, row by row.

use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-31 12:00 UTC);

fn nothing() -> Known<'static> {
    Known {
        email: None,
        phone: None,
        mobile: None,
        company_name: None,
        industry: None,
        revenue_given: false,
        budget_above_zero: false,
        judgement: None,
        activities: 0,
        created_at: datetime!(2025-01-01 0:00 UTC),
    }
}

fn everything() -> Known<'static> {
    Known {
        email: Some("ada@example.com"),
        phone: Some("+1 555 0100"),
        mobile: None,
        company_name: Some("Example"),
        industry: Some("Software"),
        revenue_given: true,
        budget_above_zero: true,
        judgement: Some(Judgement::Hot),
        activities: 3,
        created_at: NOW,
    }
}

#[test]
fn each_factor_gives_the_points_of_the_table() {
    let table: [(&str, Known<'_>, i32); 16] = [
        (
            "email",
            Known {
                email: Some("a@b.example"),
                ..nothing()
            },
            10,
        ),
        (
            "email",
            Known {
                email: Some("not an address"),
                ..nothing()
            },
            0,
        ),
        (
            "phone",
            Known {
                phone: Some("1"),
                ..nothing()
            },
            5,
        ),
        (
            "phone",
            Known {
                mobile: Some("1"),
                ..nothing()
            },
            5,
        ),
        (
            "phone",
            Known {
                phone: Some("1"),
                mobile: Some("2"),
                ..nothing()
            },
            5,
        ),
        (
            "company",
            Known {
                company_name: Some("Example"),
                ..nothing()
            },
            10,
        ),
        (
            "company",
            Known {
                company_name: Some("  "),
                ..nothing()
            },
            0,
        ),
        (
            "industry",
            Known {
                industry: Some("Software"),
                ..nothing()
            },
            5,
        ),
        (
            "revenue",
            Known {
                revenue_given: true,
                ..nothing()
            },
            10,
        ),
        (
            "budget",
            Known {
                budget_above_zero: true,
                ..nothing()
            },
            15,
        ),
        (
            "rating",
            Known {
                judgement: Some(Judgement::Hot),
                ..nothing()
            },
            20,
        ),
        (
            "rating",
            Known {
                judgement: Some(Judgement::Warm),
                ..nothing()
            },
            10,
        ),
        (
            "rating",
            Known {
                judgement: Some(Judgement::Cold),
                ..nothing()
            },
            0,
        ),
        (
            "engagement",
            Known {
                activities: 1,
                ..nothing()
            },
            5,
        ),
        (
            "engagement",
            Known {
                activities: 9,
                ..nothing()
            },
            15,
        ),
        (
            "recency",
            Known {
                created_at: NOW,
                ..nothing()
            },
            10,
        ),
    ];
    for (factor, known, points) in table {
        let score = score(&known, &Weights::default(), NOW);
        assert_eq!(score.total, points, "{factor} of {known:?}");
        let gave: Vec<_> = score
            .factors
            .iter()
            .filter(|f| f.points > 0)
            .map(|f| f.factor)
            .collect();
        assert_eq!(gave, if points > 0 { vec![factor] } else { vec![] });
    }
}

#[test]
fn all_factors_together_make_a_hundred() {
    let score = score(&everything(), &Weights::default(), NOW);
    assert_eq!(score.total, 100);
    assert_eq!(score.factors.iter().map(|f| f.max_points).sum::<i32>(), 100);
    let order: Vec<_> = score.factors.iter().map(|f| f.factor).collect();
    let documented = [
        "email",
        "phone",
        "company",
        "industry",
        "revenue",
        "budget",
        "rating",
        "engagement",
        "recency",
    ];
    assert_eq!(order, documented);
}

#[test]
fn the_total_is_cut_to_a_hundred() {
    let weights = Weights {
        email: 100,
        company: 100,
        ..Weights::default()
    };
    assert_eq!(total(&everything(), &weights, NOW), 100);
}

#[test]
fn recency_lapses_when_the_window_is_over() {
    let weights = Weights::default();
    for (age, points) in [
        (Duration::days(29), 10),
        (Duration::days(30) - Duration::seconds(1), 10),
        (Duration::days(30), 0),
        (Duration::days(400), 0),
    ] {
        let known = Known {
            created_at: NOW - age,
            ..nothing()
        };
        assert_eq!(total(&known, &weights, NOW), points, "{age}");
    }
}

#[test]
fn a_rating_without_points_is_not_needed_for_the_maximum() {
    let weights = Weights {
        rating_hot: 0,
        rating_warm: 7,
        ..Weights::default()
    };
    let factor = rating(Some(Judgement::Warm), &weights);
    assert_eq!((factor.points, factor.max_points), (7, 7));
}
