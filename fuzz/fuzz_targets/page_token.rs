//! Whatever stands in `page_token=`, it is a token of this very list or refused.

#![no_main]

use std::sync::LazyLock;

use kontor_chassis::{Caller, FieldErrors, Kind};
use kontor_leads::model::Lead;
use kontor_proto::records::v1::ListQuery;
use kontor_records::{
    Record,
    query::{Identity, Order},
};
use libfuzzer_sys::fuzz_target;

static LIST: LazyLock<(Identity, Order)> = LazyLock::new(|| {
    let query = ListQuery {
        order_by: "first_name,-budget,created_at".to_owned(),
        ..ListQuery::default()
    };
    let order = Order::of(&query.order_by, Lead::description(), &mut FieldErrors::new());
    let caller = Caller::system(Default::default());
    (Identity::of::<Lead>(&caller, &query, &order), order)
});

fuzz_target!(|token: &str| {
    let (identity, order) = &*LIST;
    let leaves = order.leaves(Lead::description());
    match identity.cursor(token, &leaves) {
        Ok(cursor) => assert_eq!(cursor.is_none(), token.is_empty()),
        Err(error) => assert_eq!((error.kind(), error.code()), (Kind::Invalid, "invalid_page_token")),
    }
});
