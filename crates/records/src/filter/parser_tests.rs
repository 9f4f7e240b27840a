use proptest::prelude::*;

use super::*;

/// The tree as text, for reading.
fn shown(node: &Node) -> String {
    let list = |nodes: &[Node]| nodes.iter().map(shown).collect::<Vec<_>>().join(" ");
    match node {
        Node::And(nodes) => format!("(and {})", list(nodes)),
        Node::Or(nodes) => format!("(or {})", list(nodes)),
        Node::Not(node) => format!("(not {})", shown(node)),
        Node::Words(words) => format!("{:?}", words.text),
        Node::Compare(Comparison {
            field,
            operator,
            value,
            ..
        }) => {
            format!("{field}{}{}", operator.sign(), value.text)
        }
    }
}

fn tree(text: &str) -> String {
    shown(&parse(text).unwrap().unwrap())
}

fn place_of_error(text: &str) -> u32 {
    parse(text).unwrap_err().position
}

#[test]
fn or_binds_tighter_than_and() {
    assert_eq!(tree("a=1 AND b=2 OR c=3"), "(and a=1 (or b=2 c=3))");
    assert_eq!(tree("a=1 OR b=2 AND c=3"), "(and (or a=1 b=2) c=3)");
    assert_eq!(tree("(a=1 AND b=2) OR c=3"), "(or (and a=1 b=2) c=3)");
}

#[test]
fn what_stands_side_by_side_is_anded() {
    assert_eq!(tree("jane doe score>5"), r#"(and "jane" "doe" score>5)"#);
    assert_eq!(tree("a b OR c"), r#"(and "a" (or "b" "c"))"#);
}

#[test]
fn negation_is_written_in_two_ways() {
    assert_eq!(tree("NOT a=1"), "(not a=1)");
    assert_eq!(tree("-tags:vip"), "(not tags:vip)");
    assert_eq!(tree("-(a=1 OR b=2)"), "(not (or a=1 b=2))");
    assert_eq!(tree("NOT -x"), r#"(not "-x")"#);
    assert_eq!(tree("score >= -5"), "score>=-5");
}

#[test]
fn values_are_strings_numbers_times_or_groups() {
    assert_eq!(
        tree(r#"industry = "Soft \"ware\" (x)""#),
        r#"industry=Soft "ware" (x)"#
    );
    assert_eq!(tree("industry='a b'"), "industry=a b");
    assert_eq!(
        tree("created_at>2026-01-01T00:00:00Z"),
        "created_at>2026-01-01T00:00:00Z"
    );
    assert_eq!(tree("budget <= 12.50"), "budget<=12.50");
    assert_eq!(tree("address.country != DE"), "address.country!=DE");
    assert_eq!(
        tree("tags:(vip OR new) AND x=1"),
        "(and (or tags:vip tags:new) x=1)"
    );
    assert_eq!(tree("email:*"), "email:*");
}

#[test]
fn words_that_look_like_keywords_are_words() {
    assert_eq!(tree("ANDroid ORder NOTe"), r#"(and "ANDroid" "ORder" "NOTe")"#);
    assert_eq!(tree("and or not"), r#"(and "and" "or" "not")"#);
    assert_eq!(tree(r#"a="AND""#), "a=AND");
}

#[test]
fn an_error_is_where_the_expression_went_wrong() {
    for (text, position) in [
        ("score >=", 8),
        ("score >= ", 9),
        ("score >= AND x=1", 9),
        ("(score > 5", 10),
        ("score > 5)", 9),
        ("()", 1),
        ("AND", 0),
        ("a=1 AND", 7),
        ("a=1 OR", 6),
        ("a=1 OR OR b=2", 7),
        ("a = \"open", 4),
        ("a == 1", 3),
        ("= 5", 0),
        ("a ! b", 2),
        ("NOT", 3),
        ("size(tags) > 2", 4),
        ("\"a\" = 1", 0),
        ("a..b = 1", 0),
        ("ünï = \"x", 6),
        ("a=1 AND (b=2 OR", 15),
    ] {
        assert_eq!(place_of_error(text), position, "{text}");
    }
}

#[test]
fn a_blank_expression_is_none() {
    assert_eq!(parse(" \t"), Ok(None));
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(parse(&deep).is_err());
    let nested = format!("{}a{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(parse(&nested).unwrap_err().message, "This is nested too deeply.");
    assert!(parse(&"a ".repeat(4000)).is_ok());
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z][a-z0-9_]{0,5}", "[0-9]{1,4}", "\"[a-zA-Z ()=<>:äß-]{0,8}\""]
        .prop_filter("keywords", |text| !is_keyword(text))
}

/// Expressions with the tree they must give.
fn expression() -> impl Strategy<Value = (String, Node)> {
    let operator = prop::sample::select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Has,
    ]);
    let comparison =
        ("[a-z][a-z_]{0,4}(\\.[a-z]{1,3})?", operator, literal()).prop_map(|(field, operator, value)| {
            let quoted = value.starts_with('"');
            let text = value.trim_matches('"').to_owned();
            let value_text = value.clone();
            let node = Node::Compare(Comparison {
                field: field.clone(),
                position: 0,
                operator,
                value: Literal {
                    text,
                    quoted,
                    position: 0,
                },
            });
            (format!("{field} {} {value_text}", operator.sign()), node)
        });
    comparison.prop_recursive(4, 24, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(|parts| join(parts, " AND ", Node::And)),
            several.prop_map(|parts| join(parts, " OR ", Node::Or)),
            inner.prop_map(|(text, node)| (format!("NOT ({text})"), Node::Not(Box::new(node)))),
        ]
    })
}

fn join(parts: Vec<(String, Node)>, word: &str, node: fn(Vec<Node>) -> Node) -> (String, Node) {
    let (texts, nodes): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    (
        texts
            .iter()
            .map(|text| format!("({text})"))
            .collect::<Vec<_>>()
            .join(word),
        node(nodes),
    )
}

/// Without the places, which the generator doesn't know.
fn placeless(node: Node) -> Node {
    match node {
        Node::And(nodes) => Node::And(nodes.into_iter().map(placeless).collect()),
        Node::Or(nodes) => Node::Or(nodes.into_iter().map(placeless).collect()),
        Node::Not(node) => Node::Not(Box::new(placeless(*node))),
        Node::Words(words) => Node::Words(Literal { position: 0, ..words }),
        Node::Compare(comparison) => Node::Compare(Comparison {
            position: 0,
            value: Literal {
                position: 0,
                ..comparison.value.clone()
            },
            ..comparison
        }),
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_and_errors_lie_within_it(text in "\\PC{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.position as usize <= text.chars().count());
        }
    }

    #[test]
    fn no_mixture_of_the_grammar_makes_it_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec!["AND", "OR", "NOT", "-", "(", ")", "a", "=", ":", "<=", "!", "\"", "'x'", " ", "\\", "."]),
            0..30,
        )
    ) {
        let text = parts.concat();
        if let Err(error) = parse(&text) {
            prop_assert!(error.position as usize <= text.chars().count());
        }
    }

    #[test]
    fn what_is_written_is_what_is_read((text, node) in expression()) {
        prop_assert_eq!(placeless(parse(&text).unwrap().unwrap()), node);
    }
}
