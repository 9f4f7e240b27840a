//! What lists have in common.

use kontor_proto::records::v1::ListQuery;

/// The query of a request that also says of itself which page it is about.
pub(super) fn about_page(query: Option<ListQuery>, page_size: i32, page_token: String) -> ListQuery {
    let mut query = query.unwrap_or_default();
    if page_size != 0 {
        query.page_size = page_size;
    }
    if !page_token.is_empty() {
        query.page_token = page_token;
    }
    query
}
