//! Which accounts belong together.

use std::collections::HashMap;

use kontor_chassis::{Caller, Error};
use kontor_proto::{
    accounts::v1,
    records::v1::{ListQuery, Reference},
};
use kontor_records::{query::Selection, write};
use uuid::Uuid;

use super::Accounts;
use crate::{
    model::Account,
    store::hierarchy::{self, Node},
};

impl Accounts {
    /// The accounts above an account, and those below it as far as the caller may read them.
    ///
    /// # Errors
    /// NotFound.
    pub async fn hierarchy(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<v1::GetAccountHierarchyResponse, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.read(caller).await?;
        let account: Account = write::get(&mut tx, caller, id).await?;
        let above = hierarchy::above(&mut tx, caller.company_id(), id).await?;
        let readable = Selection::settled::<Account>(&mut tx, caller, &ListQuery::default()).await?;
        let nodes = hierarchy::below(&mut tx, &readable, id).await?;
        Ok(v1::GetAccountHierarchyResponse {
            ancestors: above
                .into_iter()
                .map(|(id, name)| Reference {
                    id: id.to_string(),
                    name,
                })
                .collect(),
            tree: grow(account.id, nodes),
        })
    }
}

/// The tree of these nodes, which come level by level; what hangs on a node that isn't there is not there either.
fn grow(root: Uuid, nodes: Vec<Node>) -> Option<v1::AccountNode> {
    let mut children: HashMap<Uuid, Vec<v1::AccountNode>> = HashMap::new();
    // From the deepest level up, each node finds those below it complete.
    for node in nodes.into_iter().rev() {
        let Node {
            id,
            parent_id,
            name,
            depth,
        } = node;
        let mut below = children.remove(&id).unwrap_or_default();
        below.reverse();
        let grown = v1::AccountNode {
            id: id.to_string(),
            name,
            depth,
            children: below,
        };
        if id == root {
            return Some(grown);
        }
        if let Some(parent) = parent_id {
            children.entry(parent).or_default().push(grown);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_keeps_the_order_of_its_nodes_and_loses_what_hangs_on_nothing() {
        let ids: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
        let node = |at: usize, parent: Option<Uuid>, depth| Node {
            id: ids[at],
            parent_id: parent,
            name: at.to_string(),
            depth,
        };
        let tree = grow(
            ids[0],
            vec![
                node(0, None, 0),
                node(1, Some(ids[0]), 1),
                node(2, Some(ids[0]), 1),
                node(3, Some(ids[1]), 2),
                node(4, Some(Uuid::now_v7()), 2),
            ],
        )
        .unwrap();
        let names =
            |nodes: &[v1::AccountNode]| nodes.iter().map(|node| node.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&tree.children), ["1", "2"]);
        assert_eq!(names(&tree.children[0].children), ["3"]);
        assert_eq!(tree.children[0].children[0].depth, 2);
    }
}
