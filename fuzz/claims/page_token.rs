//! Whatever stands in `page_token=`, it is a token of this very list or refused.

use std::sync::LazyLock;

use kontor_chassis::{Caller, FieldErrors, Kind};
use kontor_leads::model::Lead;
use kontor_proto::records::v1::ListQuery;
use kontor_records::{
    fields::{self, Fields},
    query::{Identity, Order},
};

static LIST: LazyLock<(Fields, Identity, Order)> = LazyLock::new(|| {
    let query = ListQuery {
        order_by: "first_name,-budget,created_at".to_owned(),
        ..ListQuery::default()
    };
    let fields = fields::built_in::<Lead>();
    let order = Order::of(&query.order_by, &fields, &mut FieldErrors::new());
    let caller = Caller::system(Default::default());
    let identity = Identity::of(&fields, &caller, &query, &order);
    (fields, identity, order)
});

pub(crate) fn holds(input: &[u8]) {
    let Ok(token) = std::str::from_utf8(input) else {
        return;
    };
    let (fields, identity, order) = &*LIST;
    let leaves = order.leaves(fields);
    match identity.cursor(token, &leaves) {
        Ok(cursor) => assert_eq!(cursor.is_none(), token.is_empty()),
        Err(error) => assert_eq!(
            (error.kind(), error.code()),
            (Kind::Invalid, "invalid_page_token")
        ),
    }
}
