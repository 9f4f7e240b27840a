//! Accounts that belong to accounts.

use kontor_chassis::{Error, Kind};
use kontor_proto::accounts::v1::{self, account_service_server::AccountService};

use crate::world::{World, answer, fields, named};

impl World {
    async fn below(&self, parent: &v1::Account, name: &str) -> v1::Account {
        let account = v1::Account {
            parent_id: Some(parent.id.clone()),
            ..named(name)
        };
        self.create(account).await.unwrap()
    }

    async fn put(&self, account: &v1::Account, parent: &v1::Account) -> Result<v1::Account, Error> {
        let change = v1::Account {
            parent_id: Some(parent.id.clone()),
            ..v1::Account::default()
        };
        self.update(&account.id, change, &["parent_id"], "").await
    }

    async fn hierarchy(&self, account: &v1::Account) -> Result<v1::GetAccountHierarchyResponse, Error> {
        let request = self.asks(v1::GetAccountHierarchyRequest {
            id: account.id.clone(),
        });
        answer(self.grpc.get_account_hierarchy(request).await)
    }
}

/// `A(B(C) D)`
fn sketch(node: &v1::AccountNode) -> String {
    let below: Vec<String> = node.children.iter().map(sketch).collect();
    if below.is_empty() {
        node.name.clone()
    } else {
        format!("{}({})", node.name, below.join(" "))
    }
}

#[tokio::test]
async fn the_ancestors_come_from_the_root_down_and_the_tree_by_name_with_its_depth() {
    let world = World::new().await;
    let root = world.create(named("Root")).await.unwrap();
    let middle = world.below(&root, "Middle").await;
    let account = world.below(&middle, "Account").await;
    let zeta = world.below(&account, "Zeta").await;
    let alpha = world.below(&account, "Alpha").await;
    world.below(&zeta, "Deep").await;
    let found = world.hierarchy(&account).await.unwrap();
    let above: Vec<&str> = found.ancestors.iter().map(|above| above.name.as_str()).collect();
    assert_eq!(above, ["Root", "Middle"]);
    let tree = found.tree.unwrap();
    assert_eq!(sketch(&tree), "Account(Alpha Zeta(Deep))");
    assert_eq!((tree.depth, tree.children[1].children[0].depth), (0, 2));

    let request = world.asks(v1::DeleteAccountRequest {
        id: alpha.id.clone(),
        etag: String::new(),
    });
    answer(world.grpc.delete_account(request).await).unwrap();
    assert_eq!(
        sketch(&world.hierarchy(&account).await.unwrap().tree.unwrap()),
        "Account(Zeta(Deep))"
    );
    assert_eq!(world.hierarchy(&alpha).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(
        world.elsewhere().hierarchy(&account).await.unwrap_err().kind(),
        Kind::NotFound
    );
}

#[tokio::test]
async fn two_that_are_put_below_each_other_at_once_close_no_loop() {
    let world = World::new().await;
    for _ in 0..5 {
        let one = world.create(named("One")).await.unwrap();
        let other = world.create(named("Other")).await.unwrap();
        let deep = world.below(&one, "Deep").await;
        let (first, second) = tokio::join!(world.put(&one, &other), world.put(&other, &deep));
        let refused = match (first, second) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("one of both has to be refused: {both:?}"),
        };
        assert_eq!(
            (refused.kind(), fields(&refused)),
            (Kind::Refused, vec![("parent_id", "parent_loop")])
        );
    }
}
